"""Which parts of a network can run many steps at once, one after another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from lava_torch.model.layers import has_layer

if TYPE_CHECKING:
    from lava_torch.compiler.network import Network

#: From one Process to another.
Edge = tuple[str, str]


@dataclass(frozen=True)
class Part:
    """Processes that run together, in the order of their ids.

    `layered`: one Process whose model does all steps at once; or else Processes that wait for each
    other, or whose models can only step.
    """

    nodes: tuple[str, ...]
    layered: bool


def divide(network: Network, gradients: bool = False) -> list[Part]:
    """The parts of a network, each behind those that it receives from.

    A cycle is one part, whether a connection in it buffers or not. What reads a Var steps together
    with the Process that holds it, unless both are layers. With `gradients` a layer has to pass
    those on.
    """
    able = frozenset(
        name
        for name, model in network.models.items()
        if _can_be_a_layer(network, name) and not (gradients and model.unroll_obstacle())
    )
    if network._parts is None or network._parts[0] != able:
        network._parts = able, _divide(network, able)
    return network._parts[1]


def _divide(network: Network, able: frozenset[str]) -> list[Part]:
    nodes = network.graph.nodes
    flows = [
        (link.node, name)
        for name, node in nodes.items()
        for links in node.inputs.values()
        for link in links
    ]
    reads = [(link.node, name) for name, node in nodes.items() for link in node.reads.values()]
    able = able - {source for source, name in flows if source == name}
    tied: set[Edge] = set()
    while True:
        groups = _cycles(list(nodes), [*flows, *reads, *((b, a) for a, b in tied)])
        layered = {group[0] for group in groups if len(group) == 1} & able
        more = {edge for edge in reads if not layered.issuperset(edge)}
        if more <= tied:
            parts = [Part(group, group[0] in layered) for group in groups]
            return _sorted(parts, [*flows, *reads])
        tied |= more


def traced_vars(network: Network, name: str) -> frozenset[str]:
    """The Vars of a Process that others read and that its steps may change."""
    model = network.models[name]
    links = (link for node in network.graph.nodes.values() for link in node.reads.values())
    read = {link.var for link in links if link.node == name}
    return frozenset(v for v in read if not model.is_shared(v) and v not in model.kept)


def _can_be_a_layer(network: Network, name: str) -> bool:
    model = network.models[name]
    if not has_layer(model) or model.rows_obstacle() is not None:
        return False
    return traced_vars(network, name) <= set(model.traceable)


def _cycles(nodes: list[str], edges: Iterable[Edge]) -> list[tuple[str, ...]]:
    """The nodes by strong components: those that reach each other."""
    rank = {name: i for i, name in enumerate(nodes)}
    places = np.array([(rank[a], rank[b]) for a, b in edges], dtype=np.int64).reshape(-1, 2)
    ones = np.ones(len(places), dtype=np.int8)
    matrix = coo_matrix((ones, (places[:, 0], places[:, 1])), shape=(len(nodes), len(nodes)))
    _, labels = connected_components(matrix, directed=True, connection="strong")
    groups: dict[int, list[str]] = {}
    for name, label in zip(nodes, labels.tolist(), strict=True):
        groups.setdefault(label, []).append(name)
    return [tuple(group) for group in groups.values()]


def _sorted(parts: list[Part], edges: Iterable[Edge]) -> list[Part]:
    of = {name: part for part in parts for name in part.nodes}
    sorter: TopologicalSorter[Part] = TopologicalSorter({part: () for part in parts})
    for source, name in edges:
        if of[source] is not of[name]:
            sorter.add(of[name], of[source])
    return list(sorter.static_order())
