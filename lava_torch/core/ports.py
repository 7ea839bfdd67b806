"""The ports of a Process, and how they connect.

| from        | `connect` accepts                   | `connect_from` accepts         |
|-------------|-------------------------------------|--------------------------------|
| OutPort     | In- and OutPorts, views of them     | OutPorts (of sub-processes)    |
| InPort      | InPorts (of sub-processes)          | In- and OutPorts               |
| RefPort     | one RefPort or VarPort              | one RefPort                    |
| VarPort     | one VarPort                         | one RefPort or VarPort         |
| a view      | what the port it is a view of does  |                                |

`connect` and `connect_from` take a port or a list of ports of one kind, and a ConnectionConfig or
one for each port. They check everything before they change anything. They raise an AssertionError
for a wrong kind or shape, a DuplicateConnectionError for the same connection again; Ref- and
VarPorts raise a TypeError for a wrong kind, and an AssertionError for more than one connection. Of
ConnectionConfigs a wrong number is a ValueError, and what is none a TypeError.
"""

from __future__ import annotations

from collections.abc import Sequence

from lava_torch.core.exceptions import (
    OneToOneError,
    PortKindError,
    PortShapeError,
    PortTypeError,
    VarNotSharableError,
)
from lava_torch.core.port_base import (
    AbstractDstPort,
    AbstractSrcPort,
    ConnectionConfigs,
    PortNode,
    check_edges,
    check_one_network,
    labels,
    one_each,
    to_list,
)
from lava_torch.core.reduce_ops import AbstractReduceOp
from lava_torch.core.variable import Var
from lava_torch.core.virtual_ports import (
    AbstractIOPort,
    AbstractPort,
    AbstractRVPort,
    AbstractVirtualPort,
    ConcatPort,
    ReshapePort,
    TransposePort,
)

__all__ = [
    "AbstractDstPort",
    "AbstractIOPort",
    "AbstractPort",
    "AbstractRVPort",
    "AbstractSrcPort",
    "AbstractVirtualPort",
    "ConcatPort",
    "ImplicitVarPort",
    "InPort",
    "OutPort",
    "RefPort",
    "ReshapePort",
    "TransposePort",
    "VarPort",
]


