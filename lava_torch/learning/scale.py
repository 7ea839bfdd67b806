"""Numbers of learning rules: a whole mantissa times a power of two."""

from __future__ import annotations

import math
from typing import NamedTuple

#: The least and the largest mantissa and exponent that the scale of a product has on Loihi.
MANTISSAS, EXPONENTS = (-8, 7), (-7, 8)
#: Limits within which a number is computed with at all.
_LARGEST_MANTISSA, _LARGEST_EXPONENT = 1 << 64, 64


class Scale(NamedTuple):
    """mantissa * 2^exponent."""

    mantissa: int
    exponent: int = 0

    def times(self, other: Scale) -> Scale:
        return Scale(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def normalised(self) -> Scale:
        """The same number with |mantissa| at most 7, if halving it leads there.

        As in Lava: halving stops at an odd mantissa and at the exponent 8.
        """
        mantissa, exponent = self
        while abs(mantissa) > 7 and mantissa % 2 == 0 and exponent < EXPONENTS[1]:
            mantissa, exponent = mantissa // 2, exponent + 1
        return Scale(mantissa, exponent)

    @property
    def in_range(self) -> bool:
        (low, high), (least, most) = MANTISSAS, EXPONENTS
        return low <= self.mantissa <= high and least <= self.exponent <= most

    @property
    def computable(self) -> bool:
        return abs(self.mantissa) < _LARGEST_MANTISSA and abs(self.exponent) <= _LARGEST_EXPONENT

    @property
    def value(self) -> float:
        return math.ldexp(self.mantissa, self.exponent)

    def __str__(self) -> str:
        """As text that is read as one number of a product, also behind an operator."""
        mantissa = f"({self.mantissa})" if self.mantissa < 0 else f"{self.mantissa}"
        if self.exponent == 0:
            return mantissa
        power = f"2^{self.exponent}"
        return power if self.mantissa == 1 else f"{mantissa}*{power}"


def nearest(value: float) -> Scale:
    """The number nearest to a finite value whose mantissa has 3 bits, with any exponent."""
    fraction, exponent = math.frexp(abs(value))
    mantissa, exponent = round(fraction * 8), exponent - 3
    while mantissa and mantissa % 2 == 0:
        mantissa, exponent = mantissa // 2, exponent + 1
    while 0 < exponent and mantissa <= 3 and (exponent > EXPONENTS[1] or mantissa << exponent <= 7):
        mantissa, exponent = mantissa * 2, exponent - 1
    return Scale(-mantissa if value < 0 else mantissa, exponent if mantissa else 0)
