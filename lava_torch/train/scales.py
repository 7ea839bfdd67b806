"""Which scale each Process of a floating-point network gets in fixed point."""

from __future__ import annotations

import numpy as np

from lava_torch.compiler import Network
from lava_torch.train.conversion import CONVERTERS, Converter, values_of
from lava_torch.train.errors import DeployError


def find_scales(network: Network, nodes: list[str]) -> dict[str, float]:
    """One scale for all that meets in a population; 1 for what only carries spikes.

    Raises DeployError for a Process class without a converter, and where values meet whose scales
    differ.
    """
    group = {name: name for name in nodes}
    for name in nodes:
        if not _converter(network, name).receives_scaled:
            continue
        for links in network.graph.nodes[name].inputs.values():
            for link in links:
                if not _converter(network, link.node).sends_scaled:
                    raise DeployError(
                        f"Process '{name}' gets what '{link.node}' sends without a connection: in "
                        f"fixed point its input has a scale, which a spike cannot carry. Put a "
                        f"Dense (such as the identity) between them."
                    )
                _join(group, name, link.node)
    roots = {name: _root(group, name) for name in nodes}
    members = {root: [n for n in nodes if roots[n] == root] for root in set(roots.values())}
    of_group = {root: _scale(network, names) for root, names in members.items()}
    scales = {name: of_group[roots[name]] for name in nodes}
    for name in nodes:
        _check_messages(network, name, scales)
    return scales


def _check_messages(network: Network, name: str, scales: dict[str, float]) -> None:
    """A connection of graded messages passes their scale on, and its own would be wrong."""
    if not getattr(network.models[name], "graded", False):
        return
    for links in network.graph.nodes[name].inputs.values():
        for link in links:
            if scales[link.node] != 1 and _converter(network, link.node).sends_scaled:
                raise DeployError(
                    f"'{link.node}' sends values times {scales[link.node]:g} in fixed point, and "
                    f"'{name}' passes graded messages on as they are. Put a neuron between them, "
                    f"or num_message_bits=0 if they are spikes."
                )


def _converter(network: Network, name: str) -> Converter:
    process = network.graph.nodes[name].process
    if type(process) not in CONVERTERS:
        known = ", ".join(cls.__name__ for cls in CONVERTERS)
        raise DeployError(
            f"Process '{name}' ({type(process).__name__}) cannot be converted to fixed point; "
            f"there are converters for {known}. Register one with @lava_torch.train.converter."
        )
    return CONVERTERS[type(process)]


def _root(group: dict[str, str], name: str) -> str:
    while group[name] != name:
        name = group[name]
    return name


def _join(group: dict[str, str], a: str, b: str) -> None:
    group[_root(group, a)] = _root(group, b)


def _scale(network: Network, members: list[str]) -> float:
    limits = [
        _converter(network, name).largest_scale(
            values_of(network.models[name], network.graph.nodes[name].process)
        )
        for name in members
    ]
    scale = min(limits)
    return float(scale) if np.isfinite(scale) else 1.0