class _PipedPort(AbstractIOPort):
    """An In- or OutPort, which a script outside the network may feed or read.

    Attributes
    ----------
    external_pipe_flag : whether it is open to the outside; False at first.
    external_pipe_buffer_size : messages that wait between the outside and the network; 64 at first.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.external_pipe_flag = False
        self.external_pipe_buffer_size = 64

    def flag_external_pipe(self, buffer_size: int | None = None) -> None:
        """Open the port to the outside, with room for `buffer_size` messages (None: unchanged)."""
        self.external_pipe_flag = True
        if buffer_size is not None:
            self.external_pipe_buffer_size = buffer_size


class OutPort(_PipedPort, AbstractSrcPort):
    """Sends messages of `shape`.

    Parameters
    ----------
    shape : tuple of ints; the shape of one message.
    """

    def connect(
        self,
        ports: AbstractPort | Sequence[AbstractPort],
        connection_configs: ConnectionConfigs = None,
    ) -> None:
        """Send to InPorts of other Processes, or to OutPorts of the Process that contains this one.

        A view of such a port stands for the port itself: the message is changed back on the way.
        """
        self._connect_view(self, to_list(ports), to_list(connection_configs))

    def connect_from(
        self,
        ports: OutPort | Sequence[OutPort],
        connection_configs: ConnectionConfigs = None,
    ) -> None:
        """Pass on what OutPorts of sub-processes send."""
        self._connect_backward(to_list(ports), OutPort, to_list(connection_configs))

    def _connect_view(self, source: AbstractPort, targets: list, configs: list) -> None:
        if not any(isinstance(target, AbstractVirtualPort) for target in targets):
            source._connect_forward(targets, AbstractIOPort, configs)
            return
        configs = one_each(configs, len(targets))
        self._check_views(source, targets)
        for target, config in zip(targets, configs, strict=True):
            if isinstance(target, AbstractVirtualPort):
                target._feed(source, config)
            else:
                source._connect_forward([target], AbstractIOPort, [config])

    def _check_views(self, source: AbstractPort, targets: list) -> None:
        source._validate_ports(targets, AbstractPort, assert_same_type=True)
        if not issubclass(targets[0].kind, AbstractIOPort):
            raise PortKindError(f"{source.kind_text} cannot send to {targets[0].kind_text}.")
        check_edges([(source, target) for target in targets])
        for target in targets:
            if isinstance(target, AbstractVirtualPort):
                target._check_can_be_fed(source)


class InPort(_PipedPort, AbstractDstPort):
    """Receives messages of `shape`: the sum of what its connections bring, zeros without any.

    Parameters
    ----------
    shape : tuple of ints; the shape of one message.
    reduce_op : kept for Lava's signature; inputs are always added.
    """

    def __init__(
        self, shape: tuple[int, ...], reduce_op: type[AbstractReduceOp] | None = None
    ) -> None:
        super().__init__(shape)
        self._reduce_op = reduce_op

    def connect(
        self, ports: InPort | Sequence[InPort], connection_configs: ConnectionConfigs = None
    ) -> None:
        """Pass on what comes in to InPorts of sub-processes."""
        self._connect_view(self, to_list(ports), to_list(connection_configs))

    def connect_from(
        self,
        ports: AbstractIOPort | Sequence[AbstractIOPort],
        connection_configs: ConnectionConfigs = None,
    ) -> None:
        """Receive from OutPorts of other Processes, or from InPorts of the containing Process."""
        self._connect_backward(to_list(ports), AbstractIOPort, to_list(connection_configs))

    def _connect_view(self, source: AbstractPort, targets: list, configs: list) -> None:
        source._connect_forward(targets, InPort, configs)


class _SharedMemoryPort(AbstractRVPort):
    """A Ref- or VarPort: it has one connection in each direction at most."""

    def _check_one(self, ports: list, taken: list[PortNode]) -> None:
        if len(ports) > 1 or taken:
            raise OneToOneError(
                f"{self.kind_text} can have only one connection here (only 1:1); it has "
                f"{labels(taken) or 'none'} and is given {len(ports)}."
            )

    def _check_type(self, ports: list, kinds: tuple[type[PortNode], ...]) -> None:
        for port in ports:
            if not isinstance(port, kinds):
                found = port.kind_text if isinstance(port, PortNode) else repr(port)
                wanted = " or ".join(kind.__name__ for kind in kinds)
                raise PortTypeError(
                    f"{self.kind_text} can be connected to a {wanted} here; got {found}. A RefPort "
                    f"reaches a Var by connect_var()."
                )


class RefPort(_SharedMemoryPort, AbstractSrcPort):
    """Reads and writes a Var of another Process.

    Parameters
    ----------
    shape : tuple of ints; the shape of the Var, or of what a view makes of it.
    """

    def connect(
        self,
        ports: AbstractRVPort | Sequence[AbstractRVPort],
        connection_configs: ConnectionConfigs = None,
    ) -> None:
        """Reach a VarPort of another Process, or pass through a RefPort of the containing one."""
        targets = to_list(ports)
        self._check_one(targets, self.get_dst_ports())
        self._check_type(targets, (RefPort, VarPort))
        self._connect_view(self, targets, to_list(connection_configs))

    def connect_from(
        self, ports: RefPort | Sequence[RefPort], connection_configs: ConnectionConfigs = None
    ) -> None:
        """Serve a RefPort of a sub-process."""
        sources = to_list(ports)
        self._check_one(sources, self.get_src_ports())
        self._check_type(sources, (RefPort,))
        self._connect_backward(sources, RefPort, to_list(connection_configs))

    def connect_var(
        self, variables: Var | Sequence[Var], connection_configs: ConnectionConfigs = None
    ) -> None:
        """Reach a Var of another Process through an implicit VarPort.

        Raises AssertionError for what is no Var, a Var of the same Process, another shape or a
        second connection; VarNotSharableError for a Var that is not shareable.
        """
        targets = to_list(variables)
        self._check_one(targets, self.get_dst_ports())
        one_each(to_list(connection_configs), max(len(targets), 1))
        for var in targets:
            self._check_var(var)
        ports = [self.create_implicit_var_port(var) for var in targets]
        self.connect(ports, connection_configs)

    def _check_var(self, var: Var) -> None:
        if not isinstance(var, Var):
            raise PortKindError(f"connect_var() of '{self.label}' needs a Var; got {var!r}.")
        if self.process is not None and self.process is var.process:
            raise PortKindError(f"'{self.label}' and Var '{var.label}' belong to the same Process.")
        check_one_network(self, var)
        if self.shape != var.shape:
            raise PortShapeError(
                f"Cannot connect '{self.label}' of shape {self.shape} with Var '{var.label}' of "
                f"shape {var.shape}: the shapes must be equal."
            )

    def get_dst_vars(self) -> list[Var]:
        """The Vars that it reaches."""
        return [port.var for port in self.get_dst_ports() if isinstance(port, VarPort)]

    @staticmethod
    def create_implicit_var_port(var: Var) -> ImplicitVarPort:
        """A new VarPort for `var`, as an attribute of the Var's Process."""
        port = ImplicitVarPort(var)
        if var.process is None:
            var.waiting_ports.append(port)
        else:
            port.join_process()
        return port

    def _connect_view(self, source: AbstractPort, targets: list, configs: list) -> None:
        source._connect_forward(targets, AbstractRVPort, configs)


