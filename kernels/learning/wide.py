"""Whole numbers in an equation whose ranges are known, and products of more than 32 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lava_torch.kernels.equation import maximum, minimum, sign


@dataclass(frozen=True)
class Number:
    """A value of an equation, or a Python number, that is in [low, high]."""

    value: Any
    low: int
    high: int

    def __add__(self, other: Number | int) -> Number:
        if isinstance(other, int):
            other = Number(other, other, other)
        value = self.value if _is_zero(other.value) else self.value + other.value
        return Number(value, self.low + other.low, self.high + other.high)

    def __mul__(self, other: Number) -> Number:
        ends = [a * b for a in (self.low, self.high) for b in (other.low, other.high)]
        return Number(self.value * other.value, min(ends), max(ends))

    def sign(self) -> Number:
        if isinstance(self.value, int):
            s = (self.value > 0) - (self.value < 0)
            return Number(s, s, s)
        return Number(sign(self.value), -1, 1)

    def clip(self, low: int, high: int) -> Number:
        """Limited to [low, high], where it can be outside."""
        value = self.value
        if isinstance(value, int):
            value = min(max(value, low), high)
            return Number(value, value, value)
        value = maximum(value, low) if self.low < low else value
        value = minimum(value, high) if self.high > high else value
        return Number(value, min(max(self.low, low), high), max(min(self.high, high), low))

    def shifted(self, bits: int) -> Number:
        """Times 2^bits; rounded down if bits < 0."""
        if bits >= 0:
            value = self.value << bits if bits else self.value
            return Number(value, self.low << bits, self.high << bits)
        return Number(self.value >> -bits, self.low >> -bits, self.high >> -bits)


def _is_zero(value: Any) -> bool:
    return isinstance(value, int) and value == 0


@dataclass(frozen=True)
class Wide:
    """high * 2^SPLIT + low, 0 <= low < 2^SPLIT; or just `high` while that fits in 32 bits.

    Every step is done in int32, and is exact.
    """

    SPLIT: ClassVar[int] = 20
    #: Factors may have so many bits together, beside a mantissa of 4.
    BITS: ClassVar[int] = 46

    high: Number
    low: Number | None = None

    @classmethod
    def of(cls, number: Number) -> Wide:
        return cls(number)

    def __mul__(self, factor: Number) -> Wide:
        """`factor` has 9 bits and a sign at most."""
        if self.low is None:
            product = _product(self.high, factor)
            if product is not None:
                return Wide(product)
            return self._split() * factor
        mask = (1 << self.SPLIT) - 1
        below = self.low * factor
        carried = below.shifted(-self.SPLIT)
        return Wide(self.high * factor + carried, Number(below.value & mask, 0, mask))

    def _split(self) -> Wide:
        mask = (1 << self.SPLIT) - 1
        return Wide(self.high.shifted(-self.SPLIT), Number(self.high.value & mask, 0, mask))

    def shifted_right(self, bits: int) -> Wide:
        """Divided by 2^bits, rounded down."""
        if self.low is None:
            return Wide(self.high.shifted(-bits) if bits else self.high)
        if bits >= self.SPLIT:
            return Wide(self.high.shifted(self.SPLIT - bits))
        # What is above the accumulator's range is limited later; here it must only fit.
        limit = (1 << 30 - (self.SPLIT - bits)) - 1
        top = self.high.clip(-limit, limit).shifted(self.SPLIT - bits)
        return Wide(top + self.low.shifted(-bits))

    def clipped_shift(self, bits: int, low: int, high: int) -> Number:
        """Times 2^bits, limited to [low, high]."""
        # Limited before the shift too, that it stays within 32 bits.
        number = self.high.clip(low, high)
        return number.shifted(bits).clip(low, high)


def _product(a: Number, b: Number) -> Number | None:
    """a * b, if it fits in 32 bits."""
    if isinstance(a.value, int) and a.value == 1:
        return b
    if isinstance(b.value, int) and b.value == 1:
        return a
    product = a * b
    return product if max(-product.low, product.high) < 1 << 31 else None
