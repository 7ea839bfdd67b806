"""The compiled network: a torch.nn.Module whose submodules are the Processes' models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from lava_torch.compiler.graph import Graph
from lava_torch.compiler.hosting import Hosting
from lava_torch.compiler.parts import Part
from lava_torch.compiler.schedule import Call
from lava_torch.compiler.unroll import Unroll
from lava_torch.compiler.wiring import Key, Wire, make_wires
from lava_torch.model.clock import Clock
from lava_torch.model.torch_model import TorchProcessModel

#: What was sent in a step, by node and OutPort; or what is fed from outside, by node and port.
Messages = dict[Key, Tensor]


class Network(nn.Module):
    """A compiled network of Processes.

    Each Process is a submodule of its name, each Var a buffer of it (a parameter where the run
    config makes it trainable): `network.state_dict()` has "lif.v". `network.to(device)`,
    `load_state_dict` and `copy.deepcopy` work as for any module. Calling the network unrolls it,
    see `forward`; `AbstractProcess.run` steps one, with the state kept.
    """

    clock: Clock
    #: In fixed point, how many times the floating-point values the integers are, by Process name;
    #: what is not in it was not scaled. Set by `quantize`, handed on by `deploy`.
    scales: dict[str, float]
    #: What ties numpy models to the others; None if there are none.
    hosting: Hosting | None

    def __init__(
        self,
        graph: Graph,
        schedule: Sequence[Call],
        models: Mapping[str, TorchProcessModel],
        clock: Clock,
        hosting: Hosting | None = None,
    ) -> None:
        super().__init__()
        self.graph = graph
        self._wires = make_wires(graph, schedule)
        self.clock = clock
        self._place: list[tuple[str, str] | None] = [None]
        self._prepared = False
        #: What `parts.divide` found, and for which Processes that can be layers.
        self._parts: tuple[frozenset[str], list[Part]] | None = None
        self.scales = {}
        self.hosting = hosting
        for name, model in models.items():
            self.add_module(name, model)
        self._learners = [name for name, m in models.items() if callable(getattr(m, "learn", None))]
        self._managers = [
            name for name, m in models.items() if callable(getattr(m, "manage", None))
        ]
        self._writers = [name for name, node in graph.nodes.items() if node.reads]

    @property
    def models(self) -> dict[str, TorchProcessModel]:
        """The models by Process name, in the order of the Processes' ids."""
        return {name: self._modules[name] for name in self.graph.nodes}

    @property
    def position(self) -> tuple[str, str] | None:
        """The Process and the phase that a step is at, or was at when a model raised."""
        return self._place[0]

    @property
    def device(self) -> torch.device:
        return self.clock.time_step.device

    def forward(
        self,
        inputs: Mapping[str, Tensor] | None = None,
        steps: int | None = None,
        record: Sequence[str] = (),
    ) -> dict[str, Tensor]:
        """Unroll the network over `steps` time steps, differentiably.

        It starts from the Vars as they stand and leaves them as they were, so that each call starts
        from the same state; `reset()` makes that the initial one.

        Processes that need nothing of each other within a step do all steps at once, one Process
        after another, which in floating point changes the order of sums (and where models of your
        own draw from torch's generator, the order of draws); cycles are stepped. With
        `stepper="eager"` in the run config all are.

        Parameters
        ----------
        inputs : by Process name, tensors of shape (T, *shape) or (T, B, *shape). They are added to
            what the Process's one InPort receives; for a source, which has none, they take the
            place of what its OutPort sends. "process.port" names one of several ports.
        steps : number of steps, T if it is not given.
        record : further "process.port" or "process.var" to return.

        Returns
        -------
        dict by Process name of (steps, *shape) or (steps, B, *shape): what each sink received and
        what each unconnected OutPort sent ("process.port" where there are several), and `record`.

        Raises
        ------
        TypeError : `inputs` is not a dict of tensors.
        ValueError : unknown names, shapes that do not fit, or too few rows of input.
        """
        return Unroll(self, {} if inputs is None else inputs, steps, record).run()

    @torch.no_grad()
    def prepare(self) -> None:
        """Let the models prepare before the first step; once."""
        if self._prepared:
            return
        # Buffers that were made in inference mode could not be written to outside it.
        with torch.inference_mode(False):
            for model in self.models.values():
                model.prepare()
        self._prepared = True

    def take_over(self, other: Network) -> None:
        """Go on from where `other` is, which has some of the same models."""
        self.scales = dict(other.scales)
        self._prepared = other._prepared
        with torch.no_grad(), torch.inference_mode(False):
            known = set(other.models.values())
            for model in self.models.values():
                if self._prepared and model not in known:
                    model.prepare()

    @torch.no_grad()
    def reset(self) -> None:
        """Back to time step 0 and the initial values of all state; parameters and inputs stay.
        State is written in place: call `backward` of an unroll before, not after.
        """
        for model in self.models.values():
            model.reset()
        self.clock.time_step.zero_()
        self._prepared = False

    def step(self, fed: Messages | None = None, observe: bool = True) -> Messages:
        """Run one time step. State is assigned, not yet committed: see `runtime.state`.

        `fed` is added to InPorts and replaces what OutPorts send. With `observe=False` observers
        and recorders are left out. Returns what was sent and, under their InPorts, what recorders
        were to receive.
        """
        self.clock.tick()
        fed, messages = fed or {}, {}
        for wire in self._wires:
            self._place[0] = (wire.node, "spiking")
            self._spike(wire, self._modules[wire.node], fed, messages, observe)
        self._phase(self._learners, "learn", "learning", observe)
        self._manage(observe)
        self._place[0] = None
        return messages

    def _manage(self, observe: bool) -> None:
        """Post-management; then Vars get what was written through RefPorts in this step."""
        self._phase(self._managers, "manage", "post-management", observe)
        for name in self._writers:
            written = self._modules[name]._written
            self._place[0] = (name, "post-management")
            while written:
                reach, value = written.pop(0)
                reach.model.overwrite(reach.var, value, reach.forward)

    def _phase(self, nodes: list[str], method: str, phase: str, observe: bool) -> None:
        for name in nodes:
            model = self._modules[name]
            if observe or not model.observer:
                self._place[0] = (name, phase)
                getattr(model, method)()

    def _spike(
        self,
        wire: Wire,
        model: TorchProcessModel,
        fed: Messages,
        messages: Messages,
        observe: bool,
    ) -> None:
        if model.observer and not observe:
            return
        if not wire.receives:
            self._send(wire, model.emit(), fed, messages)
            return
        inputs = _receive(wire, model, fed, messages)
        if model.recorder and not observe:
            messages.update({(wire.node, port): x for port, x in inputs.items()})
        elif wire.sends:
            self._send(wire, model.step(**inputs), fed, messages)
        else:
            model.absorb(**inputs)

    def _send(
        self,
        wire: Wire,
        result: Tensor | Mapping[str, Tensor] | None,
        fed: Messages,
        messages: Messages,
    ) -> None:
        for port, message in _by_port(wire, result).items():
            key, shape = wire.outputs[port]
            if message.shape[message.ndim - len(shape) :] != shape:
                raise ValueError(
                    f"OutPort '{wire.node}.{port}' has shape {tuple(shape)}, but "
                    f"{type(self._modules[wire.node]).__name__} sent a message of shape "
                    f"{tuple(message.shape)}."
                )
            messages[key] = fed.get(key, message) if fed else message


