"""What Lava's Runtime is asked by its users' code, under its names."""

from __future__ import annotations

from typing import Any, Self

from lava_torch.compiler.network import Network
from lava_torch.core.variable import Var
from lava_torch.runtime.executable import mark


class LavaNames:
    """Names of Lava's Runtime, for a runtime that has others."""

    network: Network
    is_running: bool
    is_stopped: bool

    def initialize(self, node_cfg_idx: int = 0) -> None:
        """Make this the runtime of the network's Processes, as `create_runtime` does; after that
        their Vars are read and written here. `node_cfg_idx` has no effect.

        Raises RuntimeError if a Process has another runtime that is not stopped.
        """
        graph = self.network.graph
        processes = (*graph.node_of, *graph.containers)
        for process in processes:
            if process._live_runtime() not in (None, self):
                raise RuntimeError(
                    f"Process '{process.name}' has a runtime already: stop() it first."
                )
        mark(self.network)
        for process in processes:
            process._join(self, is_caller=False)

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def get_var(self, var_id: int, idx: Any = None) -> Any:
        """The value of the Var with this id, as `get`; ValueError if the network has none such."""
        return self.get(self._var_of(var_id), idx)

    def set_var(self, var_id: int, value: Any, idx: Any = None) -> None:
        """Write the Var with this id, as `set`; ValueError if the network has none such."""
        self.set(self._var_of(var_id), value, idx)

    def _var_of(self, var_id: int) -> Var:
        graph = self.network.graph
        for process in (*graph.node_of, *graph.containers):
            for var in process.vars:
                if var.id == var_id:
                    return var
        raise ValueError(
            f"No Var of this network has the id {var_id}; its Processes are {list(graph.nodes)}."
        )

    @property
    def _is_initialized(self) -> bool:
        return True

    @property
    def _is_started(self) -> bool:
        return self.is_running

    @property
    def _is_running(self) -> bool:
        return self.is_running
