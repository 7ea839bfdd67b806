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
from lava_torch.model.clock import Clock
from lava_torch.model.errors import VarInitError, VarValueError
from lava_torch.model.view import View


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
class Read:
    """What a RefPort reads: a Var of another model, seen through virtual ports."""

    model: TorchProcessModel
    var: str
    view: View


@dataclass(frozen=True)
class SparsePattern:
    """The fixed positions of a sparse Var; its buffer holds the values alone, in CSR order."""

    indptr: np.ndarray
    indices: np.ndarray
    shape: tuple[int, int]

    def matrix(self, values: np.ndarray) -> scipy.sparse.csr_matrix:
        return scipy.sparse.csr_matrix((values, self.indices, self.indptr), shape=self.shape)

    def holds(self, other: scipy.sparse.csr_matrix) -> bool:
        return (
            self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )


class TorchProcessModel(nn.Module, AbstractProcessModel):
    """The behaviour of a Process, as one time step on tensors.

    Each Var of the Process is a buffer of the same name (or an `nn.Parameter` where the run config
    makes it trainable). Write either

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
    """

    #: dtype of the Vars: None is the run config's floating dtype; torch.int32 is fixed point.
    dtype: ClassVar[torch.dtype | None] = None
    #: Vars whose dtype differs from `dtype`.
    dtypes: ClassVar[Mapping[str, torch.dtype]] = {}
    #: Vars without a batch axis: one value for all items of a batch.
    shared: ClassVar[tuple[str, ...]] = ()
    #: Vars that `trainable=True` turns into parameters.
    trainable: ClassVar[tuple[str, ...]] = ()
    #: Vars that `reset()` leaves as they are, because they are input.
    kept: ClassVar[tuple[str, ...]] = ()
    #: True for a model that only records what it receives: an unroll returns that instead.
    recorder: ClassVar[bool] = False
    #: True for a model that watches the network from outside: an unroll leaves it out.
    observer: ClassVar[bool] = False
    #: The most steps between two calls of `drain()`.
    chunk_limit: int | None = None

    step: Callable[..., Any]
    emit: Callable[..., Any]
    absorb: Callable[..., Any]
    learn: Callable[[], None]
    manage: Callable[[], None]

    def __init__(self, proc_params: ProcessParameters) -> None:
        super().__init__()
        self.proc_params = proc_params
        self.sparse: dict[str, SparsePattern] = {}
        self.strings: dict[str, str] = {}
        self._tensor_vars: list[str] = []
        self._reads: dict[str, Read] = {}

    # -- what a model may use ---------------------------------------------------------------

    @property
    def time_step(self) -> Tensor:
        """The number of this step, 1 in the first; int64 of shape (), on the device."""
        return self.binding.clock.time_step

    @property
    def quantized_training(self) -> bool:
        """Whether a fixed-point model holds its integers in floating point, to be trained."""
        return self.binding.trainable and self.dtype == torch.int32

    @property
    def batch_size(self) -> int | None:
        return self.binding.clock.batch_size

    def read(self, ref_port: str) -> Tensor:
        """The Var behind a RefPort, as it is now; zeros where the port is not connected."""
        source = self._reads.get(ref_port)
        if source is None:
            return self.zeros(self.binding.ref_shapes[ref_port])
        return source.view.apply(getattr(source.model, source.var))

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
            f"Var '{var}' of Process '{self.binding.name}' ({type(self).__name__}) holds {shown}; "
            f"it must be {wanted}."
        )

    def check_range(
        self, name: str, value: np.ndarray, low: int, high: int, hint: str = ""
    ) -> None:
        """Refuse anything but whole numbers in [low, high]."""
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
        """Called once, when all models are bound and RefPorts can be read."""

    def prepare(self) -> None:
        """Called once, before the first step."""

    def room(self, first: int) -> int | None:
        """How many steps from step `first` on the model can take; None: any number."""
        return None

    def begin_run(self, first: int, last: int) -> None:
        """Called on the host before the steps first..last run."""

    def drain(self) -> None:
        """Called on the host after each chunk of steps."""

    def close(self) -> None:
        """Called when the network is stopped."""

    def connect_read(self, ref_port: str, source: Read) -> None:
        self._reads[ref_port] = source

    def var_names(self) -> tuple[str, ...]:
        """The Vars that are tensors."""
        return tuple(self._tensor_vars)

    def make_trainable(self, name: str) -> None:
        """Turn the buffer of a Var into a parameter."""
        value = self._buffers.get(name)
        what = f"Var '{name}' of Process '{self.binding.name}'"
        if not self.is_shared(name):
            raise VarValueError(f"{what} is state, which each step changes, and cannot be trained.")
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
        value = getattr(self, name).detach().to("cpu", torch.float64).numpy()
        return self.sparse[name].matrix(value) if name in self.sparse else value.copy()

    def integers(self) -> dict[str, np.ndarray]:
        """In fixed point: the shared Vars' numbers that the model computes with."""
        whole = np.rint if self.dtype == torch.int32 else np.asarray
        return {n: whole(self.get_var(n)) for n in self._tensor_vars if self.is_shared(n)}

    def integer_params(self) -> dict[str, Any]:
        """In fixed point: parameters of the constructor that go with `integers()`."""
        return {}

    @torch.no_grad()
    def set_var(self, name: str, value: Any, idx: Any = None) -> None:
        """Write a Var in place; nothing is written if the value does not fit."""
        if name in self.strings:
            self.strings[name] = self._checked_string(name, value)
            return
        target: Tensor = getattr(self, name)
        new = self._checked_value(name, value, idx, target)
        target.copy_(torch.as_tensor(new).to(target.dtype))
        self.on_var_update()

    def on_var_update(self) -> None:
        """Called after a Var was set from outside."""

    # -- inner ------------------------------------------------------------------------------

    def _choose_dtype(self, binding: Binding) -> torch.dtype:
        if self.dtype is None or self.quantized_training:
            return binding.dtype
        return self.dtype

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
        if scipy.sparse.issparse(init):
            matrix = scipy.sparse.csr_matrix(init)
            matrix.sum_duplicates()
            self.sparse[name] = SparsePattern(matrix.indptr, matrix.indices, matrix.shape)
            init = matrix.data
        else:
            init = self._broadcast(name, np.asarray(init), shape)
        self.check(name, init)
        value = torch.from_numpy(_c_cast(init, dtype)).to(dtype)
        if self.batch_size is not None and not self.is_shared(name):
            value = self._batched(name, value, shape)
        return value

    def var_dtype(self, name: str) -> torch.dtype:
        return self.dtypes.get(name, self.compute_dtype)

    def is_shared(self, name: str) -> bool:
        return name in self.shared or name in self.sparse

    def _broadcast(self, name: str, init: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """`init` as an array of the Var's shape; a shared Var keeps a shape of its own, and a state
        Var may bring a leading batch axis."""
        lead = () if self.batch_size is None or self.is_shared(name) else (self.batch_size,)
        if lead and init.shape == lead + shape:
            return init.copy()
        if self.is_shared(name) and shape == (1,) and init.size > 1:
            return init.copy()
        try:
            return np.broadcast_to(init, shape).copy()
        except ValueError:
            raise VarInitError(
                f"Var '{name}' of Process '{self.binding.name}' has shape {shape}; its init of "
                f"shape {init.shape} cannot be broadcast to it. Give an array of {shape}."
            ) from None

    def _batched(self, name: str, value: Tensor, shape: tuple[int, ...]) -> Tensor:
        full = (self.batch_size,) + shape
        return value if tuple(value.shape) == full else value.expand(full).clone()

    def _checked_string(self, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(
                f"Var '{name}' of Process '{self.binding.name}' is a string; got {type(value)}."
            )
        return value

    def _checked_value(self, name: str, value: Any, idx: Any, target: Tensor) -> np.ndarray:
        if name in self.sparse:
            new = self._checked_sparse(name, value)
        elif scipy.sparse.issparse(value) or isinstance(value, str):
            raise ValueError(
                f"Var '{name}' of Process '{self.binding.name}' is a dense array of shape "
                f"{tuple(target.shape)}; got {type(value).__name__}. Pass an array or a number."
            )
        else:
            new = self._placed(name, np.asarray(value), idx, target)
        self.check(name, new)
        return _c_cast(new, target.dtype)

    def _checked_sparse(self, name: str, value: Any) -> np.ndarray:
        pattern = self.sparse[name]
        if not scipy.sparse.issparse(value):
            raise ValueError(
                f"Var '{name}' of Process '{self.binding.name}' is sparse {pattern.shape}; "
                f"got {type(value).__name__}. Pass a scipy.sparse matrix with the same entries."
            )
        matrix = scipy.sparse.csr_matrix(value)
        matrix.sum_duplicates()
        if not pattern.holds(matrix):
            raise ValueError(
                f"Var '{name}' of Process '{self.binding.name}' keeps its {pattern.indices.size} "
                f"stored positions in shape {pattern.shape}; got {matrix.nnz} others in shape "
                f"{matrix.shape}. Change the values of `{name}.get()` and set that."
            )
        return matrix.data

    def _placed(self, name: str, value: np.ndarray, idx: Any, target: Tensor) -> np.ndarray:
        """The whole new content of a Var: `value` everywhere, or at `idx` only."""
        new = target.detach().cpu().numpy().astype(np.result_type(value, np.float64))
        try:
            new[... if idx is None else idx] = value
        except (ValueError, IndexError) as error:
            where = "" if idx is None else f" at index {idx!r}"
            kind = IndexError if isinstance(error, IndexError) else VarValueError
            raise kind(
                f"Cannot set Var '{name}' of Process '{self.binding.name}', of shape "
                f"{tuple(target.shape)}, to a value of shape {value.shape}{where}: {error}."
            ) from None
        return new


def _c_cast(value: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """A float becomes an integer by dropping its fraction, as in C."""
    if dtype.is_floating_point or dtype == torch.bool:
        return np.ascontiguousarray(value)
    return np.ascontiguousarray(np.trunc(value)).astype(np.int64)
