"""The state of a compiled network, as JSON and arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from lava_torch.compiler import Network
from lava_torch.core.process import AbstractProcess
from lava_torch.io.checkpoint.arrays import Array, of_tensor
from lava_torch.io.checkpoint.build import ProcessNode
from lava_torch.io.checkpoint.classes import name_of
from lava_torch.io.checkpoint.decoding import Decoder, expect, fields_of
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.values import Encoder, Node
from lava_torch.model.torch_model import TorchProcessModel


def describe_state(network: Network, encoder: Encoder) -> Node:
    """What the models of a network hold, its time step and its scales; arrays are copies."""
    return {
        "time_step": int(network.clock.time_step),
        "prepared": network._prepared,
        "scales": {name: float(scale) for name, scale in network.scales.items()},
        "models": [
            _model(name, model, network, encoder)
            for name, model in network.models.items()
            if _is_saved(network.graph.nodes[name].process)
        ],
    }


def _is_saved(process: AbstractProcess) -> bool:
    return getattr(process, "in_checkpoints", True)


def _model(name: str, model: TorchProcessModel, network: Network, encoder: Encoder) -> Node:
    process = network.graph.nodes[name].process
    owner = f"Process '{name}' ({type(model).__name__})"
    state = model.state_dict()
    tensors = {key: x for key, x in state.items() if isinstance(x, torch.Tensor)}
    return {
        "name": name,
        "process": encoder.numbers.get(id(process)),
        "class": name_of(type(model)),
        "tensors": {k: _tensor(f"state.{name}.{k}", x, encoder) for k, x in tensors.items()},
        "plain": {
            key: encoder.encode(value, owner, f"its state '{key}'", f"state.{name}.{key}")
            for key, value in state.items()
            if key not in tensors
        },
        "strings": dict(model.strings),
        "hidden": encoder.encode(
            dict(model.get_hidden()), owner, "its hidden state", f"state.{name}.hidden"
        ),
    }


def _tensor(name: str, value: torch.Tensor, encoder: Encoder) -> str:
    array = of_tensor(value)
    if array is None:
        raise CheckpointError(f"'{name}' cannot be saved: it is of {value.dtype}.")
    # A copy: what the network goes on to write to must not get into the file.
    return encoder.arrays.put(Array(array.dtype, array.shape, array.data.copy()), name)


class ModelState:
    """What a checkpoint says about one model."""

    def __init__(self, node: Node, decoder: Decoder) -> None:
        keys = "name process class tensors plain strings hidden".split()
        fields = fields_of(node, "the state of a model", *keys)
        self.name = expect(fields["name"], str, "the name of a model")
        number = fields["process"]
        self.process = None if number is None else decoder.number(number)
        self.cls = fields["class"]
        tensors = expect(fields["tensors"], dict, "the tensors of a model")
        self.tensors = {key: decoder.arrays.get(name) for key, name in tensors.items()}
        plain = expect(fields["plain"], dict, "the plain state of a model")
        self.plain = {key: decoder.decode(value) for key, value in plain.items()}
        self.strings = expect(fields["strings"], dict, "the strings of a model")
        for text in self.strings.values():
            expect(text, str, "a string")
        self.hidden = expect(decoder.decode(fields["hidden"]), dict, "the hidden state of a model")

    def check(self, nodes: Sequence[ProcessNode]) -> None:
        """Refuse Vars that are larger than what the file holds of them, before memory is taken."""
        held = {} if self.process is None else nodes[self.process].vars
        if any(var.is_sparse for var in held.values()):  # of which the stored values are held
            return
        for name, var in held.items():
            if name in self.tensors and math.prod(var.shape) > self.tensors[name].size:
                raise CheckpointError(
                    f"Process '{self.name}': its Var '{name}' has shape {var.shape}, but the state "
                    f"of it has shape {self.tensors[name].shape}"
                )

    def restore(self, model: TorchProcessModel) -> None:
        """Write the state as it is: unlike one that `load_state_dict` gives, it need not be in the
        range of what may be set. What a wrapped sum leaves, for example, is not."""
        held = model.state_dict()
        if held.keys() != self.tensors.keys() | self.plain.keys():
            raise CheckpointError(
                f"Process '{self.name}' has the state {sorted(held)} now, and had "
                f"{sorted([*self.tensors, *self.plain])} when it was saved"
            )
        for key, array in self.tensors.items():
            self._check_fits(key, array, held[key])
            held[key].copy_(array.tensor())
        model.on_var_update()
        model.check_restored()
        for key, value in self.plain.items():
            model.get_submodule(key.rpartition(".")[0]).set_extra_state(value)

    def _check_fits(self, key: str, array: Array, held: object) -> None:
        now = (held.dtype, tuple(held.shape)) if isinstance(held, torch.Tensor) else (None, None)
        if now != (array.torch_dtype, array.shape):
            raise CheckpointError(
                f"Process '{self.name}': '{key}' is of {now[0]} and shape {now[1]} now, and was of "
                f"{array.torch_dtype} and shape {array.shape} when it was saved"
            )


class NetworkState:
    """The state of a network in a checkpoint, checked as far as it can be without the network."""

    def __init__(self, node: Node, decoder: Decoder, nodes: Sequence[ProcessNode]) -> None:
        fields = fields_of(node, "the state", "time_step", "prepared", "scales", "models")
        self.time_step = expect(fields["time_step"], int, "a time step")
        if not 0 <= self.time_step < 1 << 62:
            raise CheckpointError(f"{self.time_step} is no time step")
        self.prepared = expect(fields["prepared"], bool, "a bool")
        self.scales = expect(fields["scales"], dict, "the scales")
        for scale in self.scales.values():
            expect(scale, float, "a scale")
        self.models = [ModelState(m, decoder) for m in expect(fields["models"], list, "the models")]
        for model in self.models:
            model.check(nodes)

    def check_batch(self, batch_size: int | None) -> None:
        """A batch that no array has would take memory that the file cannot have been about."""
        shapes = [array.shape for model in self.models for array in model.tensors.values()]
        if batch_size is not None and batch_size > max(
            [1, *(n for shape in shapes for n in shape)]
        ):
            raise CheckpointError(f"it has batch_size={batch_size}, but no state of that size")

    @torch.no_grad()
    def restore(self, network: Network, numbers: Mapping[int, int]) -> None:
        """Write the state into a network that was compiled of the same Processes; `numbers` has the
        number of each by id."""
        with torch.inference_mode(False):
            pairs = self._pairs(network, numbers)
            for state, (_, model) in pairs:
                if state.strings.keys() != model.strings.keys():
                    raise CheckpointError(f"Process '{state.name}' has other strings now")
                model.strings.update(state.strings)
                model.set_hidden(state.hidden)
            if self.prepared:
                network.prepare()
            for state, (_, model) in pairs:
                state.restore(model)
                model.set_hidden(state.hidden)
            network.clock.time_step.fill_(self.time_step)
        renamed = {state.name: name for state, (name, _) in pairs}
        network.scales = {renamed.get(name, name): x for name, x in self.scales.items()}

    def _pairs(
        self, network: Network, numbers: Mapping[int, int]
    ) -> list[tuple[ModelState, tuple[str, TorchProcessModel]]]:
        """Each state with its model. Sub-processes that models made have no number, and a name only
        by chance; they are made in the same order as before."""
        models = network.models
        if len(models) != len(self.models):
            raise CheckpointError(
                f"its Processes compile to {len(models)} models ({list(models)}) now; when it was "
                f"saved there were {len(self.models)} ({[m.name for m in self.models]})"
            )
        pairs = list(zip(self.models, models.items(), strict=True))
        for state, (name, model) in pairs:
            number = numbers.get(id(network.graph.nodes[name].process))
            if state.cls != name_of(type(model)) or state.process != number:
                raise CheckpointError(
                    f"Process '{name}' is run by {type(model).__name__} now; its place in the file "
                    f"has the state of '{state.name}', run by {state.cls}"
                )
        return pairs