def _receive(
    wire: Wire, model: TorchProcessModel, fed: Messages, messages: Messages
) -> dict[str, Tensor]:
    inputs = {}
    for port, key, links in wire.inputs:
        total = fed.get(key) if fed else None
        for source, view in links:
            message = messages.get(source)
            if message is not None:
                message = message if view is None else view.apply(message)
                total = message if total is None else _sum(total, message)
        if total is None:
            total = model.zeros(model.binding.in_shapes[port])
        dtype = model.compute_dtype
        inputs[port] = total if total.dtype == dtype else total.to(dtype)
    return inputs


def _sum(a: Tensor, b: Tensor) -> Tensor:
    # torch's sum of two conditions is "or".
    return a.int() + b.int() if a.dtype == b.dtype == torch.bool else a + b


def _by_port(wire: Wire, result: Tensor | Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
    if result is None:
        return {}
    if isinstance(result, Tensor):
        if len(wire.outputs) != 1:
            raise ValueError(
                f"Process '{wire.node}' has the OutPorts {sorted(wire.outputs)}: its model must "
                f"return a dict of tensors by OutPort name, not one tensor."
            )
        return {next(iter(wire.outputs)): result}
    if not isinstance(result, Mapping):
        raise TypeError(
            f"The model of Process '{wire.node}' returned {type(result).__name__}: it must return "
            f"a tensor, or a dict of tensors by OutPort name."
        )
    unknown = result.keys() - wire.outputs.keys()
    if unknown:
        raise ValueError(
            f"The model of Process '{wire.node}' sent to {sorted(unknown)}, but its OutPorts are "
            f"{sorted(wire.outputs)}."
        )
    return result
