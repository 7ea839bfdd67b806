"""Ports as nodes of a graph: how they are joined and how the graph is followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from lava_torch.core.connection_config import ConnectionConfig
from lava_torch.core.exceptions import (
    CompiledConnectionError,
    DuplicateConnectionError,
    PortCycleError,
    PortKindError,
    PortOwnerError,
    PortShapeError,
)
from lava_torch.core.member import AbstractProcessMember

ConnectionConfigs = ConnectionConfig | Sequence[ConnectionConfig | None] | None


class AbstractSrcPort:
    """Marks the ports from which connections come: OutPort and RefPort."""


class AbstractDstPort:
    """Marks the ports to which connections lead: InPort and VarPort."""


class PortNode(AbstractProcessMember):
    """A port, the ports that it is joined to, and the ways through them.

    Attributes
    ----------
    in_connections, out_connections : the ports directly joined to it.
    connection_configs : the ConnectionConfig of a joined port, where one was given.
    """

    is_virtual: ClassVar[bool] = False

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.in_connections: list[PortNode] = []
        self.out_connections: list[PortNode] = []
        self.connection_configs: dict[PortNode, ConnectionConfig] = {}

    # -- joining --------------------------------------------------------------------------------

    def _connect_forward(
        self,
        ports: Sequence[PortNode],
        port_type: type[PortNode],
        connection_configs: Sequence[ConnectionConfig | None],
        assert_same_shape: bool = True,
        assert_same_type: bool = True,
    ) -> None:
        """Join this port to `ports`; all is checked before anything changes."""
        self._validate_ports(ports, port_type, assert_same_shape, assert_same_type)
        _join([(self, port) for port in ports], connection_configs)

    def _connect_backward(
        self,
        ports: Sequence[PortNode],
        port_type: type[PortNode],
        connection_configs: Sequence[ConnectionConfig | None],
        assert_same_shape: bool = True,
        assert_same_type: bool = True,
    ) -> None:
        """Join `ports` to this port; all is checked before anything changes."""
        self._validate_ports(ports, port_type, assert_same_shape, assert_same_type)
        _join([(port, self) for port in ports], connection_configs)

    def _validate_ports(
        self,
        ports: Sequence[PortNode],
        port_type: type[PortNode],
        assert_same_shape: bool = True,
        assert_same_type: bool = False,
    ) -> None:
        if not ports:
            raise PortKindError(f"'{self.label}' is given no port to connect to.")
        for port in ports:
            self._check_kind(port, port_type)
            if assert_same_type and not issubclass(port.kind, ports[0].kind):
                raise PortKindError(
                    f"The ports given to '{self.label}' in one call must be of one kind; got "
                    f"{ports[0].kind.__name__} '{ports[0].label}' and {port.kind.__name__} "
                    f"'{port.label}'."
                )
            if assert_same_shape and port.shape != self.shape:
                raise PortShapeError(
                    f"Cannot connect '{self.label}' of shape {self.shape} with '{port.label}' of "
                    f"shape {port.shape}: the shapes must be equal. See reshape() and transpose()."
                )

    def _check_kind(self, port: Any, port_type: type[PortNode]) -> None:
        if isinstance(port, port_type):
            return
        found = port.kind_text if isinstance(port, PortNode) else repr(port)
        hint = ""
        if isinstance(port, PortNode) and port.is_virtual:
            hint = " A virtual port only connects forward: call its connect()."
        raise PortKindError(
            f"{self.kind_text} connects to {port_type.__name__}s here; got {found}.{hint}"
        )

    @property
    def kind(self) -> type[PortNode]:
        """The class of port that this is, or that a virtual port is a view of."""
        return type(self)

    @property
    def kind_text(self) -> str:
        return f"{type(self).__name__} '{self.label}'"

    def __repr__(self) -> str:
        return f"<{self.kind_text} of shape {self.shape}>"

    @property
    def base_port(self) -> PortNode | None:
        """The port that a virtual port is a view of (the first, if of several); else itself."""
        return self

    # -- following ------------------------------------------------------------------------------

    def get_src_ports(self) -> list[PortNode]:
        """The ports where the chains of connections that lead here begin, one for each chain."""
        return [route[0] for route in incoming_routes(self) if route[0] is not self]

    def get_dst_ports(self) -> list[PortNode]:
        """The ports where the chains of connections that leave here end, one for each chain."""
        return [route[-1] for route in outgoing_routes(self) if route[-1] is not self]

    def get_incoming_virtual_ports(self) -> tuple[str | None, list[PortNode]]:
        """The id of the port where the chain to here begins, and the virtual ports on the way.

        They are in order from that port to this. Where several chains lead here, the virtual ports
        of all are listed and the id is the last one's; `connection_paths` keeps them apart.
        """
        routes = incoming_routes(self)
        found = [port for route in routes for port in route if port.is_virtual]
        return (port_id(routes[-1][0]) if routes else None), found

    def get_outgoing_virtual_ports(self) -> tuple[str | None, list[PortNode]]:
        """The id of the port where the chain from here ends, and the virtual ports on the way.

        They are in order from that port back to this, the order in which what is read from there is
        transformed. Several chains: as in `get_incoming_virtual_ports`.
        """
        routes = outgoing_routes(self)
        found = [port for route in routes for port in reversed(route) if port.is_virtual]
        return (port_id(routes[-1][-1]) if routes else None), found

    def get_incoming_transform_funcs(self) -> dict[str, list[Callable]]:
        """By id of the port where a chain begins, what to apply to a message from there, in order.

        Chains without virtual ports are left out. Of two chains from one port the last is kept.
        """
        funcs = {}
        for route in incoming_routes(self):
            chain = [port._func_fwd(source) for source, port in pairwise(route) if port.is_virtual]
            if chain:
                funcs[port_id(route[0])] = chain
        return funcs

    def get_outgoing_transform_funcs(self) -> dict[str, list[Callable]]:
        """By id of the port where a chain ends, what to apply to data read from there, in order."""
        return {
            port_id(route[-1]): [
                port._func_bwd(source) for source, port in pairwise(route) if port.is_virtual
            ][::-1]
            for route in outgoing_routes(self)
            if route[-1] is not self
        }


Route = tuple[PortNode, ...]


def incoming_routes(port: PortNode) -> list[Route]:
    """The ways that lead to `port`, depth first: each the ports from its beginning to `port`."""
    routes = [(*route, port) for source in port.in_connections for route in incoming_routes(source)]
    if routes or port.is_virtual:
        return routes
    return [(port,)]


def outgoing_routes(port: PortNode) -> list[Route]:
    """The ways that leave `port`, depth first: each the ports from `port` to its end.

    Virtual ports that lead nowhere are not ends.
    """
    routes = [
        (port, *route) for target in port.out_connections for route in outgoing_routes(target)
    ]
    if routes or port.is_virtual:
        return routes
    return [(port,)]


def port_id(port: PortNode) -> str:
    """`<process id>_<port name>`; PortOwnerError if the port belongs to no Process."""
    if port.process is None:
        raise PortOwnerError(f"{port.kind_text} belongs to no Process yet, so it has no id.")
    return create_port_id(port.process.id, port.name)


def create_port_id(proc_id: int, port_name: str) -> str:
    """The id of a port: `<process id>_<port name>`."""
    return f"{proc_id}_{port_name}"


def to_list(ports: Any) -> list[Any]:
    """One or several ports as a list."""
    return list(ports) if isinstance(ports, (list, tuple)) else [ports]


def _join(
    edges: Sequence[tuple[PortNode, PortNode]], configs: Sequence[ConnectionConfig | None]
) -> None:
    configs = one_each(configs, len(edges))
    check_edges(edges)
    for (source, target), config in zip(edges, configs, strict=True):
        source.out_connections.append(target)
        target.in_connections.append(source)
        if config is not None:
            source.connection_configs[target] = config
            target.connection_configs[source] = config
    _made[0] += len(edges)


_made = [0]


def connections_made() -> int:
    """How many connections were made so far: where it is the same, so are all networks."""
    return _made[0]


def check_edges(edges: Sequence[tuple[PortNode, PortNode]]) -> None:
    """Raise what forbids these connections: they are there already, lead in a circle, or come too
    late."""
    for index, (source, target) in enumerate(edges):
        check_one_network(source, target)
        if target in source.out_connections or (source, target) in edges[:index]:
            raise DuplicateConnectionError(
                f"'{source.label}' and '{target.label}' are connected already."
            )
        if any(port is source for port in _reachable(target)):
            raise PortCycleError(
                f"Connecting '{source.label}' to '{target.label}' would lead a port to itself."
            )


def check_one_network(source: AbstractProcessMember, target: AbstractProcessMember) -> None:
    """What is connected to a network that runs joins it at its next run; but two that stand cannot
    become one, and one that is compiled only, as an executable, is as it is."""
    compiled = [p.process for p in (source, target) if getattr(p.process, "is_compiled", False)]
    runtimes = {id(process._live_runtime()) for process in compiled}
    executables = [process for process in compiled if process._live_runtime() is None]
    if len(runtimes) > 1 or executables:
        process = (executables or compiled)[0]
        raise CompiledConnectionError(
            f"Cannot connect '{source.label}' to '{target.label}': the network of "
            f"'{process.name}' is compiled. Connect before that, or stop() it first."
        )


def one_each(
    configs: Sequence[ConnectionConfig | None], count: int
) -> Sequence[ConnectionConfig | None]:
    """A config for each of `count` connections: as given, or the one given repeated."""
    if len(configs) not in (1, count):
        raise ValueError(
            f"Give 1 ConnectionConfig, or one for each of {count}; got {len(configs)}."
        )
    for config in configs:
        if config is not None and not isinstance(config, ConnectionConfig):
            raise TypeError(f"A connection config must be a ConnectionConfig; got {config!r}.")
    return list(configs) * count if len(configs) == 1 else configs


def _reachable(start: PortNode) -> Iterator[PortNode]:
    waiting, seen = [start], set()
    while waiting:
        port = waiting.pop()
        if id(port) not in seen:
            seen.add(id(port))
            yield port
            waiting.extend(port.out_connections)


def labels(ports: Iterable[Any]) -> str:
    """The labels of some ports, for a message; what is no port as it is."""
    return ", ".join(f"'{p.label}'" if isinstance(p, PortNode) else repr(p) for p in ports)