class VarPort(_SharedMemoryPort, AbstractDstPort):
    """Opens a Var to the RefPorts of other Processes.

    Parameters
    ----------
    var : the Var; the port has its shape.

    Raises
    ------
    AssertionError : `var` is no Var.
    VarNotSharableError : `var` is not shareable.
    """

    def __init__(self, var: Var) -> None:
        if not isinstance(var, Var):
            raise PortKindError(f"A VarPort needs a Var; got {var!r}.")
        if not var.shareable:
            raise VarNotSharableError(var.label)
        super().__init__(var.shape)
        self.var = var

    def connect(
        self, ports: VarPort | Sequence[VarPort], connection_configs: ConnectionConfigs = None
    ) -> None:
        """Pass requests on to a VarPort of a sub-process."""
        targets = to_list(ports)
        self._check_one(targets, self.get_dst_ports())
        self._check_type(targets, (VarPort,))
        self._connect_view(self, targets, to_list(connection_configs))

    def connect_from(
        self,
        ports: AbstractRVPort | Sequence[AbstractRVPort],
        connection_configs: ConnectionConfigs = None,
    ) -> None:
        """Serve a RefPort of another Process, or a VarPort of the containing one."""
        sources = to_list(ports)
        self._check_one(sources, self.get_src_ports())
        self._check_type(sources, (RefPort, VarPort))
        self._connect_backward(sources, AbstractRVPort, to_list(connection_configs))

    def _connect_view(self, source: AbstractPort, targets: list, configs: list) -> None:
        source._connect_forward(targets, VarPort, configs)


class ImplicitVarPort(VarPort):
    """The VarPort that `RefPort.connect_var` makes, named `_<var>_implicit_port`."""

    def __init__(self, var: Var) -> None:
        super().__init__(var)
        self.name = f"_{var.name}_implicit_port"

    def join_process(self) -> None:
        """Become an attribute of the Var's Process, under a name that is free there."""
        self.process = self.var.process
        base = f"_{self.var.name}_implicit_port"
        self.name, count = base, 0
        while hasattr(self.process, self.name):
            count += 1
            self.name = f"{base}_{count}"
        setattr(self.process, self.name, self)
        self.process.var_ports.add_members({self.name: self})
