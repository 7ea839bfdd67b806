"""What the Process API asks of a compiler and a runtime.

This room imports neither: they register themselves here as one `Engine`. Of the Processes, the
engine changes only the marks of a compiled network, when nothing can fail any more: it calls
`process._set_compiled(model_class, model)` for each Process, those of sub-process models included.
The runtime that it returns is handed to the Processes by `AbstractProcess.create_runtime`. Nothing
has to be undone at `stop()`: a stopped runtime says so itself, and a Process of a stopped network
counts as not compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lava_torch.core.checkpoints import Rhythm
    from lava_torch.core.process import AbstractProcess
    from lava_torch.core.run_conditions import AbstractRunCondition
    from lava_torch.core.run_configs import RunConfig
    from lava_torch.core.variable import Var


class Runtime(Protocol):
    """What runs one network.

    Attributes
    ----------
    is_running : whether a run is on.
    is_stopped : whether `stop()` was called, or the network stopped for another reason.
    connections : `connections_made()` when its network was last compared with the Processes.
    """

    is_running: bool
    is_stopped: bool
    connections: int

    def start(self, run_condition: AbstractRunCondition, rhythm: Rhythm | None = None) -> None:
        """Run, and return when the condition is met or, if it is not blocking, at once.

        `rhythm`, given only where checkpoints are wanted, writes them on the way.
        """

    def wait(self) -> None:
        """Return when no run is on any more."""

    def pause(self) -> None:
        """Stop after the current step; `start` goes on from there."""

    def stop(self) -> None:
        """End the run and release everything."""

    def get(self, var: Var, idx: Any) -> Any:
        """The value of a Var (float64, str or CSR) or of the part at `idx`; None while running.

        A Var that no model holds, such as one of a hierarchical Process, has its `init`.
        """

    def set(self, var: Var, value: Any, idx: Any) -> None:
        """Write a Var, or the part at `idx`; ValueError if the value does not fit."""


class Engine(Protocol):
    """Compiles networks and makes their runtimes."""

    def compile(
        self, process: AbstractProcess, run_cfg: RunConfig, compile_config: Mapping[str, Any] | None
    ) -> Any:
        """Compile the network of `process` into an executable, and mark its Processes compiled."""

    def create_runtime(
        self,
        process: AbstractProcess,
        run_cfg: RunConfig | None,
        executable: Any,
        compile_config: Mapping[str, Any] | None,
    ) -> Runtime:
        """Make the runtime of an executable."""

    def extend(self, process: AbstractProcess, runtime: Runtime) -> bool:
        """Take what was connected to the network of `runtime`, seen from `process`, into it, and
        mark all Processes; what was there keeps its state. Whether anything was."""


_registered: list[Engine] = []


def register_engine(engine: Engine) -> None:
    """Make `engine` the one that Processes use; TypeError if it lacks a method of Engine."""
    for method in ("compile", "create_runtime", "extend"):
        if not callable(getattr(engine, method, None)):
            raise TypeError(f"An engine needs a method {method}(); got {engine!r}.")
    _registered[:] = [engine]


def get_engine() -> Engine:
    """The registered engine; RuntimeError if there is none."""
    if not _registered:
        raise RuntimeError(
            "No engine is registered, so nothing can be compiled or run: import lava_torch first."
        )
    return _registered[0]
