"""From a network to a plan: the rows of a table that do what a step does, in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor

from lava_torch.compiler.network import Network
from lava_torch.compiler.wiring import Key, Wire
from lava_torch.kernels import message, spike
from lava_torch.kernels.op import Row
from lava_torch.model.hosted.adapter import HostedModel
from lava_torch.model.rows import Events, Message, rows_method, sum_dtype
from lava_torch.model.torch_model import TorchProcessModel
from lava_torch.model.values import outermost_last
from lava_torch.model.view import View


@dataclass(frozen=True)
class Owned:
    """A row, and whose it is: the Process and the phase, for error messages; of an excerpt in
    stages, the stage."""

    row: Row
    node: str
    phase: str
    stage: int = 0


@dataclass(frozen=True)
class Plan:
    """What a step does, as rows.

    `before` and `after` run once before and after each run of steps. `clock` is int64 (1,), the
    network's own time step; `counts` holds the counts of all lists of spikes. All tensors are those
    of the network, or made for the plan. Of an excerpt, `kept` holds what was sent in step t in row
    (t - 1) % length: (length, batch, size) each.
    """

    rows: tuple[Owned, ...]
    before: tuple[Row, ...]
    after: tuple[Row, ...]
    clock: Tensor
    counts: Tensor
    kept: Mapping[Key, Tensor] = field(default_factory=dict)

    def written(self) -> list[Tensor]:
        """What the rows write to, each tensor once."""
        return distinct(t for owned in self.rows for t in owned.row.written)


def distinct(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Each of the tensors once, by where it lies."""
    return list({tensor.data_ptr(): tensor for tensor in tensors}.values())


@dataclass(frozen=True)
class Excerpt:
    """Some nodes of a network, which are stepped by a clock of their own.

    `clock` is int64 (1,). `received` holds what is sent to them from outside, by its OutPort, and
    `sent` names the OutPorts of theirs of which the last `length` messages are kept. `stages` has
    the stage of each call, by node and method, where they do not all run together.
    """

    nodes: frozenset[str]
    clock: Tensor
    received: Mapping[Key, Message]
    sent: tuple[Key, ...]
    length: int
    stages: Mapping[tuple[str, str], int] = field(default_factory=dict)


def plan_obstacle(network: Network) -> str | None:
    """Why a network cannot become a plan, in words; None if it can."""
    reasons = (node_obstacle(network, name) for name in network.models)
    return next((reason for reason in reasons if reason), None)


def node_obstacle(network: Network, name: str) -> str | None:
    """Why a node of a network cannot be in a plan, in words; None if it can."""
    model = network.models[name]
    if isinstance(model, HostedModel):
        return f"Process '{name}' has the numpy model {model.model_class.__name__}"
    if model.quantized_training:
        return f"Process '{name}' trains fixed-point numbers in floating point"
    for method in ("step", "emit", "absorb", "learn", "manage"):
        if callable(getattr(model, method, None)) and rows_method(model, method) is None:
            return (
                f"{type(model).__name__}, the model of Process '{name}', has no {method}_rows that "
                f"say what its {method} does"
            )
    reason = model.rows_obstacle()
    if reason:
        return f"Process '{name}': {reason}"
    return read_obstacle(model)


def read_obstacle(model: TorchProcessModel) -> str | None:
    """Why what a model's RefPorts read is in no plan, in words; None if it is."""
    for port, read in model._reads.items():
        if read.var in read.model.sparse:
            return f"RefPort '{model.binding.name}.{port}' reads a sparse Var"
    return None


def make_plan(network: Network, excerpt: Excerpt | None = None) -> Plan:
    """The plan of a network whose models are prepared, or of an excerpt of it, on its device.

    Raises TypeError for a buffer that has no place in a plan, such as one that is a view.
    """
    return _Planner(network, excerpt).plan()


