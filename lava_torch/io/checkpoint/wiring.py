"""Connections, as JSON and back: which ports are joined, in which order, through which views.

A node is `[process, port]` or the number of a view. Sums of floats depend on the order in which
connections were made; it is that of the edges here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from graphlib import TopologicalSorter
from itertools import pairwise
from typing import Any

from lava_torch.core.connection_config import ConnectionConfig
from lava_torch.core.port_base import PortNode, _join
from lava_torch.core.ports import ConcatPort, InPort, OutPort, RefPort, ReshapePort, TransposePort
from lava_torch.core.ports import VarPort as AnyVarPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.process_graph import all_ports
from lava_torch.core.virtual_ports import _checked_concat_axis, _concat_shape
from lava_torch.io.checkpoint.decoding import (
    Decoder,
    checked_shape,
    expect,
    fields_of,
    member_of,
)
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.values import Encoder, Node

Edge = tuple[int, int]

#: From which kind of port an edge may lead to which.
ALLOWED = (
    (OutPort, (InPort, OutPort)),
    (InPort, (InPort,)),
    (RefPort, (RefPort, AnyVarPort)),
    (AnyVarPort, (AnyVarPort,)),
)


def describe_wiring(processes: Sequence[AbstractProcess], encoder: Encoder) -> dict[str, Node]:
    """The connections among `processes`, without those to what is not saved."""
    ports = {id(port): port for process in processes for port in all_ports(process)}
    views = _views(ports)
    numbers = {key: number for number, key in enumerate(views)}

    def node(port: PortNode) -> Node:
        if port.is_virtual:
            return numbers[id(port)]
        return [encoder.numbers[id(port.process)], port.name]

    nodes = {**ports, **views}
    edges = [
        [node(nodes[source]), node(nodes[target]), _config(nodes[source], nodes[target], encoder)]
        for source, target in _in_order(nodes)
    ]
    return {"views": [_view(view) for view in views.values()], "edges": edges}


def _views(ports: dict[int, PortNode]) -> dict[int, PortNode]:
    """The views between the ports that are saved: what they are views of is saved, and they lead
    to what is."""
    found: dict[int, PortNode] = {}
    waiting = list(ports.values())
    while waiting:
        for target in waiting.pop().out_connections:
            known = all(
                id(source) in ports or id(source) in found for source in target.in_connections
            )
            if target.is_virtual and known and id(target) not in found:
                found[id(target)] = target
                waiting.append(target)
    while True:
        useless = [
            key for key, view in found.items()
            if not any(id(t) in ports or id(t) in found for t in view.out_connections)
        ]  # fmt: skip
        if not useless:
            return found
        for key in useless:
            del found[key]


def _in_order(nodes: dict[int, PortNode]) -> Iterator[Edge]:
    """The edges in an order that agrees with that of the connections of every port."""
    sorter: TopologicalSorter[Edge] = TopologicalSorter()
    for key, port in nodes.items():
        outs = [(key, id(target)) for target in port.out_connections if id(target) in nodes]
        ins = [(id(source), key) for source in port.in_connections if id(source) in nodes]
        # A view is joined to what it is a view of when it is made.
        for edges in [[*ins, *outs]] if port.is_virtual else [ins, outs]:
            for edge in edges:
                sorter.add(edge)
            for before, after in pairwise(edges):
                sorter.add(after, before)
    return sorter.static_order()


def _view(port: PortNode) -> Node:
    match port:
        case ReshapePort():
            return {"reshape": list(port.shape)}
        case TransposePort():
            return {"transpose": list(port.axes)}
        case ConcatPort():
            return {"concat": int(port.concat_axis)}
    raise CheckpointError(
        f"{port.kind_text} cannot be saved: of views only those of reshape(), flatten(), "
        f"transpose() and concat_with() can."
    )


def _config(source: PortNode, target: PortNode, encoder: Encoder) -> Node:
    config = source.connection_configs.get(target)
    if config is None:
        return None
    owner = f"The connection from '{source.label}' to '{target.label}'"
    return {
        field.name: encoder.encode(getattr(config, field.name), owner, field.name, "config")
        for field in dataclasses.fields(ConnectionConfig)
    }


class Wiring:
    """The connections of a checkpoint, checked as far as they can be without Processes."""

    def __init__(self, node: Node, decoder: Decoder) -> None:
        fields = fields_of(node, "the wiring", "views", "edges")
        self.views = [_checked_view(v) for v in expect(fields["views"], list, "views")]
        self.edges = []
        for edge in expect(fields["edges"], list, "edges"):
            source, target, config = expect(edge, list, "an edge", 3)
            ends = self._end(source, decoder), self._end(target, decoder)
            self.edges.append((*ends, _checked_config(config, decoder)))
        for number, (kind, _) in enumerate(self.views):
            sources = sum(target == number for _, target, _ in self.edges)
            if sources == 0 or (sources > 1 and kind != "concat"):
                raise CheckpointError(f"view {number} has {sources} sources")

    def _end(self, end: Any, decoder: Decoder) -> int | tuple[int, str]:
        if type(end) is int and 0 <= end < len(self.views):
            return end
        number, name = expect(end, list, "a port or view", 2)
        return decoder.number(number), expect(name, str, "the name of a port")

    def connect(self, made: Callable[[int], AbstractProcess]) -> None:
        """Join the ports as they were joined."""
        ends: dict[int | tuple[int, str], PortNode] = {}
        waiting = list(self.edges)
        for source, target, _ in waiting:
            for end in (source, target):
                if isinstance(end, tuple):
                    ends[end] = _port(made(end[0]), end[1])
        for number in self._by_depth():
            sources = [ends[source] for source, target, _ in waiting if target == number]
            ends[number] = _new_view(*self.views[number], sources)
        for source, target, config in waiting:
            _check_edge(ends[source], ends[target])
            _join([(ends[source], ends[target])], [config])

    def _by_depth(self) -> list[int]:
        sorter = TopologicalSorter({number: () for number in range(len(self.views))})
        for source, target, _ in self.edges:
            if isinstance(source, int) and isinstance(target, int):
                sorter.add(target, source)
        return list(sorter.static_order())


def disconnect_all(processes: Sequence[AbstractProcess]) -> None:
    """Undo what constructors connected: the wiring has it too, at its place in the order."""
    for process in processes:
        for port in all_ports(process):
            port.in_connections, port.out_connections = [], []
            port.connection_configs = {}


def _checked_view(node: Any) -> tuple[str, Any]:
    ((kind, content),) = expect(node, dict, "a view", 1).items()
    if kind in ("reshape", "transpose"):
        return kind, checked_shape(content)
    if kind != "concat" or type(content) is not int:
        raise CheckpointError(f"a view of kind {kind!r} is not known")
    return kind, content


def _checked_config(node: Any, decoder: Decoder) -> ConnectionConfig | None:
    if node is None:
        return None
    names = (field.name for field in dataclasses.fields(ConnectionConfig))
    fields = fields_of(node, "a connection config", *names)
    return ConnectionConfig(**{name: decoder.decode(value) for name, value in fields.items()})


def _port(process: AbstractProcess, name: str) -> PortNode:
    port = member_of(process, name)
    if not isinstance(port, PortNode):
        raise CheckpointError(f"'{port.label}' is connected, but is no port")
    return port


def _new_view(kind: str, content: Any, sources: list[PortNode]) -> PortNode:
    """A view of `sources`, not yet joined to them."""
    shape = sources[0].shape
    if kind == "reshape":
        if math.prod(content) != math.prod(shape):
            raise CheckpointError(f"a port of shape {shape} cannot be seen in shape {content}")
        return ReshapePort(content, old_shape=shape)
    if kind == "transpose":
        if sorted(content) != list(range(len(shape))):
            raise CheckpointError(f"a port of shape {shape} cannot be transposed by {content}")
        return TransposePort(tuple(shape[axis] for axis in content), content)
    return _new_concat(sources, content)


def _new_concat(sources: list[PortNode], axis: int) -> ConcatPort:
    view = ConcatPort.__new__(ConcatPort)  # whose constructor would join them at once
    view.concat_axis = _checked_concat_axis(sources, axis)
    PortNode.__init__(view, _concat_shape(sources, view.concat_axis))
    return view


def _check_edge(source: PortNode, target: PortNode) -> None:
    kinds = next((kinds for base, kinds in ALLOWED if issubclass(source.kind, base)), ())
    if target.is_virtual:  # whose shapes were checked when it was made
        return
    if not isinstance(target, kinds) or source.shape != target.shape:
        raise CheckpointError(
            f"{source.kind_text} of shape {source.shape} cannot be connected to {target.kind_text} "
            f"of shape {target.shape}"
        )
