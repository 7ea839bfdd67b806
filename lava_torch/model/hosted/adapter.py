"""A numpy model as a member of a compiled network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lava_torch.core.exceptions import ModelSelectionError
from lava_torch.core.parameters import ProcessParameters
from lava_torch.kernels.spike import CSR
from lava_torch.model.errors import VarInitError, VarValueError
from lava_torch.model.hosted.models import AbstractPyProcessModel, PyAsyncProcessModel
from lava_torch.model.hosted.ports import AbstractPyPort, PyInPort, PyOutPort, PyRefPort
from lava_torch.model.hosted.shared import Server
from lava_torch.model.hosted.state import plain_attributes, queued, restore, set_queued
from lava_torch.model.hosted.types import LavaPyType, declarations
from lava_torch.model.torch_model import Binding, TorchProcessModel
from lava_torch.model.values import place
from lava_torch.model.view import View


class HostedModel(TorchProcessModel):
    """Stands for a numpy model in a network: it has no buffers, and its Vars are the numpy model's
    attributes.

    Attributes
    ----------
    hosted : the numpy model.
    server : when its Vars are open to RefPorts.
    """

    def __init__(
        self, proc_params: ProcessParameters, model_class: type[AbstractPyProcessModel]
    ) -> None:
        super().__init__(proc_params)
        self.model_class = model_class
        self.declared = declarations(model_class)
        self.hosted = model_class(proc_params)
        self.mirrors: list[str] = []

    @property
    def _title(self) -> str:
        return f"{self.model_class.__name__}, the model of Process '{self.binding.name}'"

    @property
    def is_async(self) -> bool:
        return isinstance(self.hosted, PyAsyncProcessModel)

    # -- what the compiler uses -------------------------------------------------------------------

    def bind(self, binding: Binding, inits: Mapping[str, Any], shapes: Mapping[str, tuple]) -> None:
        self.binding = binding
        self.compute_dtype = binding.dtype
        self.server = Server(binding.name)
        self._inits = {name: (init, shapes[name]) for name, init in inits.items()}
        self._check_declarations()
        for name, (init, shape) in self._inits.items():
            setattr(self.hosted, name, self._first_value(name, init, shape))
        for name, shape in self._port_shapes().items():
            declared = self.declared[name]
            label = f"{binding.name}.{name}"
            setattr(self.hosted, name, self._port(declared, label, shape))

    def _port_shapes(self) -> dict[str, tuple[int, ...]]:
        b = self.binding
        return {**b.in_shapes, **b.out_shapes, **b.ref_shapes}

    def _check_declarations(self) -> None:
        """A Var or port of the Process must be one of the model, and the reverse."""
        members = {*self._inits, *self._port_shapes()}
        missing = sorted(members - self.declared.keys())
        if missing:
            raise self._mismatch(
                f"does not declare {missing}; add LavaPyType attributes of these names"
            )
        extra = sorted(
            name
            for name in self.declared.keys() - members
            if not (self.declared[name].optional or _is_kind(self.declared[name], "PyVarPort"))
        )
        if extra:
            raise self._mismatch(
                f"declares {extra}, which are neither Vars nor ports of the Process; those are "
                f"{sorted(members)}"
            )

    def _mismatch(self, problem: str) -> AssertionError:
        return ModelSelectionError(f"{self._title}, {problem}.")

    def _port(self, declared: LavaPyType, label: str, shape: tuple[int, ...]) -> AbstractPyPort:
        kind = declared.cls
        if not (isinstance(kind, type) and issubclass(kind, AbstractPyPort)):
            raise self._mismatch(
                f"declares port '{label}' as {kind!r}; give a kind of port, such as "
                "PyInPort.VEC_DENSE"
            )
        return kind(label, shape, float if declared.d_type is None else declared.d_type)

    def _first_value(self, name: str, init: Any, shape: tuple[int, ...]) -> Any:
        declared = self.declared[name]
        if isinstance(init, CSR):
            init = init.to_scipy()
        if declared.cls is not np.ndarray:
            return init
        if scipy.sparse.issparse(init):
            init = init.toarray()
        array = np.zeros(shape, declared.d_type)
        try:
            array[...] = init
        except (ValueError, TypeError, OverflowError) as error:
            raise VarInitError(
                f"{self.label(name)} of shape {shape} and dtype {array.dtype} cannot hold its init "
                f"of shape {np.shape(init)}: {error}."
            ) from None
        return array

    def out_ports(self) -> dict[str, PyOutPort]:
        return {n: getattr(self.hosted, n) for n in self.binding.out_shapes}

    def in_ports(self) -> dict[str, PyInPort]:
        return {n: getattr(self.hosted, n) for n in self.binding.in_shapes}

    def ref_ports(self) -> dict[str, PyRefPort]:
        return {n: getattr(self.hosted, n) for n in self.binding.ref_shapes}

    def message_dtype(self, port: str) -> torch.dtype:
        kind = getattr(self.hosted, port).dtype.kind
        if kind == "b":
            return torch.uint8
        return self.compute_dtype if kind == "f" else torch.int32

    # -- Vars that compiled models read -----------------------------------------------------------

    def mirror(self, name: str) -> None:
        """Keep a buffer that holds a Var as it was when `refresh` was called last."""
        if name not in self.mirrors:
            value = torch.as_tensor(self.get_var(name)).to(self._mirror_dtype(name))
            self.register_buffer(name, value.clone(), persistent=False)
            self.mirrors.append(name)

    def _mirror_dtype(self, name: str) -> torch.dtype:
        value = getattr(self.hosted, name)
        whole = np.asarray(value).dtype.kind in "bui"
        return torch.int32 if whole else self.compute_dtype

    def refresh(self) -> None:
        for name in self.mirrors:
            value = np.asarray(getattr(self.hosted, name))
            self._buffers[name].copy_(torch.as_tensor(value))

    # -- Vars ------------------------------------------------------------------------------------

    def get_var(self, name: str) -> np.ndarray | str | scipy.sparse.csr_matrix:
        value = getattr(self.hosted, name)
        if isinstance(value, str):
            return value
        if scipy.sparse.issparse(value):
            return value.astype(np.float64)
        if value is None:
            raise VarValueError(
                f"{self.label(name)} is None in {self.model_class.__name__}; give the Var an init, "
                "or let the model set it before it is read."
            )
        return self.whole(name).astype(np.float64)

    def set_var(self, name: str, value: Any, idx: Any = None) -> None:
        if self.is_async:
            raise RuntimeError(
                f"{self.label(name)} belongs to an asynchronous model, whose Vars cannot be set. "
                "Send it a message instead."
            )
        setattr(self.hosted, name, self._new_value(name, value, idx))
        self.hosted.on_var_update()

    def overwrite(self, name: str, value: torch.Tensor, forward: View) -> None:
        old = torch.as_tensor(self.whole(name))
        new = forward.written(old, value.detach().cpu().to(old.dtype))
        setattr(self.hosted, name, new.numpy().copy())

    def whole(self, name: str) -> np.ndarray:
        """A Var as an array of its shape."""
        value = np.array(getattr(self.hosted, name))
        shape = self._inits[name][1]
        return np.full(shape, value) if value.size == 1 else value

    def _new_value(self, name: str, value: Any, idx: Any) -> Any:
        old = getattr(self.hosted, name)
        if isinstance(old, str):
            return self._checked_string(name, value)
        if scipy.sparse.issparse(old):
            return self._new_sparse(name, old, value, idx)
        if isinstance(old, np.ndarray):
            new = place(self.label(name), old.astype(np.float64), value, idx)
            # In place, where the model may have kept the array elsewhere.
            if not old.flags.writeable:
                return new.astype(old.dtype)
            old[...] = new
            return old
        array = place(self.label(name), np.zeros(self._inits[name][1]), value, idx)
        return type(old)(array.reshape(-1)[0].item()) if array.size == 1 else array

    def _new_sparse(self, name: str, old: Any, value: Any, idx: Any) -> Any:
        new = scipy.sparse.csr_matrix(value, dtype=old.dtype)
        same = new.shape == old.shape and (new != 0).nnz == (old != 0).nnz
        if idx is not None or not same or ((new != 0) != (old != 0)).nnz:
            raise VarValueError(
                f"{self.label(name)} is sparse and can only be set to a matrix of shape "
                f"{old.shape} with the same stored positions; got one of shape {new.shape}."
            )
        return new

    # -- what else the network asks of a model ----------------------------------------------------

    def reset(self) -> None:
        """Each Var's first value again, and no message on its way; what else a numpy model keeps
        stays."""
        for name, (init, shape) in self._inits.items():
            setattr(self.hosted, name, self._first_value(name, init, shape))
        for port in self.in_ports().values():
            for channel in port.channels:
                channel.items.clear()
        if hasattr(self.hosted, "time_step"):
            self.hosted.time_step = 0
        self.refresh()

    def get_extra_state(self) -> dict[str, Any]:
        """All that the numpy model holds, as plain data: numbers, text, arrays, and random
        generators; and the messages that wait at its InPorts."""
        ports = self._port_shapes()
        attributes = {n: v for n, v in vars(self.hosted).items() if n not in ports}
        queues = {n: [queued(c) for c in p.channels] for n, p in self.in_ports().items()}
        return {"attributes": plain_attributes(attributes, self._title), "queues": queues}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        restore(self.hosted, state["attributes"])
        for name, port in self.in_ports().items():
            for channel, items in zip(port.channels, state["queues"].get(name, ()), strict=False):
                set_queued(channel, items)
        self.refresh()


def _is_kind(declared: LavaPyType, name: str) -> bool:
    return isinstance(declared.cls, type) and any(k.__name__ == name for k in declared.cls.__mro__)
