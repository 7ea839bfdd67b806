"""Processes through which data enters and leaves a network: `io.source`, `io.sink`."""

from lava_torch.proc.io import sink, source

__all__ = ["sink", "source"]
