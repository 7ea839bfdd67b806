"""How an InPort joins what several connections bring.

An InPort always adds, whatever it was given: `ReduceSum` says so, and is the only operation.
"""

from __future__ import annotations


class AbstractReduceOp:
    """Base of the operations that join several inputs of an InPort."""


class ReduceSum(AbstractReduceOp):
    """The inputs are added element by element."""
