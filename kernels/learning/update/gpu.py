"""The Triton body of an update: each synapse is read once and written once.

Dense synapses in tiles of a few presynaptic and more postsynaptic neurons; sparse ones as they lie,
each of which looks for its presynaptic neuron by halving `indptr`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl

from lava_torch.kernels.equation import Equation
from lava_torch.kernels.equation.gpu import TRITON, define
from lava_torch.kernels.launch import launch
from lava_torch.kernels.learning.update.noise import MASK, SHIFT
from lava_torch.kernels.text import indented

if TYPE_CHECKING:
    from lava_torch.kernels.learning.update import UpdateOp

#: Presynaptic and postsynaptic neurons of a tile, and synapses of a program over sparse ones.
ROWS, COLUMNS, BLOCK = 16, 64, 512
#: Above any sum over a batch: what makes it positive to be divided, rounded down.
_FLOOR = 1 << 40


@triton.jit
def rounding(pre, post, SHIFT: tl.constexpr, MASK: tl.constexpr):
    """The number that rounds a synapse, from its neurons' words."""
    return ((pre * post) >> SHIFT) & MASK


@triton.jit
def owner(indptr, k, m, HALVINGS: tl.constexpr):
    """The presynaptic neuron of each synapse k: the last j with indptr[j] <= k."""
    low = tl.zeros_like(k)
    high = tl.zeros_like(k) + m
    for _ in range(HALVINGS):
        middle = (low + high) // 2
        begins = tl.load(indptr + tl.minimum(middle + 1, m)) <= k
        low = tl.where(begins, tl.minimum(middle + 1, m - 1), low)
        high = tl.where(begins, high, middle)
    return low


_FUNCTIONS = {"rounding": rounding, "owner": owner}


