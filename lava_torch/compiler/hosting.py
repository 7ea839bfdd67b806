"""Numpy models in a network: their channels, and where they touch compiled models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lava_torch.compiler.errors import CompileError
from lava_torch.compiler.graph import Graph, Link, ReadLink
from lava_torch.compiler.wiring import Key
from lava_torch.core.path_steps import applied
from lava_torch.model.hosted.adapter import HostedModel
from lava_torch.model.hosted.channel import Channel
from lava_torch.model.hosted.ports import conversion
from lava_torch.model.hosted.shared import Server, SharedVar
from lava_torch.model.torch_model import TorchProcessModel

Models = Mapping[str, TorchProcessModel]


#: The messages that wait in channels, by their ends; None stands for compiled models together.
Queues = dict[tuple[str, str | None], list[Any]]


@dataclass
class Hosting:
    """What ties the numpy models of a network to each other and to its compiled models.

    Attributes
    ----------
    models : the numpy models, by Process name.
    given : by OutPort of a numpy model that compiled models receive from, the channel to them.
    taken : by OutPort of a compiled model, the channels to the numpy models that receive from it.
    servers : when Vars are open to RefPorts, by Process name, of compiled models.
    """

    models: dict[str, HostedModel] = field(default_factory=dict)
    given: dict[Key, Channel] = field(default_factory=dict)
    taken: dict[Key, list[Channel]] = field(default_factory=dict)
    servers: dict[str, Server] = field(default_factory=dict)
    #: Called in a run when a Var of a compiled model is about to be read, and when it was written.
    before_read: Callable[[], None] | None = None
    after_write: Callable[[], None] | None = None

    def channels(self) -> list[Channel]:
        """All channels of the network."""
        return [channel for _, channel in self._by_ends()]

    def _by_ends(self) -> Iterator[tuple[tuple[str, str | None], Channel]]:
        for model in self.models.values():
            for port in model.in_ports().values():
                yield from (((c.source, c.target), c) for c in port.channels)
        yield from (((c.source, None), c) for c in self.given.values())

    def set_capacity(self, size: int) -> None:
        for channel in self.channels():
            channel.capacity = size

    def take_apart(self) -> Queues:
        """Take the channels away; what waits in them."""
        queues = {ends: list(channel.items) for ends, channel in self._by_ends()}
        for model in self.models.values():
            for port in (*model.in_ports().values(), *model.out_ports().values()):
                port.channels.clear()
        return queues

    def put_back(self, queues: Queues) -> None:
        """Messages that waited in channels of the same ends wait again."""
        for ends, channel in self._by_ends():
            channel.items.extend(queues.get(ends, ()))


def make_hosting(graph: Graph, models: Models) -> Hosting | None:
    """Connect the numpy models of a network; None if there are none.

    Raises CompileError for a batch, which numpy models do not have.
    """
    hosted = {name: model for name, model in models.items() if isinstance(model, HostedModel)}
    if not hosted:
        return None
    for name, model in hosted.items():
        if model.batch_size is not None:
            raise CompileError(
                f"Process '{name}' has the numpy model {model.model_class.__name__}, which cannot "
                f"run with batch_size={model.batch_size}. Leave batch_size out, or give it a "
                "TorchProcessModel."
            )
    hosting = Hosting(hosted)
    for name, node in graph.nodes.items():
        for port, links in node.inputs.items():
            for link in links:
                _connect(hosting, models, name, port, link)
        for port, link in node.reads.items():
            if name in hosted:
                _refer(hosting, models, name, port, link)
            elif link.node in hosted:
                hosted[link.node].mirror(link.var)
    return hosting


def _connect(hosting: Hosting, models: Models, name: str, port: str, link: Link) -> None:
    source, target = models[link.node], models[name]
    key = (link.node, link.port)
    from_hosted, to_hosted = (isinstance(m, HostedModel) for m in (source, target))
    if not (from_hosted or to_hosted):
        return
    labels = f"{link.node}.{link.port}", f"{name}.{port}"
    if not to_hosted:
        _give(hosting, source, key, labels)
        return
    sparse = getattr(target.hosted, port).sparse
    channel = Channel(*labels, _seen(source, link, sparse))
    getattr(target.hosted, port).channels.append(channel)
    if from_hosted:
        getattr(source.hosted, link.port).channels.append(channel)
    else:
        hosting.taken.setdefault(key, []).append(channel)


def _give(hosting: Hosting, source: HostedModel, key: Key, labels: tuple[str, str]) -> None:
    """One channel an OutPort, whatever the compiled models behind it make of its messages."""
    if key in hosting.given:
        hosting.given[key].target += f", {labels[1]}"
        return
    port = getattr(source.hosted, key[1])
    dense = conversion(port.shape, port.sparse, False, port.dtype)
    channel = Channel(*labels, dense)
    hosting.given[key] = channel
    port.channels.append(channel)


def _seen(source: TorchProcessModel, link: Link, sparse: bool) -> Callable[[Any], Any] | None:
    """What a message becomes on its way to a numpy model: through views, and as dense or sparse as
    its port; None if it stays what it is."""
    shape = source.binding.out_shapes[link.port]
    port = getattr(source.hosted, link.port) if isinstance(source, HostedModel) else None
    source_sparse = port is not None and port.sparse
    steps = link.view.steps
    if not steps and source_sparse == sparse:
        return None
    dtype = np.float64 if port is None else port.dtype
    dense = conversion(shape, source_sparse, False, dtype) or _same
    last = conversion(shape, False, sparse, dtype) or _same

    def seen(message: Any) -> Any:
        # A view of a copy, which is the receiver's own.
        return last(applied(steps, dense(message)))

    return seen


def _same(message: Any) -> Any:
    return message


def _refer(hosting: Hosting, models: Models, name: str, port: str, link: ReadLink) -> None:
    ref_port = getattr(hosting.models[name].hosted, port)
    owner = models[link.node]
    label = f"{link.node}.{link.var}"
    if isinstance(owner, HostedModel):
        var, server = _HostedVar(owner, link.var), owner.server
    else:
        var = _CompiledVar(hosting, owner, link.var)
        server = hosting.servers.setdefault(link.node, Server(link.node))
    ref_port.var = SharedVar(server, label, var, link.forward.steps, link.view.steps)


@dataclass
class _HostedVar:
    """A Var of a numpy model."""

    owner: HostedModel
    name: str

    def get(self) -> np.ndarray:
        return self.owner.whole(self.name)

    def put(self, data: np.ndarray) -> None:
        # As in Lava, what a RefPort wrote takes the place of the model's array, with its dtype.
        setattr(self.owner.hosted, self.name, data)


@dataclass
class _CompiledVar:
    """A Var of a compiled model."""

    hosting: Hosting
    owner: TorchProcessModel
    name: str

    def get(self) -> np.ndarray:
        if self.hosting.before_read is not None:
            self.hosting.before_read()
        value = self.owner.get_var(self.name)
        whole = not getattr(self.owner, self.name).is_floating_point()
        return value.astype(np.int32) if whole else value

    def put(self, data: np.ndarray) -> None:
        self.owner.set_var(self.name, data)
        if self.hosting.after_write is not None:
            self.hosting.after_write()
