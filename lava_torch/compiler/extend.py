"""A compiled network that is connected to something new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from lava_torch.compiler.compile import RESERVED, connect, make_model, make_trainable
from lava_torch.compiler.errors import CompileError
from lava_torch.compiler.graph import Graph, Node, build_graph
from lava_torch.compiler.hosting import Hosting, Queues, make_hosting
from lava_torch.compiler.network import Network
from lava_torch.compiler.schedule import make_schedule
from lava_torch.core.process import AbstractProcess
from lava_torch.model.hosted.channel import CAPACITY
from lava_torch.model.hosted.ports import AbstractPyPort
from lava_torch.model.torch_model import TorchProcessModel

Models = Mapping[str, TorchProcessModel]


def extend(network: Network, process: AbstractProcess, use: Callable[[Network], None]) -> Network:
    """`network` with what its Processes, seen from `process`, were connected to since it was
    compiled; itself if that is nothing.

    The models that were there stay, with their state; only those of new Processes are made. `use`
    is called with the new network. If it or something before raises, all is as it was.

    Raises as `compile` does, and CompileError for a Process that has got other ports or Vars.
    """
    old = network.graph
    graph = build_graph(process, old.run_cfg, RESERVED, old.node_of)
    changed = [name for name, node in graph.nodes.items() if not _same(node, old.nodes.get(name))]
    if not changed:
        return network
    for node in (graph.nodes[name] for name in changed if name in old.nodes):
        _check_members(node, network.models[node.name])
    schedule = make_schedule(graph)
    # Buffers that were made in inference mode could not be written to outside it.
    with torch.inference_mode(False):
        new = _made(network, graph)
        models = {name: new.get(name) or network.models[name] for name in graph.nodes}
        ends = _ends(network)
        queues = network.hosting.take_apart() if network.hosting else {}
        try:
            extended = Network(
                graph, schedule, models, network.clock, _hosting(network, graph, models, queues)
            )
            connect(graph, models, changed)
            extended = extended.to(network.device)
            extended.take_over(network)
            use(extended)
        except BaseException:
            _restore(network, ends)
            raise
    return extended


def _same(node: Node, old: Node | None) -> bool:
    return old is not None and (node.inputs, node.reads) == (old.inputs, old.reads)


def _check_members(node: Node, model: TorchProcessModel) -> None:
    """The members that a model was made with are all that its Process may have."""
    process, binding = node.process, model.binding
    ports = {p.name for p in (*process.in_ports, *process.out_ports, *process.ref_ports)}
    known = {*binding.in_shapes, *binding.out_shapes, *binding.ref_shapes, *model._inits}
    new = sorted((ports | {var.name for var in process.vars}) - known)
    if new:
        raise CompileError(
            f"Process '{node.name}' has got {new} since its network was compiled: stop() the "
            "network, and run it anew."
        )


def _made(network: Network, graph: Graph) -> dict[str, TorchProcessModel]:
    """Models of the nodes that `network` does not have."""
    cfg = graph.run_cfg
    nodes = (node for name, node in graph.nodes.items() if name not in network.graph.nodes)
    models = {node.name: make_model(node, network.clock, cfg) for node in nodes}
    make_trainable(models, cfg)
    return models


def _hosting(network: Network, graph: Graph, models: Models, queues: Queues) -> Hosting | None:
    hosting = make_hosting(graph, models)
    if hosting is not None:
        hosting.set_capacity(_capacity(network))
        hosting.put_back(queues)
    return hosting


def _capacity(network: Network) -> int:
    channels = network.hosting.channels() if network.hosting else []
    return channels[0].capacity if channels else CAPACITY


#: A port of a numpy model, an attribute of it, and what that is.
Ends = list[tuple[AbstractPyPort, str, Any]]


def _ends(network: Network) -> Ends:
    """What the ports of numpy models are connected to."""
    found: Ends = []
    for model in network.hosting.models.values() if network.hosting else ():
        ports = (*model.in_ports().values(), *model.out_ports().values())
        found += [(port, "channels", list(port.channels)) for port in ports]
        found += [(port, "var", port.var) for port in model.ref_ports().values()]
    return found


def _restore(network: Network, ends: Ends) -> None:
    """Connect the models of a network as they were, by the same channels: its stepper has them."""
    for port, name, value in ends:
        setattr(port, name, value)
    connect(network.graph, network.models, ())
