"""The ways from source ports to destination ports, in a form that a compiler can use."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from lava_torch.core.connection_config import ConnectionConfig
from lava_torch.core.path_steps import Step
from lava_torch.core.port_base import Route, incoming_routes, outgoing_routes
from lava_torch.core.ports import InPort, OutPort, RefPort, VarPort


@dataclass(frozen=True)
class Path:
    """One way from a source port to a destination port, through hierarchy and virtual ports.

    Attributes
    ----------
    src : the OutPort or RefPort where it begins.
    steps : what happens to a message from `src` on its way, in order. On a path of a RefPort, this
        is what happens to written data; data that is read takes the inverse.
    config : the ConnectionConfig given nearest to the source, or None.
    dst : the InPort or VarPort where it ends.
    """

    src: OutPort | RefPort
    steps: tuple[Step, ...]
    config: ConnectionConfig | None = field(hash=False)
    dst: InPort | VarPort


def connection_paths(port: InPort | VarPort) -> list[Path]:
    """The paths that lead to an InPort (from OutPorts) or to a VarPort (from RefPorts).

    They are in the order in which the connections were made. An InPort of a containing Process that
    nothing is connected to is not a source. Raises TypeError for another kind of port.
    """
    if not isinstance(port, (InPort, VarPort)):
        raise TypeError(f"connection_paths() needs an InPort or VarPort; got {port!r}.")
    source = OutPort if isinstance(port, InPort) else RefPort
    return [_path(route) for route in incoming_routes(port) if isinstance(route[0], source)]


def reference_paths(port: RefPort) -> list[Path]:
    """The paths from a RefPort to the VarPorts it reaches: one, unless the port is a part of more.

    Raises TypeError for another kind of port.
    """
    if not isinstance(port, RefPort):
        raise TypeError(f"reference_paths() needs a RefPort; got {port!r}.")
    return [_path(route) for route in outgoing_routes(port) if isinstance(route[-1], VarPort)]


def _path(route: Route) -> Path:
    edges = list(pairwise(route))
    configs = [source.connection_configs.get(target) for source, target in edges]
    return Path(
        src=route[0],
        steps=tuple(target.path_step(source) for source, target in edges if target.is_virtual),
        config=next((config for config in configs if config is not None), None),
        dst=route[-1],
    )
