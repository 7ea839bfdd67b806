"""The schedule with everything looked up that does not change from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from lava_torch.compiler.graph import Graph, Link
from lava_torch.compiler.schedule import Call
from lava_torch.model.view import View

#: A port of a node.
Key = tuple[str, str]


@dataclass(frozen=True)
class Wire:
    """One call of the schedule, with the ports that it reads from and writes to.

    `inputs` holds for each InPort its name, its key, and the links into it: the key of the OutPort
    and the view that the message is seen through, None if it arrives as it was sent. `outputs` maps
    OutPort names to keys and shapes.
    """

    node: str
    receives: bool
    sends: bool
    inputs: tuple[tuple[str, Key, tuple[tuple[Key, View | None], ...]], ...]
    outputs: Mapping[str, tuple[Key, torch.Size]]


def make_wires(graph: Graph, schedule: Sequence[Call]) -> tuple[Wire, ...]:
    """A Wire for each call of the schedule."""
    return tuple(_wire(graph, call) for call in schedule)


def _wire(graph: Graph, call: Call) -> Wire:
    name, node = call.node, graph.nodes[call.node]
    inputs = (
        (port, (name, port), tuple(_source(link) for link in links))
        for port, links in node.inputs.items()
    )
    outputs = {p.name: ((name, p.name), torch.Size(p.shape)) for p in node.process.out_ports}
    return Wire(name, call.receives, call.sends, tuple(inputs), outputs)


def _source(link: Link) -> tuple[Key, View | None]:
    return (link.node, link.port), link.view if link.view.steps else None
