"""What a numpy model declares of each Var and port: the class and the dtype of what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class LavaPyType:
    """The declaration of a model's Var or port, as a class attribute of the same name.

        v: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)
        du: int = LavaPyType(int, np.uint16)
        s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)

    Parameters
    ----------
    cls : of a Var np.ndarray (an array of the Var's shape), int, float, str or a scipy sparse class
        (what the Var's `init` is, unchanged); of a port one of its kinds, such as
        PyInPort.VEC_DENSE.
    d_type : dtype of the array, or of the messages that an OutPort sends.
    precision : number of bits, for the reader: it has no effect.
    optional : whether the Process may lack a Var or port of the name.
    """

    cls: type
    d_type: Any = None
    precision: int | None = None
    optional: bool = False


def declarations(model_class: type) -> dict[str, LavaPyType]:
    """The declarations of a model class and its bases, by name; a subclass that gives a name
    another value takes the declaration back."""
    found: dict[str, LavaPyType] = {}
    for kind in reversed(model_class.__mro__):
        found |= {n: value for n, value in vars(kind).items() if isinstance(value, LavaPyType)}
    return {n: value for n, value in found.items() if getattr(model_class, n) is value}