def run(op: UpdateOp, args: Mapping[str, Any]) -> None:
    """Write the update of all synapses over them; nothing waits for the host."""
    first = args[op.rule.plan.targets[0]]
    batch, m = args["tx"].shape
    n = args["ty"].shape[1]
    given = [args[name] for name in op.arguments]
    if op.sparse:
        items, stored = first.shape
        grid = (items * -(-stored // BLOCK),)
        halvings = max(m, 1).bit_length() + 1
        launch(_kernel(op), grid, *given, m, n, batch, stored, BLOCK=BLOCK, HALVINGS=halvings)
        return
    tiles = -(-m // ROWS) * -(-n // COLUMNS)
    launch(_kernel(op), (len(first) * tiles,), *given, m, n, batch, ROWS=ROWS, COLUMNS=COLUMNS)


@cache
def _kernel(op: UpdateOp) -> Any:
    return define("learning_update", source(op), **_FUNCTIONS)


def source(op: UpdateOp) -> str:
    """The kernel's text: the op's arguments, then m, n, the batch (and how many are stored)."""
    return (_Sparse(op) if op.sparse else _Dense(op)).text()


class _Writer:
    """The text for one op."""

    #: The sizes behind the op's arguments, and constants.
    sizes = "m, n, batch"
    constants = "ROWS: tl.constexpr, COLUMNS: tl.constexpr"
    shape = "(ROWS, COLUMNS)"
    #: The pre- and the postsynaptic neurons of the synapses, and which of them exist.
    ends = ("pre", "has_pre"), ("post", "has_post")

    def __init__(self, op: UpdateOp) -> None:
        self.op, self.plan, self.rule = op, op.rule.plan, op.rule
        self.cast = TRITON.types[op.dtype]

    def text(self) -> str:
        lines = [
            "@triton.jit",
            "def learning_update(",
            f"    {', '.join(self.op.arguments)},",
            f"    {self.sizes}, {self.constants}",
            "):",
            "    step = tl.load(clock)",
            "    epoch = step // t_epoch",
            "    if step % t_epoch == 0:",
            *indented(self.place(), 2),
            *indented(self.mean() if self.op.mean else self.each(), 2),
        ]
        return "\n".join(lines) + "\n"

    def place(self) -> list[str]:
        raise TypeError("a writer says where its synapses are")

    def factors(self, item: str) -> list[str]:
        raise TypeError("a writer says what its synapses meet")

    def noise(self) -> list[str]:
        """What rounds the synapses of `item`."""
        if not self.rule.fixed:
            return []
        (pre, has_pre), (post, has_post) = self.ends
        return [
            "own = words + item * (m + n)",
            f"pre_word = tl.load(own + {pre}, mask={has_pre}, other=0)",
            f"post_word = tl.load(own + m + {post}, mask={has_post}, other=0)",
            f"r = rounding(pre_word, post_word, {SHIFT}, {MASK})",
        ]

    def each(self) -> list[str]:
        lines = self.factors("item")
        touched = "inside & ((kx != 0) | (ky != 0))" if self.op.events else "inside"
        lines += [f"touched = {touched}"]
        lines += [self.load(name, "touched") for name in self.plan.variables]
        lines += self.noise()
        names = self.names(self.rule.whole.arguments)
        return [*lines, *self.emit(self.rule.whole, names, self.rule.results, "touched")]

    def mean(self) -> list[str]:
        wide = "tl.int64" if self.rule.fixed else self.cast
        lines = [self.load(name, "inside") for name in self.plan.variables]
        lines += [f"s_{name} = tl.zeros({self.shape}, {wide})" for name in self.plan.targets]
        equation = self.rule.accumulate
        text, values = self.traced(equation, self.names(equation.arguments))
        added = zip(self.plan.targets, values, strict=True)
        loop = [*self.factors("b"), *text]
        loop += [f"s_{name} += ({value}).to({wide})" for name, value in added]
        lines += ["for b in range(0, batch):", *indented(loop)]
        lines += [f"many = tl.zeros({self.shape}, {wide}) + batch"]
        for name in self.plan.targets:
            if self.rule.fixed:
                share = f"(s_{name} + many * {_FLOOR}) // many - {_FLOOR}"
                lines += [f"acc_{name} = ({share}).to(tl.int32)"]
            else:
                share = TRITON.expression("div", self.op.dtype, [f"s_{name}", "many"])
                lines += [f"acc_{name} = {share}"]
        lines += self.noise()
        names = list(self.rule.finish.arguments)
        return [*lines, *self.emit(self.rule.finish, names, self.rule.results, "inside")]

    def load(self, name: str, mask: str) -> str:
        return f"v_{name} = tl.load({name} + at, mask={mask}, other=0).to({self.cast})"

    def names(self, arguments: Sequence[str]) -> list[str]:
        def called(name: str) -> str:
            if name in self.plan.variables:
                return f"v_{name}"
            return name if name == "r" else f"f_{name}"

        return [called(name) for name in arguments]

    def traced(self, equation: Equation, names: Sequence[str]) -> tuple[list[str], list[str]]:
        return equation.trace(self.op.dtype).emit(TRITON, names, "e_")

    def emit(
        self, equation: Equation, names: Sequence[str], results: Sequence[str], mask: str
    ) -> list[str]:
        lines, values = self.traced(equation, names)
        for name, value in zip(results, values, strict=True):
            cast = f"({value}).to({name}.dtype.element_ty)"
            lines.append(f"tl.store({name} + at, {cast}, mask={mask})")
        return lines

    def flags(self) -> list[str]:
        said = {"x0": "kx != 0", "y0": "ky != 0", "u": "epoch % decimate == 0"}
        return [f"f_{name} = ({said[name]}).to({self.cast})" for name in self.plan.flags]

    def row(self, item: str, when: str) -> str:
        """The row of a table that tells what a trace was when its dependency spiked."""
        step = {"x0": "kx", "y0": "ky", "u": "t_epoch"}[when]
        return f"({item} * (t_epoch + 1) + {step})"


class _Dense(_Writer):
    def place(self) -> list[str]:
        return [
            "columns, rows = tl.cdiv(n, COLUMNS), tl.cdiv(m, ROWS)",
            "tiles = columns * rows",
            "item = (tl.program_id(0) // tiles).to(tl.int64)",
            "group = tl.program_id(0) % tiles // columns",
            "tile = tl.program_id(0) % columns",
            "j = group * ROWS + tl.arange(0, ROWS)",
            "i = tile * COLUMNS + tl.arange(0, COLUMNS)",
            "pre, post = j[:, None], i[None, :]",
            "has_pre, has_post = pre < m, post < n",
            "inside = has_pre & has_post",
            "at = (item * m + pre) * n + post",
        ]

    def factors(self, item: str) -> list[str]:
        lines = [
            f"kx = tl.load(tx + {item} * m + pre, mask=has_pre, other=0)",
            f"ky = tl.load(ty + {item} * n + post, mask=has_post, other=0)",
            *self.flags(),
        ]
        for trace, when in self.plan.traces:
            own, size = ("pre", "m") if trace.startswith("x") else ("post", "n")
            alone = (trace[0] + "0", "u")
            mask = f"has_{own}" if when in alone else "inside"
            where = f"h_{trace} + {self.row(item, when)} * {size} + {own}"
            lines.append(f"f_{trace}_{when} = tl.load({where}, mask={mask}, other=0)")
        return lines


class _Sparse(_Writer):
    sizes = "m, n, batch, stored"
    constants = "BLOCK: tl.constexpr, HALVINGS: tl.constexpr"
    shape = "(BLOCK,)"
    ends = ("j", "inside"), ("i", "inside")

    def place(self) -> list[str]:
        return [
            "blocks = tl.cdiv(stored, BLOCK)",
            "item = (tl.program_id(0) // blocks).to(tl.int64)",
            "program = tl.program_id(0) % blocks",
            "k = program * BLOCK + tl.arange(0, BLOCK)",
            "inside = k < stored",
            "j = owner(indptr, k, m, HALVINGS)",
            "i = tl.load(indices + k, mask=inside, other=0).to(tl.int32)",
            "at = item * stored + k",
        ]

    def factors(self, item: str) -> list[str]:
        lines = [
            f"kx = tl.load(tx + {item} * m + j, mask=inside, other=0)",
            f"ky = tl.load(ty + {item} * n + i, mask=inside, other=0)",
            *self.flags(),
        ]
        for trace, when in self.plan.traces:
            own, size = ("j", "m") if trace.startswith("x") else ("i", "n")
            where = f"h_{trace} + {self.row(item, when)} * {size} + {own}"
            lines.append(f"f_{trace}_{when} = tl.load({where}, mask=inside, other=0)")
        return lines
