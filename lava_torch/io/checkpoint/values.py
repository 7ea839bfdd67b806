"""Values that can be saved, as JSON: what a constructor, a Var or a run config is given.

None, bools, ints, strings and finite floats are themselves; a list is a list of such. Everything
else is an object with one key, its kind: `{"tuple": [...]}`, `{"array": name}`, `{"enum": ...}`.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lava_torch.core.log_config import LogConfig
from lava_torch.core.member import AbstractProcessMember
from lava_torch.core.model import AbstractProcessModel
from lava_torch.core.port_base import PortNode
from lava_torch.core.process import AbstractProcess
from lava_torch.core.sync import AbstractSyncProtocol, SyncDomain
from lava_torch.io.checkpoint.arrays import ArrayStore, of_numpy, of_tensor
from lava_torch.io.checkpoint.classes import name_of
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.kernels.equation.surrogate import Surrogate
from lava_torch.kernels.spike import CSR
from lava_torch.learning import LoihiLearningRule

#: How deep values may be nested.
DEEPEST = 100
#: The private attributes of a rule, which are saved under names of their own.
RULE_PARTS = ("_t_epoch", "_rng_seed", "_texts", "_parameters", "_plan")
#: Of the formats of scipy, the arrays that a matrix is made of.
SPARSE_PARTS = {
    "csr": ("data", "indices", "indptr"),
    "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"),
    "coo": ("data", "row", "col"),
    "dia": ("data", "offsets"),
}

Node = Any


class Encoder:
    """Turns values into JSON and arrays.

    `numbers` has the place of each Process that is saved, by id. Errors name `owner`, whose the
    value is, and what it is of it.
    """

    def __init__(self, numbers: Mapping[int, int], arrays: ArrayStore) -> None:
        self.numbers = numbers
        self.arrays = arrays
        self.objects: list[Node] = []
        self._known: dict[int, tuple[Any, int]] = {}

    def encode(self, value: Any, owner: str, what: str, hint: str) -> Node:
        """`hint` is what arrays in the value are called. Raises CheckpointError for what cannot be
        saved."""
        return _Encoding(self, owner, what, hint).encode(value, 0)

    def can(self, value: Any) -> bool:
        """Whether a value can be saved; arrays of it are not kept."""
        trial = Encoder(self.numbers, ArrayStore())
        try:
            trial.encode(value, "", "", "trial")
        except CheckpointError:
            return False
        return True

    def is_saved(self, process: AbstractProcess | None) -> bool:
        return id(process) in self.numbers

    def object(self, value: Any, encode: Callable[[Any], Node]) -> int:
        """The place of an object among those that several values may refer to."""
        if id(value) not in self._known:
            node = encode(value)
            self.objects.append(node)
            self._known[id(value)] = (value, len(self.objects) - 1)
        return self._known[id(value)][1]


class _Encoding:
    """The encoding of one value."""

    def __init__(self, encoder: Encoder, owner: str, what: str, hint: str) -> None:
        self.encoder, self.owner, self.what, self.hint = encoder, owner, what, hint

    def refuse(self, value: Any, reason: str = "") -> CheckpointError:
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        return CheckpointError(
            f"{self.owner} cannot be saved: {self.what} holds {_short(value)} ({kind})"
            f"{reason or ', which a checkpoint cannot hold'}. Give it plain data, arrays, learning "
            f"rules, enum members, or Processes and Vars of this network."
        )

    def encode(self, value: Any, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.refuse(value, f", nested more than {DEEPEST} deep")
        if value is None or type(value) in (bool, int, str):
            return value
        kind = type(value)
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is list:
            return [self.encode(item, depth + 1) for item in value]
        if kind in (tuple, set, frozenset):
            return {kind.__name__: [self.encode(item, depth + 1) for item in value]}
        if kind is dict:
            pairs = value.items()
            return {
                "dict": [[self.encode(k, depth + 1), self.encode(v, depth + 1)] for k, v in pairs]
            }
        return self._leaf(value, depth)

    def _leaf(self, value: Any, depth: int) -> Node:
        for kinds, encode in _LEAVES:
            if isinstance(value, kinds):
                return encode(self, value, depth)
        raise self.refuse(value)

    def array(self, value: Any, make: Callable = of_numpy) -> str:
        name = self.encoder.arrays.add(value, self.hint, make)
        if name is None:
            raise self.refuse(value, f" of dtype {value.dtype}, which a checkpoint cannot hold")
        return name

    def number(self, process: AbstractProcess | None, value: Any) -> int:
        if not self.encoder.is_saved(process):
            raise self.refuse(value, ", which is not connected with what is saved")
        return self.encoder.numbers[id(process)]

    # -- kinds ------------------------------------------------------------------------------------

    def _enum(self, value: enum.Enum, depth: int) -> Node:
        if type(value).__members__.get(value.name) is not value:
            raise self.refuse(value, ", which is no member of its enum")
        return {"enum": [name_of(type(value)), value.name]}

    def _complex(self, value: complex, depth: int) -> Node:
        if type(value) is not complex:
            raise self.refuse(value)
        return {"complex": [self.encode(part, depth + 1) for part in (value.real, value.imag)]}

    def _bytes(self, value: bytes, depth: int) -> Node:
        return {"bytes": value.hex()}

    def _slice(self, value: slice, depth: int) -> Node:
        parts = (value.start, value.stop, value.step)
        return {"slice": [self.encode(part, depth + 1) for part in parts]}

    def _range(self, value: range, depth: int) -> Node:
        return {"range": [value.start, value.stop, value.step]}

    def _ndarray(self, value: np.ndarray, depth: int) -> Node:
        if type(value) is not np.ndarray:
            raise self.refuse(value)
        if value.dtype.kind == "U":
            return {"strings": [list(value.shape), value.reshape(-1).tolist()]}
        if value.dtype in (np.complex64, np.complex128):
            parts = np.ascontiguousarray(value).reshape(-1).view(value.real.dtype)
            return {"complex_array": [list(value.shape), self.array(parts)]}
        return {"array": self.array(value)}

    def _scalar(self, value: np.generic, depth: int) -> Node:
        return {"scalar": self._ndarray(np.asarray(value), depth)}

    def _tensor(self, value: torch.Tensor, depth: int) -> Node:
        if value.dtype in (torch.complex64, torch.complex128):
            return {
                "complex_tensor": self.array(torch.view_as_real(value.resolve_conj()), of_tensor)
            }
        return {"tensor": self.array(value, of_tensor)}

    def _sparse(self, value: Any, depth: int) -> Node:
        if value.ndim != 2:
            raise self.refuse(value, " that is not 2-D")
        # What is no arrays (dok, lil) is taken as coordinates.
        held = value if value.format in SPARSE_PARTS else value.tocoo()
        parts = [np.asarray(getattr(held, name)) for name in SPARSE_PARTS[held.format]]
        arrays = [self._ndarray(part, depth) for part in parts]
        whole = isinstance(value, scipy.sparse.sparray)
        shape = [int(size) for size in value.shape]
        return {"sparse": [held.format, value.format, whole, shape, arrays]}

    def _csr(self, value: CSR, depth: int) -> Node:
        parts = [
            self.array(part, of_tensor) for part in (value.indptr, value.indices, value.values)
        ]
        return {"csr": [list(value.shape), *parts]}

    def _dtype(self, value: Any, depth: int) -> Node:
        if isinstance(value, torch.dtype):
            return {"torch_dtype": str(value).removeprefix("torch.")}
        if value.kind not in "biufc":
            raise self.refuse(value)
        return {"dtype": value.str}

    def _class(self, value: type, depth: int) -> Node:
        if issubclass(value, np.generic) and value.__module__ == "numpy":
            return {"numpy_class": value.__name__}
        if value in PLAIN_TYPES.values():
            return {"type": value.__name__}
        if not issubclass(value, (AbstractProcess, AbstractProcessModel)):
            raise self.refuse(value, ", a class that is neither of a Process nor of a model")
        return {"class": name_of(value)}

    def _log_config(self, value: LogConfig, depth: int) -> Node:
        fields = [getattr(value, field.name) for field in dataclasses.fields(LogConfig)]
        return {"log_config": [self.encode(field, depth + 1) for field in fields]}

    def _process(self, value: AbstractProcess, depth: int) -> Node:
        return {"process": self.number(value, value)}

    def _member(self, value: AbstractProcessMember, depth: int) -> Node:
        if isinstance(value, PortNode) and value.is_virtual:
            raise self.refuse(value, ", a view of a port")
        return {"member": [self.number(value.process, value), value.name]}

    def _rule(self, value: LoihiLearningRule, depth: int) -> Node:
        return {"object": self.encoder.object(value, lambda rule: self._new_rule(rule, depth))}

    def _new_rule(self, rule: LoihiLearningRule, depth: int) -> Node:
        held = vars(rule)
        return {
            "rule": name_of(type(rule)),
            "t_epoch": rule.t_epoch,
            "rng_seed": rule.rng_seed,
            "texts": self.encode(dict(held["_texts"]), depth + 1),
            "parameters": self.encode(dict(held["_parameters"]), depth + 1),
            "attributes": {
                name: self.encode(attribute, depth + 1)
                for name, attribute in held.items()
                if name not in RULE_PARTS
            },
        }

    def _surrogate(self, value: Surrogate, depth: int) -> Node:
        if not dataclasses.is_dataclass(value):
            raise self.refuse(value, ", a surrogate that is no dataclass")
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        nodes = {name: self.encode(field, depth + 1) for name, field in fields.items()}
        return {"surrogate": [name_of(type(value)), nodes]}

    def _domain(self, value: SyncDomain, depth: int) -> Node:
        protocol = value.protocol
        cls = protocol if isinstance(protocol, type | None) else type(protocol)
        known = [p for p in value.processes if self.encoder.is_saved(p)]
        return {
            "sync_domain": [
                self.encode(value.name, depth + 1),
                None if cls is None else name_of(cls),
                isinstance(protocol, AbstractSyncProtocol),
                [self.number(process, value) for process in known],
            ]
        }


#: Types that stand for themselves, as dtypes mostly.
PLAIN_TYPES = {cls.__name__: cls for cls in (bool, int, float, complex, str, bytes)}

#: What a value is, tried in this order.
_LEAVES: tuple[tuple[Any, Callable[[_Encoding, Any, int], Node]], ...] = (
    (enum.Enum, _Encoding._enum),
    (np.generic, _Encoding._scalar),
    (complex, _Encoding._complex),
    (bytes, _Encoding._bytes),
    (slice, _Encoding._slice),
    (range, _Encoding._range),
    (np.ndarray, _Encoding._ndarray),
    (torch.Tensor, _Encoding._tensor),
    ((scipy.sparse.spmatrix, scipy.sparse.sparray), _Encoding._sparse),
    (CSR, _Encoding._csr),
    ((np.dtype, torch.dtype), _Encoding._dtype),
    (type, _Encoding._class),
    (LogConfig, _Encoding._log_config),
    (AbstractProcess, _Encoding._process),
    (AbstractProcessMember, _Encoding._member),
    (LoihiLearningRule, _Encoding._rule),
    (Surrogate, _Encoding._surrogate),
    (SyncDomain, _Encoding._domain),
)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # of whatever the user gave
        text = f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."
