"""What the behaviour of a Process is: one time step, on tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
import torch
from torch import Tensor, nn

from lava_torch.core.model import AbstractProcessModel
from lava_torch.core.parameters import ProcessParameters
from lava_torch.kernels.spike import CSR
from lava_torch.model.clock import Clock
from lava_torch.model.errors import VarInitError, VarValueError
from lava_torch.model.ref_ports import RefPorts
from lava_torch.model.values import (
    as_csr,
    as_held,
    broadcast_init,
    c_cast,
    is_sparse,
    outermost_last,
    place,
    sparse_cast,
    values_at,
    version,
)


@dataclass(frozen=True)
class Binding:
    """What the compiler tells a model about the Process it stands for.

    `name` is the Process's name in the network; `in_shapes`, `out_shapes` and `ref_shapes` map
    port names to shapes without the batch axis; `trainable` says whether anything is to be trained.
    """

    name: str
    clock: Clock
    dtype: torch.dtype = torch.float32
    trainable: bool = False
    surrogate: Any = None
    seed: int | None = None
    in_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    out_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    ref_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class SparseVar:
    """A Var whose buffer holds only the values that a matrix of `shape` stores, by column.

    The positions are those of Var `pattern`, itself or another sparse Var of the model.
    """

    shape: tuple[int, int]
    pattern: str


class TorchProcessModel(RefPorts, nn.Module, AbstractProcessModel):
    """The behaviour of a Process, as one time step on tensors.

    Each Var of the Process is a buffer of the same name (or an `nn.Parameter` where the run config
    makes it trainable). That of a Var whose init is a sparse matrix holds the stored values alone,
    in the order of `csr(name)`. Write either

    - `step(**inputs) -> outputs`, for a model whose output depends on this step's input (a neuron);
    - `emit() -> outputs` and/or `absorb(**inputs)`, for one whose output depends on its state alone
      (a connection: it sends what it accumulated one step earlier). These break cycles.

    `inputs` are tensors by InPort name, of shape `(batch_size,) + port.shape` (no batch axis
    without `batch_size`); `outputs` is a dict by OutPort name, or the tensor itself if there is one
    OutPort. State is *assigned* (`self.v = ...`), never changed in place: so it can train.

    Further methods, called if they are defined: `learn()` in the learning phase, `manage()` in
    post-management, `prepare()` once before the first step, `begin_run(first, last)` on the host
    before a run of the steps first..last (raise there to refuse it), `drain()` on the host after
    each chunk of at most `chunk_limit` steps, `setup()` once the buffers exist.

    A model may also say what it does as rows of a table, `step_rows(rows)` for `step` and so on
    (see `lava_torch.model.rows`): a network all of whose models do is run without Python. And it
    may say what many steps at once do, by `layer(layer)` (see `lava_torch.model.layers`).

    Class attributes
    ----------------
    dtype : dtype of the Vars. None: torch.int32 for a model whose only precision tag is "fixed_pt",
        else the run config's floating dtype.
    dtypes : by name, the Vars whose dtype differs.
    shared : Vars that a step does not change. They have no batch axis: one value for all items of a
        batch; and only they can be trained.
    trainable : Vars that `trainable=True` turns into parameters.
    kept : Vars that `reset()` leaves as they are, because they are input.
    last_axis_outermost : Vars that lie in memory with their last axis outermost: the weights of one
        presynaptic neuron, or the data of one time step, side by side. Their shape is as ever.
    traceable : Vars that change, whose values after each step a `layer` gives.
    passes_gradients : whether a `layer` passes gradients on, and takes what arrives with them.
    computes : whether a `layer` saves time; sources and sinks only hand on what there is.
    recorder : whether the model only records what it receives; an unroll returns that instead.
    observer : whether it watches the network from outside; an unroll leaves it out.
    chunk_limit : the most steps between two calls of `drain()`; None: any number.
    """

    dtype: ClassVar[torch.dtype | None] = None
    dtypes: ClassVar[Mapping[str, torch.dtype]] = {}
    shared: ClassVar[tuple[str, ...]] = ()
    trainable: ClassVar[tuple[str, ...]] = ()
    kept: ClassVar[tuple[str, ...]] = ()
    last_axis_outermost: ClassVar[tuple[str, ...]] = ()
    traceable: ClassVar[tuple[str, ...]] = ()
    passes_gradients: ClassVar[bool] = False
    computes: ClassVar[bool] = False
    recorder: ClassVar[bool] = False
    observer: ClassVar[bool] = False
    chunk_limit: int | None = None

    step: Callable[..., Any]
    emit: Callable[..., Any]
    absorb: Callable[..., Any]
    learn: Callable[[], None]
    manage: Callable[[], None]

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__()
        self.proc_params = proc_params
        self.sparse: dict[str, SparseVar] = {}
        self.strings: dict[str, str] = {}
        self._tensor_vars: list[str] = []
        self._reads = {}
        self._written = []
        self._found_good: dict[str, list[tuple[Tensor, int | None]]] = {}
        self._senders: dict[str, list[tuple[TorchProcessModel, str]]] = {}

    # -- what a model may use ---------------------------------------------------------------

    @property
    def time_step(self) -> Tensor:
        """The number of this step, 1 in the first; int64 of shape (), on the device."""
        return self.binding.clock.time_step

    @property
    def quantized_training(self) -> bool:
        """Whether a fixed-point model holds its integers in floating point, to be trained."""
        return self.binding.trainable and self.own_dtype() == torch.int32

    @classmethod
    def own_dtype(cls) -> torch.dtype | None:
        """The dtype that the model insists on; None: the run config's."""
        if cls.dtype is None and "fixed_pt" in cls.tags and "floating_pt" not in cls.tags:
            return torch.int32
        return cls.dtype

    @property
    def batch_size(self) -> int | None:
        return self.binding.clock.batch_size

    def csr(self, name: str) -> CSR:
        """A sparse Var, as it is now: its values are the buffer (or the parameter) itself, those of
        the first item if each of a batch has its own."""
        indptr, indices = parts = self.stored_parts(name)
        values = getattr(self, name)
        values = values[0] if values.ndim > 1 else values
        csr = CSR(indptr, indices, values, self.sparse[name].shape)
        self.look_into(self.sparse[name].pattern, parts, lambda: csr.check(self.label(name)))
        return csr

    def stored_parts(self, name: str) -> tuple[Tensor, Tensor]:
        """The buffers `indptr` and `indices` of a sparse Var."""
        pattern = self.sparse[name].pattern
        return self._buffers[f"{pattern}_indptr"], self._buffers[f"{pattern}_indices"]

    def look_into(self, what: str, tensors: tuple[Tensor, ...], check: Callable[[], None]) -> None:
        """Call `check`, which raises, unless the tensors are those that it found good and were not
        written to since: what compiled code takes indices from must be right."""
        seen, now = self._found_good.get(what, ()), [(t, version(t)) for t in tensors]
        same = (a is b and v == w is not None for (a, v), (b, w) in zip(seen, now, strict=False))
        if not (seen and all(same)) and tensors[0].device.type != "meta":  # which holds nothing
            check()
            self._found_good[what] = now

    def __getstate__(self) -> dict[str, Any]:
        # The tensors of a copy count anew how often they were written to.
        return {**vars(self), "_found_good": {}}

    def zeros(self, shape: tuple[int, ...], dtype: torch.dtype | None = None) -> Tensor:
        """Zeros of `(batch_size,) + shape` on the model's device."""
        lead = () if self.batch_size is None else (self.batch_size,)
        dtype = dtype or self.compute_dtype
        return torch.zeros(lead + tuple(shape), dtype=dtype, device=self.time_step.device)

    def check(self, name: str, value: np.ndarray) -> None:
        """Raise VarValueError if Var `name` must not hold `value`, at compile or on `set`."""

    def refuse(self, var: str, value: Any, wanted: str) -> VarValueError:
        """The error that says which Var of which Process holds what, and what it may hold."""
        found = np.asarray(value)
        shown = f"{found}" if found.size == 1 else f"values in [{found.min()}, {found.max()}]"
        return VarValueError(
            f"{self.label(var)} ({type(self).__name__}) holds {shown}; it must be {wanted}."
        )

    def check_range(
        self, name: str, value: np.ndarray, low: int, high: int, hint: str = ""
    ) -> None:
        """Refuse anything but whole numbers in [low, high]; in training, what rounds to them."""
        value = np.rint(value) if self.quantized_training else value
        if not np.all(np.isfinite(value)) or np.any(value != np.trunc(value)):
            raise self.refuse(name, value, f"a whole number in [{low}, {high}]{hint}")
        if value.size and (value.min() < low or value.max() > high):
            raise self.refuse(name, value, f"in [{low}, {high}]{hint}")

    # -- what the compiler and the runtime use ----------------------------------------------

    def bind(self, binding: Binding, inits: Mapping[str, Any], shapes: Mapping[str, tuple]) -> None:
        """Make a buffer of each Var. `inits` and `shapes` are by Var name."""
        self.binding = binding
        self.compute_dtype = self._choose_dtype(binding)
        self._inits = {name: (init, shapes[name]) for name, init in inits.items()}
        for name, init in inits.items():
            self._bind_var(name, init, shapes[name])
        self.setup()

    @torch.no_grad()
    def reset(self) -> None:
        """Give each state Var its initial value again; parameters and inputs stay."""
        for name in self._tensor_vars:
            if not self.is_shared(name) and name not in self.kept:
                getattr(self, name).copy_(self.initial(name, *self._inits[name]))

    def setup(self) -> None:
        """Called once, when the buffers exist."""

    def on_connected(self) -> None:
        """Called when all models are bound and RefPorts can be read; again when the Process was
        connected to more."""

    def prepare(self) -> None:
        """Called once, before the first step."""

    def room(self, first: int) -> int | None:
        """How many steps from step `first` on the model can take; None: any number."""
        return None

    def rows_obstacle(self) -> str | None:
        """Why the model's rows (see `lava_torch.model.rows`) cannot stand for its step; None if
        they can."""
        return None

    def unroll_obstacle(self) -> str | None:
        """Why an unroll has to step the model, in words; None if it need not."""
        if self.passes_gradients:
            return None
        return f"{type(self).__name__} does not say that its layer passes gradients on"

    def row_key(self) -> tuple:
        """The numbers that the model's rows were made with; others call for other rows."""
        return ()

    def begin_run(self, first: int, last: int) -> None:
        """Called on the host before the steps first..last run."""

    def drain(self) -> None:
        """Called on the host after each chunk of steps."""

    def close(self) -> None:
        """Called when the network is stopped."""

    def get_hidden(self) -> dict[str, Any]:
        """What a run has changed beside the Vars, as plain data, for checkpoints: a model that
        draws a seed of its own has it here."""
        return {}

    def set_hidden(self, state: Mapping[str, Any]) -> None:
        """Take over what `get_hidden` gave; called before the Vars are."""

    def check_restored(self) -> None:
        """Raise VarValueError if compiled code would take an index that is not there from a Var;
        called when Vars were written without `check`, as a checkpoint does."""

    def disconnect(self) -> None:
        """Forget what sends to it and what it reads."""
        self._senders.clear()
        self._reads.clear()

    def connect_sender(self, port: str, sender: TorchProcessModel, out_port: str) -> None:
        self._senders.setdefault(port, []).append((sender, out_port))

    def message_dtype(self, port: str) -> torch.dtype:
        """A dtype that holds exactly what an OutPort sends."""
        return self.compute_dtype

    def sends_spikes(self, port: str) -> bool:
        """Whether what an OutPort sends is known to be 0 or 1."""
        return False

    def activity(self, port: str) -> float | None:
        """The share of an OutPort's messages that is not zero, where it is known before a run."""
        return None

    def senders(self, port: str) -> tuple[tuple[TorchProcessModel, str], ...]:
        """The models that send to an InPort, with their OutPorts."""
        return tuple(self._senders.get(port, ()))

    def incoming_dtype(self, port: str) -> torch.dtype:
        """A dtype that holds what arrives at an InPort, as far as that is one sender's message."""
        senders = self.senders(port)
        if len(senders) != 1:
            return self.compute_dtype
        sender, out_port = senders[0]
        return sender.message_dtype(out_port)

    def var_names(self) -> tuple[str, ...]:
        """The Vars that are tensors."""
        return tuple(self._tensor_vars)

    def make_trainable(self, name: str) -> None:
        """Turn the buffer of a Var into a parameter."""
        value = self._buffers.get(name)
        what = self.label(name)
        if not self.is_shared(name):
            raise VarValueError(
                f"{what} is state, which a step may change, and cannot be trained. If no step "
                f"changes it, add it to `shared` of {type(self).__name__}."
            )
        if value is None or not value.is_floating_point():
            raise VarValueError(
                f"{what} does not hold floating-point numbers; it cannot be trained."
            )
        del self._buffers[name]
        self.register_parameter(name, nn.Parameter(value))

    def get_var(self, name: str) -> np.ndarray | str | scipy.sparse.csr_matrix:
        """A Var's value: float64, a str, or CSR."""
        if name in self.strings:
            return self.strings[name]
        return self.as_var(name, getattr(self, name).detach().to("cpu", torch.float64).numpy())

    def as_var(self, name: str, content: np.ndarray) -> np.ndarray | scipy.sparse.csr_matrix:
        """What is laid out as a Var's buffer, in the form that `get` gives: a copy."""
        return self.csr(name).to_scipy(content) if name in self.sparse else content.copy()

    def integers(self) -> dict[str, np.ndarray]:
        """In fixed point: the shared Vars' numbers that the model computes with."""
        values = {n: self.get_var(n) for n in self._tensor_vars if self.is_shared(n)}
        if self.own_dtype() == torch.int32:
            values = {n: v.rint() if is_sparse(v) else np.rint(v) for n, v in values.items()}
        return values

    def integer_params(self) -> dict[str, Any]:
        """In fixed point: parameters of the constructor that go with `integers()`."""
        return {}

    @torch.no_grad()
    def set_var(self, name: str, value: Any, idx: Any = None) -> None:
        """Write a Var in place; nothing is written if the value does not fit."""
        if name in self.strings:
            self.strings[name] = self._checked_string(name, value)
            self.on_var_update()
            return
        target: Tensor = getattr(self, name)
        if name in self.sparse:
            new = self._sparse_values(name, self._new_values(name, value, idx), target.dtype)
        else:
            new = place(self.label(name), target.detach().cpu().numpy(), value, idx)
            new = self._as_tensor(name, new, target.dtype)
        target.copy_(new)
        self.on_var_update()

    def on_var_update(self) -> None:
        """Called after a Var was set from outside."""

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        *_, errors = args
        try:
            self._check_state(state_dict, prefix)
        except VarValueError as error:
            errors.append(str(error))
            return
        super()._load_from_state_dict(as_held(self, state_dict, prefix), prefix, *args)
        with torch.no_grad():
            self.on_var_update()

    def _check_state(self, state_dict: Mapping[str, Tensor], prefix: str) -> None:
        """Refuse what a Var must not hold, fractions in integers among it."""
        for name in self._tensor_vars:
            if prefix + name not in state_dict:
                continue
            given = state_dict[prefix + name].detach().cpu()
            # NumPy has no bfloat16, and its float16 cannot be compared with large numbers.
            value = np.asarray(given.float() if given.dtype.itemsize == 2 else given)
            if not getattr(self, name).is_floating_point() and np.any(value != np.trunc(value)):
                raise self.refuse(name, value, "whole numbers: the state is of floating point")
            self.check(name, value)

    # -- inner ------------------------------------------------------------------------------

    def _choose_dtype(self, binding: Binding) -> torch.dtype:
        own = self.own_dtype()
        return binding.dtype if own is None or self.quantized_training else own

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
        super()._apply(fn, recurse)
        self.compute_dtype = fn(torch.empty(0, dtype=self.compute_dtype)).dtype
        return self

    def _bind_var(self, name: str, init: Any, shape: tuple[int, ...]) -> None:
        if isinstance(init, str):
            self.strings[name] = init
            return
        self._tensor_vars.append(name)
        self.register_buffer(name, self.initial(name, init, shape))

    def initial(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        """The first content of a Var's buffer, with a batch axis where it has one."""
        dtype = self.var_dtype(name)
        if is_sparse(init):
            return self._sparse_values(name, self._bind_pattern(name, init, shape), dtype)
        batch = None if self.is_shared(name) else self.batch_size
        array = broadcast_init(self.label(name), init, shape, batch, self.is_shared(name))
        value = self._as_tensor(name, array, dtype)
        batched = self.batch_size is not None and not self.is_shared(name)
        if batched and value.ndim <= len(shape):
            value = value.expand(self.batch_size, *shape).clone()
        if name not in self.last_axis_outermost:
            return value
        return outermost_last(value, self.outermost_lead(name))

    def _bind_pattern(self, name: str, init: Any, shape: tuple[int, ...]) -> Tensor:
        """Take the positions of a sparse init; its values, as they are given."""
        csr = as_csr(self.label(name), init)
        if csr.shape != tuple(shape):
            raise VarInitError(
                f"{self.label(name)} has shape {tuple(shape)}; its init is a sparse matrix of "
                f"shape {csr.shape}. They must be equal."
            )
        self.sparse[name] = SparseVar(csr.shape, name)
        for part, value in (("indptr", csr.indptr), ("indices", csr.indices)):
            self.register_buffer(f"{name}_{part}", value.contiguous(), persistent=False)
        return csr.values

    def _new_values(self, name: str, value: Any, idx: Any) -> Tensor:
        """The values of a matrix that a sparse Var is set to, in the order of its buffer."""
        if idx is not None:
            raise VarValueError(
                f"{self.label(name)} is sparse and can only be set as a whole, not at index "
                f"{idx!r}. Change the values of what get() gives, and set that."
            )
        return values_at(self.label(name), self.csr(name), value)

    def _sparse_values(self, name: str, values: Tensor, dtype: torch.dtype) -> Tensor:
        """Checked, cast and copied."""
        held = values.detach().to("cpu")
        # NumPy has no bfloat16.
        array = (held.float() if held.dtype == torch.bfloat16 else held).numpy()
        self._check_content(name, array, dtype)
        return sparse_cast(values, dtype)

    def _as_tensor(self, name: str, array: np.ndarray, dtype: torch.dtype) -> Tensor:
        self._check_content(name, array, dtype)
        return torch.from_numpy(c_cast(array, dtype)).to(dtype)

    def _check_content(self, name: str, array: np.ndarray, dtype: torch.dtype) -> None:
        self.check(name, array)
        if not dtype.is_floating_point and not np.all(np.isfinite(array)):
            raise self.refuse(name, array, f"finite, to become {dtype}")

    def var_dtype(self, name: str) -> torch.dtype:
        return self.dtypes.get(name, self.compute_dtype)

    def outermost_lead(self, name: str) -> int:
        """How many leading axes of a Var of `last_axis_outermost` lie outside its last axis even
        so: none, or the batch."""
        return 0

    def is_shared(self, name: str) -> bool:
        return name in self.shared or name in self.sparse

    def label(self, name: str) -> str:
        """A Var, as error messages call it."""
        return f"Var '{name}' of Process '{self.binding.name}'"

    def _checked_string(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise VarValueError(f"{self.label(name)} is a string; got {type(value).__name__}.")
        return value