class _Planner:
    def __init__(self, network: Network, excerpt: Excerpt | None) -> None:
        self.network, self.excerpt = network, excerpt
        self.batch = network.clock.batch_size or 1
        self.clock = network.clock.time_step.view(1) if excerpt is None else excerpt.clock
        self.rows: list[Owned] = []
        self.before: list[Row] = []
        self.after: list[Row] = []
        self.sent: dict[Key, Message] = {} if excerpt is None else dict(excerpt.received)
        self.stage = 0
        self.lists: dict[tuple[int, int], Events] = {}
        self.refreshed: dict[str, list[Row]] = {}
        self.taken: dict[tuple[int, Message], Tensor] = {}
        self.named: dict[tuple[str, str], Tensor] = {}
        inputs = sum(len(wire.inputs) for wire in network._wires)
        self.counts = torch.zeros(inputs, dtype=torch.int32, device=self.clock.device)

    def plan(self) -> Plan:
        wires = [wire for wire in self.network._wires if self._has(wire.node)]
        models = self.network.models
        for wire in (w for w in wires if w.sends):
            self._call(wire.node, "spiking", "step" if wire.receives else "emit", wire)
        kept = self._keep_sent()
        absorbing = [w for w in wires if w.receives and not w.sends]
        # What a sender overwrites in its absorb must have been read before.
        absorbing.sort(key=lambda w: _emits(models[w.node]))
        for wire in absorbing:
            self._call(wire.node, "spiking", "absorb", wire)
        for name in filter(self._has, self.network._learners):
            self._call(name, "learning", "learn", None)
        for name in filter(self._has, self.network._managers):
            self._call(name, "post-management", "manage", None)
        rows, before, after = tuple(self.rows), tuple(self.before), tuple(self.after)
        return Plan(rows, before, after, self.clock, self.counts, kept)

    def _has(self, node: str) -> bool:
        return self.excerpt is None or node in self.excerpt.nodes

    def _keep_sent(self) -> dict[Key, Tensor]:
        """Rows that keep what is sent out of an excerpt, before a sender overwrites it."""
        if self.excerpt is None:
            return {}
        kept, length = {}, self.excerpt.length
        for key in (key for key in self.excerpt.sent if key in self.sent):
            self.stage = self._stage_of(key[0], "step", "emit")
            rows = _ModelRows(self, key[0], self.network.models[key[0]], "spiking", None)
            x = rows._at_this_step(self.sent[key])
            kept[key] = rows.scratch((length, self.batch, self.sent[key].size), x.dtype)
            rows.add(message.RECORD.on(x.view(-1), kept[key].view(length, -1), self.clock))
        return kept

    def _stage_of(self, node: str, *methods: str) -> int:
        stages = {} if self.excerpt is None else self.excerpt.stages
        return next((stages[node, m] for m in methods if (node, m) in stages), 0)

    def _call(self, node: str, phase: str, method: str, wire: Wire | None) -> None:
        model = self.network.models[node]
        self.stage = self._stage_of(node, method)
        getattr(model, f"{method}_rows")(_ModelRows(self, node, model, phase, wire))


