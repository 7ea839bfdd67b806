"""Updates of convolution kernels, made anew for each body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from lava_torch.kernels.learning.conv import ConvUpdateOp
from lava_torch.kernels.learning.rule import Rule
from lava_torch.kernels.op import Row
from lava_torch.learning import Plan

EVENTS = Plan.of({"dw": "2^-3*x1*y0 - 2^-4*y1*x0"})
ALL = Plan.of(
    {
        "dw": "2^-3*x1*y0 - 2^-4*y1*x0 + 2^-3*u1*w*sgn(w)",
        "dt": "2^-2*x1*y0 - 2^-2*u1*t",
        "dd": "2^-2*x0*y0 + 2^-1*u1",
    }
)
LIMITS = {"w": (-256, 255), "t": (-257, 255), "d": (0, 255)}


@dataclass(frozen=True)
class Case:
    """Input (X, Y, C), kernel (C', KX, KY), the convolution's numbers, and the batch."""

    plan: Plan
    fixed: bool
    size: tuple[int, int, int] = (5, 4, 3)
    kernel: tuple[int, int, int] = (4, 3, 2)
    padding: tuple[int, int] = (1, 0)
    stride: tuple[int, int] = (1, 2)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    batch: int = 1
    items: int = 1

    @property
    def op(self) -> ConvUpdateOp:
        targets = self.plan.targets
        limits = tuple(LIMITS[v] if self.fixed else (None, None) for v in targets)
        clamps = tuple((0, None) if v == "d" else (None, None) for v in targets)
        rule = Rule(self.plan, self.fixed, limits, clamps if self.fixed else ())
        return ConvUpdateOp(rule, torch.int32 if self.fixed else torch.float32)

    def row(self) -> Row:
        """The update, on the same data each time."""
        args = self._numbers() | self._tensors()
        op = self.op
        return Row(op, tuple(args[name] for name in op.arguments))

    def _numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "channels": self.size[2], "groups": self.groups, "t_epoch": 3, "decimate": 2,
            "key0": 7, "key1": 9,
        }  # fmt: skip
        for axis, name in enumerate("xy"):
            spanned = self.dilation[axis] * (self.kernel[axis + 1] - 1) + 1
            room = self.size[axis] + 2 * self.padding[axis] - spanned
            found[f"size_{name}"] = self.size[axis]
            found[f"out_{name}"] = room // self.stride[axis] + 1
            for what in ("padding", "stride", "dilation"):
                found[f"{what}_{name}"] = getattr(self, what)[axis]
        return found

    def _tensors(self) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng(3)
        numbers, dtype = self._numbers(), self.op.dtype
        sizes = {
            "x": int(np.prod(self.size)),
            "y": numbers["out_x"] * numbers["out_y"] * self.kernel[0],
        }
        found = {"clock": torch.tensor([12])}
        for side, size in sizes.items():
            spiked = rng.random((self.batch, size)) < 0.4
            times = np.where(spiked, rng.integers(1, 4, spiked.shape), 0)
            found[f"t{side}"] = torch.from_numpy(times).int()
            table = rng.integers(0, 100, (self.batch, 4, size))
            found[f"h_{side}1"] = torch.from_numpy(table).to(dtype)
        shape = (self.items, *self.kernel, self.size[2] // self.groups)
        for name, (low, high) in {"w": (-200, 200), "t": (-200, 200), "d": (0, 60)}.items():
            found[name] = torch.from_numpy(rng.integers(low, high, shape)).to(dtype)
        return found


CASES = {
    f"{'fixed' if fixed else 'float'}-{name}": case
    for fixed in (False, True)
    for name, case in {
        "events": Case(EVENTS, fixed),
        "w-t-d": Case(ALL, fixed),
        "groups": Case(EVENTS, fixed, size=(4, 4, 4), groups=2),
        "dilated": Case(ALL, fixed, size=(7, 6, 2), dilation=(2, 1), padding=(2, 1)),
        "many outputs": Case(EVENTS, fixed, kernel=(40, 2, 2)),
        "batch, each": Case(ALL, fixed, batch=2, items=2),
        "batch, mean": Case(ALL, fixed, batch=3),
    }.items()
}
