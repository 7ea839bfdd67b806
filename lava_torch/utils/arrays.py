"""What Processes are given as numbers: checked where the Process has a name."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_array(values: Any) -> np.ndarray:
    """An array of what is one, or a torch tensor: known by its methods, as Processes do not import
    torch."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def is_real(values: np.ndarray) -> bool:
    """Whether they are real numbers, by their dtype."""
    return values.dtype.kind in "biuf"


def check_real(label: str, what: str, values: np.ndarray) -> None:
    """ValueError, beginning with `label`, unless they are real numbers."""
    if not is_real(values):
        raise ValueError(f"{label}: {what} must be real numbers; got dtype {values.dtype}.")