@dataclass
class _ModelRows:
    """`lava_torch.model.rows.Rows` for one method of one model."""

    planner: _Planner
    node: str
    model: TorchProcessModel
    phase: str
    wire: Wire | None
    clock: Tensor = field(init=False)
    batch: int = field(init=False)

    def __post_init__(self) -> None:
        self.clock, self.batch = self.planner.clock, self.planner.batch

    def add(self, row: Row) -> None:
        self.planner.rows.append(Owned(row, self.node, self.phase, self.planner.stage))

    def before(self, row: Row) -> None:
        self.planner.before.append(row)

    def after(self, row: Row) -> None:
        self.planner.after.append(row)
        self.planner.refreshed.setdefault(self.node, []).append(row)

    def scratch(
        self, shape: tuple[int, ...], dtype: torch.dtype, name: str | None = None
    ) -> Tensor:
        zeros = torch.zeros(shape, dtype=dtype, device=self.clock.device)
        return zeros if name is None else self.planner.named.setdefault((self.node, name), zeros)

    # -- messages ---------------------------------------------------------------------------------

    def send(self, port: str, tensor: Tensor, time: bool = False, state: bool = False) -> None:
        key, _ = self._wired.outputs[port]
        copied = state and self._read_by_absorb(key)
        self.planner.sent[key] = Message(self._copied(tensor) if copied else tensor, time)

    def messages(self, port: str) -> list[Message]:
        found = []
        for source, view in self._links(port):
            sent = self.planner.sent.get(source)
            if sent is not None:
                found.append(sent if view is None else self._viewed(sent, source, view))
        return found

    def whole(self, port: str) -> Tensor:
        found = [self._at_this_step(m) for m in self.messages(port)]
        size = prod(self.model.binding.in_shapes[port])
        if len(found) == 1 and self._fits(found[0].dtype):
            return found[0]
        dtype = sum_dtype([part.dtype for part in found], self.model.compute_dtype)
        total = self.scratch((self.batch, size), dtype)
        for i, part in enumerate(found):
            op = message.COPY if i == 0 else message.ACCUMULATE
            self.add(op.on(part.view(-1), total.view(-1)))
        if dtype == self.model.compute_dtype:
            return total
        whole = self.scratch((self.batch, size), self.model.compute_dtype)
        self.add(message.COPY.on(total.view(-1), whole.view(-1)))
        return whole

    def _fits(self, dtype: torch.dtype) -> bool:
        """Whether the model's rows can read a message of this dtype as it is."""
        exact = (torch.bool, torch.uint8, self.model.compute_dtype)
        return dtype in exact or self.model.recorder

    def events(self, port: str) -> Events:
        x = self.whole(port).view(-1)
        key = x.data_ptr() or id(x)  # an empty tensor has no address
        key = (self.planner.stage, key)
        known = self.planner.lists.get(key)
        if known is None:
            spikes = self.scratch(tuple(x.shape), torch.int32)
            number = len(self.planner.lists)
            known = Events(spikes, self.planner.counts[number : number + 1], x)
            self.planner.lists[key] = known
            self.add(spike.COMPACT.on(x, known.spikes, known.count))
        return known

    @property
    def _wired(self) -> Wire:
        if self.wire is None:
            raise TypeError(f"Process '{self.node}' sends and receives in the spiking phase only.")
        return self.wire

    def _links(self, port: str) -> Sequence[tuple[Key, View | None]]:
        return next(links for name, _, links in self._wired.inputs if name == port)

    def _read_by_absorb(self, key: Key) -> bool:
        """Whether a model that overwrites its own messages reads this one as it does so."""
        network = self.planner.network
        return any(
            source == key
            for wire in network._wires
            if wire.receives and not wire.sends and _emits(network.models[wire.node])
            for _, _, links in wire.inputs
            for source, _ in links
        )

    def _copied(self, tensor: Tensor) -> Tensor:
        copy = self.scratch(tuple(tensor.shape), tensor.dtype)
        self.add(message.COPY.on(tensor.view(-1), copy.view(-1)))
        return copy

    def _at_this_step(self, sent: Message) -> Tensor:
        if not sent.time:
            return sent.tensor
        key = (self.planner.stage, sent)
        if key not in self.planner.taken:
            row = self.scratch((self.batch, sent.size), sent.tensor.dtype)
            self.planner.taken[key] = row
            self.add(message.SOURCE_ROW.on(sent.tensor, self.clock, row))
        return self.planner.taken[key]

    def _viewed(self, sent: Message, source: Key, view: View) -> Message:
        """The message through virtual ports: as it lies, or its elements gathered."""
        network = self.planner.network
        shape = network.models[source[0]].binding.out_shapes[source[1]]
        index = _index(view, _numbers(shape))
        if _in_order(index, sent.size):
            return sent
        return Message(self._gathered(self._at_this_step(sent), index))

    def _gathered(self, x: Tensor, index: Tensor) -> Tensor:
        """The elements x[:, index], or x itself where these are all of them in order."""
        if _in_order(index, x.shape[-1]):
            return x
        seen = self.scratch((x.shape[0], len(index)), x.dtype)
        self.add(message.GATHER.on(x, index.to(x.device), seen))
        return seen

    # -- Vars -------------------------------------------------------------------------------------

    def var(self, name: str) -> Tensor:
        return _rows_of_var(self.model, name, self.planner.network.clock.batch_size)

    def outermost(self, name: str) -> Tensor:
        value, batch_size = getattr(self.model, name), self.planner.network.clock.batch_size
        _check_shape(self.model, name, value, batch_size)
        return _outermost(self.model, name)

    def read(self, ref_port: str) -> Tensor:
        source = self.model._reads.get(ref_port)
        if source is None:
            return self.scratch((self.batch, prod(self.model.binding.ref_shapes[ref_port])),
                                self.model.compute_dtype)  # fmt: skip
        for row in self.planner.refreshed.get(source.model.binding.name, []):
            self.add(row)
        value, batch_size = getattr(source.model, source.var), self.planner.network.clock.batch_size
        batched = _batched(source.model, source.var, batch_size)
        if source.var in source.model.last_axis_outermost:
            x, lead = _outermost(source.model, source.var), source.model.outermost_lead(source.var)
            index = _index(source.view, _numbers(tuple(x.shape[lead:])).movedim(0, -1))
            x = x.reshape(batch_size if lead else 1, -1)
        else:
            x = _rows_of_var(source.model, source.var, batch_size)
            index = _index(source.view, _numbers(tuple(value.shape[int(batched) :])))
        return self._gathered(x, index).view(batch_size if batched else 1, -1)


