"""Until when a network runs."""

from __future__ import annotations

import operator
from typing import SupportsIndex


class AbstractRunCondition:
    """Base of the run conditions; `blocking`: whether `run` waits until the condition is met."""

    def __init__(self, blocking: bool) -> None:
        self.blocking = bool(blocking)


class RunSteps(AbstractRunCondition):
    """Run a number of time steps.

    Parameters
    ----------
    num_steps : the steps, 0 or more; with 0, `run` returns at once.
    blocking : False: `run` returns at once; `wait()`, `pause()` or `stop()` end the run.

    Raises
    ------
    TypeError : `num_steps` is not an integer (a bool or a float is none).
    ValueError : `num_steps` is negative.
    """

    def __init__(self, num_steps: SupportsIndex, blocking: bool = True) -> None:
        super().__init__(blocking)
        self.num_steps: int = _checked_steps(num_steps)


class RunContinuous(AbstractRunCondition):
    """Run until `pause()` or `stop()`; `run` returns at once."""

    def __init__(self) -> None:
        super().__init__(blocking=False)


def _checked_steps(num_steps: SupportsIndex) -> int:
    try:
        steps = operator.index(num_steps)
    except TypeError:
        steps = None
    if steps is None or isinstance(num_steps, bool):
        raise TypeError(
            f"RunSteps needs a whole number; got {num_steps!r} ({type(num_steps).__name__})."
        )
    if steps < 0:
        raise ValueError(f"RunSteps needs 0 steps or more; got {steps}.")
    return steps
