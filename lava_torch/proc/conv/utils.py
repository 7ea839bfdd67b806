"""The arithmetic of a convolution's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np

__all__ = ["make_tuple", "output_shape", "signed_clamp"]


def make_tuple(value: int | Sequence[int]) -> tuple[int, int]:
    """A pair: of one number, or of a sequence of one or two. ValueError for more."""
    values = np.atleast_1d(value).tolist()
    if len(values) not in (1, 2):
        raise ValueError(f"Expected one number or two, for x and y; got {value!r}.")
    return values[0], values[-1]


def output_shape(
    input_shape: Sequence[int],
    out_channels: int,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[int, int, int]:
    """(x, y, channels) of what a convolution of an (x, y, channels) input gives.

    Each axis has floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 places.

    Raises ValueError where an axis has none.
    """
    places = []
    for axis in range(2):
        spanned = dilation[axis] * (kernel_size[axis] - 1) + 1
        padded = input_shape[axis] + 2 * padding[axis]
        if spanned > padded:
            raise ValueError(
                f"the kernel of {kernel_size[axis]} with dilation {dilation[axis]} spans "
                f"{spanned} along axis {'xy'[axis]}, more than the input's {input_shape[axis]} "
                f"with padding {padding[axis]} on both sides: the output would be empty"
            )
        places.append(int((padded - spanned) // stride[axis]) + 1)
    return places[0], places[1], int(out_channels)


def signed_clamp(x: Any, bits: int) -> Any:
    """x wrapped to `bits` bits, two's complement: the last bits of a whole number or an array."""
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


def whole_pair(value: Any, low: int) -> tuple[int, int]:
    """`make_tuple`, of whole numbers from `low` on; ValueError for others."""
    values = np.atleast_1d(value).tolist()
    whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n >= low for n in values)
    if len(values) not in (1, 2) or not whole:
        raise ValueError(f"must be one or two whole numbers from {low} on; got {value!r}")
    return values[0], values[-1]