def _emits(model: TorchProcessModel) -> bool:
    """Whether a model sends what it absorbed before, and so overwrites what it sends."""
    return callable(getattr(model, "emit", None))


def _numbers(shape: tuple[int, ...]) -> Tensor:
    """1, 2, 3, ... in the order of memory."""
    return torch.arange(1, prod(shape) + 1, dtype=torch.int64).reshape(shape)


def _index(view: View, numbers: Tensor) -> Tensor:
    """Which element lands at each place, -1 for none: int32, on the host."""
    return (view.apply(numbers).reshape(-1) - 1).to(torch.int32)


def _in_order(index: Tensor, size: int) -> bool:
    return torch.equal(index, torch.arange(size, dtype=torch.int32))


def _batched(model: TorchProcessModel, name: str, batch_size: int | None) -> bool:
    return batch_size is not None and not model.is_shared(name)


def _outermost(model: TorchProcessModel, name: str) -> Tensor:
    """A Var of `last_axis_outermost` with that axis first, or second behind the batch."""
    lead = model.outermost_lead(name)
    _put(model, name, getattr(model, name), lambda value: outermost_last(value, lead))
    return getattr(model, name).detach().movedim(-1, lead)


def _rows_of_var(model: TorchProcessModel, name: str, batch_size: int | None) -> Tensor:
    _check_shape(model, name, getattr(model, name), batch_size)
    _put(model, name, getattr(model, name), Tensor.contiguous)
    value = getattr(model, name).detach()
    return value.view(value.shape[0] if _batched(model, name, batch_size) else 1, -1)


def _check_shape(
    model: TorchProcessModel, name: str, value: Tensor, batch_size: int | None
) -> None:
    """Refuse a tensor that was put in a Var's place and has another shape: rows go by the Var's."""
    known = model._inits.get(name)
    if known is None or name in model.sparse or known[1] == (1,):
        return
    batched = _batched(model, name, batch_size)
    wanted = (batch_size, *known[1]) if batched else tuple(known[1])
    if tuple(value.shape) not in (wanted, (batch_size, *known[1])) and value.numel():
        raise ValueError(
            f"{model.label(name)} was replaced by a tensor of shape {tuple(value.shape)}; it must "
            f"be {wanted}. Assign one of that shape, or use set()."
        )


def _put(
    model: TorchProcessModel, name: str, value: Tensor, layout: Callable[[Tensor], Tensor]
) -> None:
    """Let a Var lie in memory as a row needs it; its values and its tensor's name stay."""
    laid = layout(value.detach())
    if laid.data_ptr() == value.data_ptr() and laid.stride() == value.stride():
        return
    if name in model._parameters:
        model._parameters[name].data = laid
    else:
        model._buffers[name] = laid


def signature(network: Network) -> tuple:
    """What a plan depends on besides the network's structure: where its tensors lie, and how, and
    the numbers that its models put into rows. A plan is stale when this has changed."""
    places = [
        (value.data_ptr(), value.stride())
        for model in network.models.values()
        for value in (*model._buffers.values(), *model._parameters.values())
        if value is not None
    ]
    keys = [model.row_key() for model in network.models.values()]
    return (network.clock.time_step.data_ptr(), *places, *keys)
