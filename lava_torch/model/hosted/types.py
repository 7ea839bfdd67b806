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
    """

    cls: type
    d_type: Any = None
    precision: int | None = None


def declarations(model_class: type) -> dict[str, LavaPyType]:
    """The declarations of a model class and its bases, by name."""
    found: dict[str, LavaPyType] = {}
    for kind in reversed(model_class.__mro__):
        found |= {n: value for n, value in vars(kind).items() if isinstance(value, LavaPyType)}
    return found
