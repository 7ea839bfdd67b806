"""Processes that tell their shape."""

from __future__ import annotations

from lava_torch.core.process import AbstractProcess


class ShapedProcess(AbstractProcess):
    """A Process with the parameter `shape`, which is its neurons' shape."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The neurons' shape."""
        return self.proc_params["shape"]
