"""Lava's name for what compiles."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lava_torch.core.process import AbstractProcess
from lava_torch.core.run_configs import RunConfig


class Compiler:
    """Compiles as `AbstractProcess.compile` does, for scripts that name it.

    Parameters
    ----------
    compile_config : options of the compiler, as `AbstractProcess.compile` takes them.
    loglevel : accepted as well.
    """

    def __init__(
        self, compile_config: Mapping[str, Any] | None = None, loglevel: int = logging.WARNING
    ) -> None:
        self._compile_config = None if compile_config is None else dict(compile_config)

    def compile(self, process: AbstractProcess, run_cfg: RunConfig) -> Any:
        """The executable of a Process and all that are connected with it, for `create_runtime`.

        Raises as `AbstractProcess.compile`.
        """
        return process.compile(run_cfg, self._compile_config)
