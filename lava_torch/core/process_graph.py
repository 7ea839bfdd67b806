"""Which Processes belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lava_torch.core.exceptions import PortOwnerError
from lava_torch.core.port_base import PortNode, labels

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess


def find_processes(process: AbstractProcess) -> list[AbstractProcess]:
    """`process` and all Processes that it is connected with, in the order of their ids.

    Connections are followed in both directions, over ports of every kind and through virtual ports;
    a sub-process also leads to the Process that contains it. Raises PortOwnerError (an
    AssertionError) if a connected port belongs to no Process.
    """
    found: dict[int, AbstractProcess] = {id(process): process}
    waiting, seen = [process], set()
    while waiting:
        for neighbour in _neighbours(waiting.pop(), seen):
            if id(neighbour) not in found:
                found[id(neighbour)] = neighbour
                waiting.append(neighbour)
    return sorted(found.values(), key=lambda found_process: found_process.id)


def with_sub_processes(processes: Iterable[AbstractProcess]) -> list[AbstractProcess]:
    """The Processes and all that they contain, each once."""
    found: dict[int, AbstractProcess] = {}
    waiting = list(processes)
    while waiting:
        process = waiting.pop()
        if id(process) not in found:
            found[id(process)] = process
            waiting.extend(process.procs)
    return list(found.values())


def all_ports(process: AbstractProcess) -> list[PortNode]:
    """The ports of a Process: in, out, ref and var, each in alphabetical order."""
    groups = (process.in_ports, process.out_ports, process.ref_ports, process.var_ports)
    return [port for group in groups for port in group]


def _neighbours(process: AbstractProcess, seen: set[int]) -> Iterator[AbstractProcess]:
    if process.parent_proc is not None:
        yield process.parent_proc
    waiting = all_ports(process)
    while waiting:
        port = waiting.pop()
        if id(port) in seen:
            continue
        seen.add(id(port))
        joined = port.in_connections + port.out_connections
        waiting.extend(joined)
        if not port.is_virtual:
            yield _owner(port, joined)


def _owner(port: PortNode, joined: list[PortNode]) -> AbstractProcess:
    if port.process is None:
        raise PortOwnerError(
            f"{port.kind_text} is connected to {labels(joined)} but belongs to no Process: make it "
            f"an attribute of one in its constructor."
        )
    return port.process
