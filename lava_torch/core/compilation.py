"""What compiling leaves on the Processes of a network, and how it is taken back.

A model made of sub-processes makes them, connects them and aliases Vars to them while its network
is compiled. A network that is compiled afresh, or could not be compiled, must lose them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from lava_torch.core.exceptions import ProcessAlreadyCompiled
from lava_torch.core.port_base import PortNode
from lava_torch.core.process_graph import all_ports, find_processes, with_sub_processes

if TYPE_CHECKING:
    from lava_torch.core.engine import Runtime
    from lava_torch.core.process import AbstractProcess

T = TypeVar("T")


def fresh_network(process: AbstractProcess) -> list[AbstractProcess]:
    """The Processes to compile with `process`, without the sub-processes of an earlier network.

    Raises ProcessAlreadyCompiled if one belongs to a network that still stands, and RuntimeError if
    `process` itself was made by a model of an earlier one.
    """
    network = find_processes(process)
    for member in network:
        if member.is_compiled:
            raise ProcessAlreadyCompiled(member)
    for member in network:
        if process in member._model_procs:
            raise RuntimeError(
                f"Process '{process.name}' was made by the model of '{member.name}', whose network "
                f"was stopped: run '{member.name}' instead."
            )
    forget_sub_processes(network)
    return find_processes(process)


def runtime_of_network(process: AbstractProcess) -> Runtime | None:
    """The runtime that a Process belongs to, itself or by what it was connected to; None if there
    is none."""
    if (runtime := process._live_runtime()) is not None:
        return runtime
    runtimes = (member._live_runtime() for member in find_processes(process))
    return next((runtime for runtime in runtimes if runtime is not None), None)


def extended_network(process: AbstractProcess, runtime: Runtime) -> list[AbstractProcess]:
    """The Processes of the network of `runtime` and what was connected to them.

    Raises ProcessAlreadyCompiled if one belongs to another network that stands.
    """
    network = find_processes(process)
    for member in network:
        if member.is_compiled and member._live_runtime() is not runtime:
            raise ProcessAlreadyCompiled(member)
    forget_sub_processes(network)
    return find_processes(process)


def undo_on_error(network: list[AbstractProcess], action: Callable[[], T]) -> T:
    """What `action` returns; if it fails, the Processes are as they were before, not compiled."""
    try:
        return track_sub_processes(network, action)
    except BaseException:
        for process in with_sub_processes(network):
            process._clear_compiled()
        raise


def track_sub_processes(network: list[AbstractProcess], action: Callable[[], T]) -> T:
    """What `action` returns. Sub-processes that it registers are kept as `_model_procs` of their
    Process; if it fails, they are taken away again."""
    before = {id(process): process.procs.members for process in network}
    try:
        result = action()
    except BaseException:
        for process in network:
            detach(process, _added(process, before[id(process)]))
        raise
    for process in network:
        added = _added(process, before[id(process)])
        process._model_procs += [sub for sub in added if sub not in process._model_procs]
    return result


def forget_sub_processes(network: list[AbstractProcess]) -> None:
    """Take away what models made of the Processes that belong to no compiled network."""
    for process in network:
        if not process.is_compiled:
            detach(process, process._model_procs)


def detach(process: AbstractProcess, sub_processes: Sequence[AbstractProcess]) -> None:
    """Undo what ties `sub_processes` to the Process that contains them: connections and aliases."""
    family = {id(member) for member in with_sub_processes(sub_processes)}
    for port in all_ports(process):
        for target in list(port.out_connections):
            if _belongs(_ends(target, "out_connections"), family):
                _disconnect(port, target)
        for source in list(port.in_connections):
            if _belongs(_ends(source, "in_connections"), family):
                _disconnect(source, port)
    for var in process.vars:
        if var.aliased_var is not None and id(var.aliased_var.process) in family:
            var.aliased_var = None
    for sub_process in sub_processes:
        sub_process.parent_proc = None
    process.procs.remove_members(sub_processes)
    process._model_procs = [sub for sub in process._model_procs if id(sub) not in family]


def _added(process: AbstractProcess, before: list[AbstractProcess]) -> list[AbstractProcess]:
    return [sub for sub in process.procs if not any(sub is old for old in before)]


def _ends(port: PortNode, side: str) -> Iterator[PortNode]:
    """The next real ports, seen through views."""
    if not port.is_virtual:
        yield port
        return
    for other in getattr(port, side):
        yield from _ends(other, side)


def _belongs(ports: Iterator[PortNode], family: set[int]) -> bool:
    found = list(ports)
    return bool(found) and all(id(port.process) in family for port in found)


def _disconnect(source: PortNode, target: PortNode) -> None:
    source.out_connections.remove(target)
    target.in_connections.remove(source)
    source.connection_configs.pop(target, None)
    target.connection_configs.pop(source, None)
