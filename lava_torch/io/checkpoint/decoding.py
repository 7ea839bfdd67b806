"""Values of a checkpoint, from JSON; see `lava_torch.io.checkpoint.values`."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import torch

from lava_torch.core.log_config import LogConfig
from lava_torch.core.model import AbstractProcessModel
from lava_torch.core.process import AbstractProcess
from lava_torch.core.sync import AbstractSyncProtocol, SyncDomain
from lava_torch.io.checkpoint.arrays import Loaded
from lava_torch.io.checkpoint.classes import Classes
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.values import DEEPEST, PLAIN_TYPES, RULE_PARTS, SPARSE_PARTS, Node
from lava_torch.kernels.equation.surrogate import Surrogate
from lava_torch.kernels.spike import CSR
from lava_torch.learning import LoihiLearningRule
from lava_torch.learning.rules import checked_parameter


@dataclass(frozen=True)
class ProcessRef:
    """Stands for a Process that is not made yet, by its number."""

    number: int


@dataclass(frozen=True)
class MemberRef:
    """Stands for a Var or a port of a Process that is not made yet."""

    number: int
    name: str


@dataclass(frozen=True)
class DomainRef:
    """Stands for a SyncDomain of Processes that are not made yet."""

    name: str
    protocol: Any
    numbers: tuple[int, ...]


class Decoder:
    """Turns JSON into values, with references in place of Processes, which `resolve` replaces.

    Everything raises CheckpointError for what is damaged, and for classes that are not known.
    """

    def __init__(self, arrays: Loaded, classes: Classes, objects: Any, processes: int) -> None:
        self.arrays, self.classes, self.processes = arrays, classes, processes
        self._nodes = expect(objects, list, "the list of objects")
        self.objects: list[Any] = []
        for node in self._nodes:
            self.objects.append(self._rule(node))

    def decode(self, node: Node, depth: int = 0) -> Any:
        if depth > DEEPEST + 1:
            raise CheckpointError("a value is nested too deep")
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if isinstance(node, list):
            return [self.decode(item, depth + 1) for item in node]
        if not (isinstance(node, dict) and len(node) == 1):
            raise CheckpointError(f"{_shown(node)} is no value")
        ((kind, content),) = node.items()
        if kind not in _KINDS:
            raise CheckpointError(f"a value of kind {_shown(kind)} is not known")
        return _KINDS[kind](self, content, depth)

    def number(self, value: Any) -> int:
        if type(value) is not int or not 0 <= value < self.processes:
            raise CheckpointError(f"it has no Process number {_shown(value)}")
        return value

    # -- kinds ------------------------------------------------------------------------------------

    def _items(self, content: Any, depth: int, count: int | None = None) -> list[Any]:
        items = expect(content, list, "a sequence")
        if count is not None and len(items) != count:
            raise CheckpointError(f"a value has {len(items)} parts instead of {count}")
        return [self.decode(item, depth + 1) for item in items]

    def _tuple(self, content: Any, depth: int) -> tuple:
        return tuple(self._items(content, depth))

    def _set(self, content: Any, depth: int) -> set:
        return set(map(_hashable, self._items(content, depth)))

    def _frozenset(self, content: Any, depth: int) -> frozenset:
        return frozenset(map(_hashable, self._items(content, depth)))

    def _dict(self, content: Any, depth: int) -> dict:
        pairs = [self._items(pair, depth, 2) for pair in expect(content, list, "a dict")]
        return {_hashable(key): value for key, value in pairs}

    def _float(self, content: Any, depth: int) -> float:
        if content not in ("nan", "inf", "-inf"):
            raise CheckpointError(f"{_shown(content)} is no float")
        return float(content)

    def _complex(self, content: Any, depth: int) -> complex:
        real, imag = self._items(content, depth, 2)
        return complex(expect(real, float, "a number"), expect(imag, float, "a number"))

    def _bytes(self, content: Any, depth: int) -> bytes:
        try:
            return bytes.fromhex(expect(content, str, "bytes"))
        except ValueError as error:
            raise CheckpointError(f"{_shown(content)} are no bytes") from error

    def _slice(self, content: Any, depth: int) -> slice:
        return slice(*self._items(content, depth, 3))

    def _range(self, content: Any, depth: int) -> range:
        start, stop, step = (expect(n, int, "an int") for n in self._items(content, depth, 3))
        if step == 0:
            raise CheckpointError("a range has step 0")
        return range(start, stop, step)

    def _array(self, content: Any, depth: int) -> np.ndarray:
        return self.arrays.numpy(content)

    def _strings(self, content: Any, depth: int) -> np.ndarray:
        shape, texts = expect(content, list, "strings", 2)
        texts = [expect(text, str, "a string") for text in expect(texts, list, "strings")]
        sizes = checked_shape(shape)
        if math.prod(sizes) != len(texts):
            raise CheckpointError(f"an array of shape {sizes} has {len(texts)} strings")
        return np.array(texts, dtype=np.str_).reshape(sizes)

    def _complex_array(self, content: Any, depth: int) -> np.ndarray:
        shape, name = expect(content, list, "a complex array", 2)
        parts, sizes = self.arrays.numpy(name), checked_shape(shape)
        fits = parts.ndim == 1 and parts.dtype.kind == "f" and parts.dtype.itemsize >= 4
        if not fits or parts.size != 2 * math.prod(sizes):
            raise CheckpointError(f"the array '{name}' holds no complex numbers of shape {sizes}")
        return parts.view(np.complex64 if parts.itemsize == 4 else np.complex128).reshape(sizes)

    def _scalar(self, content: Any, depth: int) -> np.generic:
        value = self.decode(content, depth + 1)
        if not isinstance(value, np.ndarray) or value.ndim:
            raise CheckpointError("a scalar is no array of shape ()")
        return value[()]

    def _tensor(self, content: Any, depth: int) -> torch.Tensor:
        return self.arrays.tensor(content)

    def _complex_tensor(self, content: Any, depth: int) -> torch.Tensor:
        parts = self.arrays.tensor(content)
        if not (parts.dtype in (torch.float32, torch.float64) and parts.shape[-1:] == (2,)):
            raise CheckpointError(f"the array '{content}' holds no complex numbers")
        return torch.view_as_complex(parts)

    def _sparse(self, content: Any, depth: int) -> Any:
        held, wanted, whole, shape, nodes = expect(content, list, "a sparse matrix", 5)
        if type(held) is not str or held not in SPARSE_PARTS or type(wanted) is not str:
            raise CheckpointError(f"{_shown(held)} is no format of sparse matrices")
        if wanted not in (*SPARSE_PARTS, "dok", "lil"):
            raise CheckpointError(f"{_shown(wanted)} is no format of sparse matrices")
        parts = self._items(nodes, depth, len(SPARSE_PARTS[held]))
        if not all(isinstance(part, np.ndarray) for part in parts):
            raise CheckpointError("a sparse matrix is made of what are no arrays")
        data, *places = parts
        sizes = checked_shape(shape, 2)
        cls = getattr(scipy.sparse, f"{held}_{'array' if whole is True else 'matrix'}")
        try:
            made = (data, tuple(places)) if held == "coo" else (data, *places)
            matrix = cls(made, shape=sizes)
            if held in ("csr", "csc", "bsr"):
                matrix.check_format(full_check=True)
            return matrix.asformat(wanted)
        except (ValueError, TypeError, IndexError, NotImplementedError) as error:
            raise CheckpointError(f"a sparse matrix is damaged ({error})") from error

    def _csr(self, content: Any, depth: int) -> CSR:
        shape, *names = expect(content, list, "a CSR", 4)
        sizes = checked_shape(shape, 2)
        try:
            return CSR(*(self.arrays.tensor(name) for name in names), sizes)
        except CheckpointError:
            raise
        except ValueError as error:
            raise CheckpointError(f"a CSR is damaged ({error})") from error

    def _dtype(self, content: Any, depth: int) -> np.dtype:
        known = {np.dtype(code).str for code in np.typecodes["AllInteger"] + "?efdFDgG"}
        if content not in known:
            raise CheckpointError(f"{_shown(content)} is no dtype")
        return np.dtype(content)

    def _torch_dtype(self, content: Any, depth: int) -> torch.dtype:
        found = getattr(torch, content, None) if type(content) is str else None
        if not isinstance(found, torch.dtype):
            raise CheckpointError(f"{_shown(content)} is no dtype of torch")
        return found

    def _numpy_class(self, content: Any, depth: int) -> type:
        found = vars(np).get(content) if type(content) is str else None
        if not (isinstance(found, type) and issubclass(found, np.generic)):
            raise CheckpointError(f"{_shown(content)} is no scalar type of NumPy")
        return found

    def _type(self, content: Any, depth: int) -> type:
        if type(content) is not str or content not in PLAIN_TYPES:
            raise CheckpointError(f"{_shown(content)} is no plain type")
        return PLAIN_TYPES[content]

    def _class(self, content: Any, depth: int) -> type:
        return self.classes.find(content, AbstractProcess, AbstractProcessModel)

    def _enum(self, content: Any, depth: int) -> enum.Enum:
        name, member = expect(content, list, "an enum member", 2)
        members = self.classes.find(name, enum.Enum).__members__
        if type(member) is not str or member not in members:
            raise CheckpointError(f"{name[1]} has no member {_shown(member)}")
        return members[member]

    def _log_config(self, content: Any, depth: int) -> LogConfig:
        values = self._items(content, depth, len(dataclasses.fields(LogConfig)))
        try:
            return LogConfig(*values)
        except ValueError as error:
            raise CheckpointError(f"a LogConfig is damaged ({error})") from error

    def _process(self, content: Any, depth: int) -> ProcessRef:
        return ProcessRef(self.number(content))

    def _member(self, content: Any, depth: int) -> MemberRef:
        number, name = expect(content, list, "a Var or port", 2)
        return MemberRef(self.number(number), expect(name, str, "the name of a Var or port"))

    def _object(self, content: Any, depth: int) -> Any:
        if type(content) is not int or not 0 <= content < len(self.objects):
            raise CheckpointError(f"it has no object {_shown(content)}")
        return self.objects[content]

    def _rule(self, node: Any) -> LoihiLearningRule:
        keys = ("rule", "t_epoch", "rng_seed", "texts", "parameters", "attributes")
        fields = fields_of(node, "a learning rule", *keys)
        cls = self.classes.find(fields["rule"], LoihiLearningRule)
        texts, parameters = self.decode(fields["texts"]), self.decode(fields["parameters"])
        attributes = expect(fields["attributes"], dict, "the attributes of a learning rule")
        known = {"dw", "dd", "dt"}, set(LoihiLearningRule(dw="x0")._parameters)
        if not all(isinstance(d, dict) for d in (texts, parameters)):
            raise CheckpointError("a learning rule is damaged")
        if (set(texts), set(parameters)) != known or set(attributes) & set(RULE_PARTS):
            raise CheckpointError("a learning rule is damaged")
        rule = cls.__new__(cls)
        try:
            parameters = {name: checked_parameter(name, x) for name, x in parameters.items()}
            rule.t_epoch, rule.rng_seed = fields["t_epoch"], fields["rng_seed"]
            rule._adopt(texts, parameters)
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"a {cls.__name__} is damaged ({error})") from error
        vars(rule).update({name: self.decode(value) for name, value in attributes.items()})
        return rule

    def _surrogate(self, content: Any, depth: int) -> Surrogate:
        name, nodes = expect(content, list, "a surrogate", 2)
        cls = self.classes.find(name, Surrogate)
        nodes = expect(nodes, dict, "the fields of a surrogate")
        values = {field: self.decode(value, depth + 1) for field, value in nodes.items()}
        try:
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"a {cls.__name__} is damaged ({error})") from error

    def _domain(self, content: Any, depth: int) -> DomainRef:
        name, protocol, instance, numbers = expect(content, list, "a SyncDomain", 4)
        cls = None if protocol is None else self.classes.find(protocol, AbstractSyncProtocol)
        numbers = tuple(map(self.number, expect(numbers, list, "the Processes of a SyncDomain")))
        made = cls() if cls is not None and instance is True else cls
        return DomainRef(expect(name, str, "the name of a SyncDomain"), made, numbers)


_KINDS: Mapping[str, Callable[[Decoder, Any, int], Any]] = {
    "tuple": Decoder._tuple,
    "set": Decoder._set,
    "frozenset": Decoder._frozenset,
    "dict": Decoder._dict,
    "float": Decoder._float,
    "complex": Decoder._complex,
    "bytes": Decoder._bytes,
    "slice": Decoder._slice,
    "range": Decoder._range,
    "array": Decoder._array,
    "strings": Decoder._strings,
    "complex_array": Decoder._complex_array,
    "scalar": Decoder._scalar,
    "tensor": Decoder._tensor,
    "complex_tensor": Decoder._complex_tensor,
    "sparse": Decoder._sparse,
    "csr": Decoder._csr,
    "dtype": Decoder._dtype,
    "torch_dtype": Decoder._torch_dtype,
    "numpy_class": Decoder._numpy_class,
    "type": Decoder._type,
    "class": Decoder._class,
    "enum": Decoder._enum,
    "log_config": Decoder._log_config,
    "process": Decoder._process,
    "member": Decoder._member,
    "object": Decoder._object,
    "surrogate": Decoder._surrogate,
    "sync_domain": Decoder._domain,
}


def resolve(value: Any, made: Callable[[int], AbstractProcess]) -> Any:
    """A value with Processes, Vars and ports in place of the references to them."""
    if isinstance(value, ProcessRef):
        return made(value.number)
    if isinstance(value, MemberRef):
        return member_of(made(value.number), value.name)
    if isinstance(value, DomainRef):
        return SyncDomain(value.name, value.protocol, [made(number) for number in value.numbers])
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(resolve(item, made) for item in value)
    if type(value) is dict:
        return {resolve(k, made): resolve(v, made) for k, v in value.items()}
    return value


def member_of(process: AbstractProcess, name: str) -> Any:
    """A Var or port of a Process; CheckpointError if there is none."""
    groups = (
        process.in_ports, process.out_ports, process.ref_ports, process.var_ports, process.vars,
    )  # fmt: skip
    for group in groups:
        if name in group.member_names:
            return getattr(group, name)
    raise CheckpointError(f"Process '{process.name}' has no Var or port '{name}'")


def expect(value: Any, kind: type, what: str, count: int | None = None) -> Any:
    """`value`, if it is of exactly that type and length; CheckpointError otherwise."""
    if type(value) is not kind or (count is not None and len(value) != count):
        raise CheckpointError(f"{_shown(value)} is not {what}")
    return value


def fields_of(value: Any, what: str, *keys: str) -> dict[str, Any]:
    """`value`, if it is an object of exactly these keys."""
    if set(expect(value, dict, what)) != set(keys):
        raise CheckpointError(f"{what} has the fields {sorted(value)} instead of {sorted(keys)}")
    return value


def checked_shape(value: Any, ndim: int | None = None) -> tuple[int, ...]:
    sizes = expect(value, list, "a shape", ndim)
    if not all(type(size) is int and 0 <= size < 1 << 62 for size in sizes) or len(sizes) > 32:
        raise CheckpointError(f"{_shown(value)} is not a shape")
    return tuple(sizes)


def names_of(value: Any, what: str) -> Sequence[str]:
    return [expect(name, str, what) for name in expect(value, list, what)]


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError as error:
        raise CheckpointError(f"{_shown(value)} cannot be in a set or a key of a dict") from error
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
