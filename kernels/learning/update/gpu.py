"""The Triton body of an update: each synapse is read once and written once.

Dense synapses in tiles of 16 presynaptic neurons, so that a block of random numbers serves 16
synapses whichever neuron they share; sparse ones as they lie, each of which looks for its
presynaptic neuron by halving `indptr`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import triton
import triton.language as tl

from lava_torch.kernels.equation import Equation
from lava_torch.kernels.equation.gpu import TRITON, define
from lava_torch.kernels.launch import launch
from lava_torch.kernels.learning.update.noise import BY_POST, BY_PRE, PER_BLOCK
from lava_torch.kernels.random.gpu import philox

if TYPE_CHECKING:
    from lava_torch.kernels.learning.update import UpdateOp

#: Synapses of a tile along the postsynaptic neurons, and of a program over sparse ones.
COLUMNS, BLOCK = 64, 512
#: Above any sum over a batch: what makes it positive to be divided, rounded down.
_FLOOR = 1 << 40


@triton.jit
def random_words(index, clock, item, key0, key1, STREAM: tl.constexpr):
    """A block of four words of 32 bits for each index, int64, at this step for an item."""
    step = tl.load(clock)
    same = tl.zeros_like(index)
    third = same + item + ((step >> 32) << 20)
    return philox(index, same + step, third, same + STREAM, same + key0, same + key1)


@triton.jit
def octet(a, b, c, d, number):
    """Byte `number` of 16 of four words, less its lowest bit: in [0, 127]. All broadcast."""
    word = number // 4
    chosen = tl.where(word == 0, a, tl.where(word == 1, b, tl.where(word == 2, c, d)))
    return (((chosen >> (number % 4 * 8).to(tl.uint32)) & 255) >> 1).to(tl.int32)


@triton.jit
def tile_by_pre(
    j, tile, n, clock, item, key0, key1,
    COLUMNS: tl.constexpr, STREAM: tl.constexpr,
):  # fmt: skip
    """Random numbers (16, COLUMNS) of a tile whose rows are the neurons j: a block serves 16
    synapses of a row."""
    block = tile * (COLUMNS // 16) + tl.arange(0, COLUMNS // 16)
    index = j.to(tl.int64)[:, None] * tl.cdiv(n, 16) + block[None, :]
    a, b, c, d = random_words(index, clock, item, key0, key1, STREAM)
    number = tl.arange(0, 16)[None, None, :]
    numbers = octet(a[:, :, None], b[:, :, None], c[:, :, None], d[:, :, None], number)
    return tl.reshape(numbers, (16, COLUMNS))


@triton.jit
def tile_by_post(group, i, n, clock, item, key0, key1, STREAM: tl.constexpr):
    """The same, but a block serves the 16 rows of a tile."""
    index = group.to(tl.int64) * n + i
    a, b, c, d = random_words(index, clock, item, key0, key1, STREAM)
    number = tl.arange(0, 16)[:, None]
    return octet(a[None, :], b[None, :], c[None, :], d[None, :], number)


@triton.jit
def line(program, clock, item, key0, key1, BLOCK: tl.constexpr, STREAM: tl.constexpr):
    """Random numbers (BLOCK,) of synapses that lie side by side."""
    index = (program * (BLOCK // 16) + tl.arange(0, BLOCK // 16)).to(tl.int64)
    a, b, c, d = random_words(index, clock, item, key0, key1, STREAM)
    number = tl.arange(0, 16)[None, :]
    numbers = octet(a[:, None], b[:, None], c[:, None], d[:, None], number)
    return tl.reshape(numbers, (BLOCK,))


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


_FUNCTIONS = {
    f.__name__: f for f in (random_words, octet, tile_by_pre, tile_by_post, line, owner, philox)
}


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
    tiles = -(-m // PER_BLOCK) * -(-n // COLUMNS)
    launch(_kernel(op), (len(first) * tiles,), *given, m, n, batch, COLUMNS=COLUMNS)


@cache
def _kernel(op: UpdateOp) -> Any:
    return define("learning_update", source(op), **_FUNCTIONS)


def source(op: UpdateOp) -> str:
    """The kernel's text: the op's arguments, then m, n, the batch (and how many are stored)."""
    return (_Sparse(op) if op.sparse else _Dense(op)).text()


def _indent(lines: Iterable[str], levels: int = 1) -> list[str]:
    return ["    " * levels + line for line in lines]


class _Writer:
    """The text for one op."""

    #: The sizes behind the op's arguments, and constants.
    sizes = "m, n, batch"
    constants = "COLUMNS: tl.constexpr"
    shape = "(16, COLUMNS)"

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
            *_indent(self.place(), 2),
            *_indent(self.mean() if self.op.mean else self.each(), 2),
        ]
        return "\n".join(lines) + "\n"

    def place(self) -> list[str]:
        raise TypeError("a writer says where its synapses are")

    def factors(self, item: str) -> list[str]:
        raise TypeError("a writer says what its synapses meet")

    def noise(self, item: str) -> list[str]:
        raise TypeError("a writer says by what its synapses are rounded")

    def each(self) -> list[str]:
        lines = self.factors("item")
        touched = "inside & ((kx != 0) | (ky != 0))" if self.op.events else "inside"
        lines += [f"touched = {touched}"]
        lines += [self.load(name, "touched") for name in self.plan.variables]
        lines += self.noise("item")
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
        lines += ["for b in range(0, batch):", *_indent(loop)]
        lines += [f"many = tl.zeros({self.shape}, {wide}) + batch"]
        for name in self.plan.targets:
            if self.rule.fixed:
                share = f"(s_{name} + many * {_FLOOR}) // many - {_FLOOR}"
                lines += [f"acc_{name} = ({share}).to(tl.int32)"]
            else:
                share = TRITON.expression("div", self.op.dtype, [f"s_{name}", "many"])
                lines += [f"acc_{name} = {share}"]
        lines += self.noise("item")
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
            "columns, rows = tl.cdiv(n, COLUMNS), tl.cdiv(m, 16)",
            "tiles = columns * rows",
            "item = (tl.program_id(0) // tiles).to(tl.int64)",
            "group = tl.program_id(0) % tiles // columns",
            "tile = tl.program_id(0) % columns",
            "j = group * 16 + tl.arange(0, 16)",
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

    def noise(self, item: str) -> list[str]:
        if not self.rule.fixed:
            return []
        args = f"clock, {item}, key0, key1"
        lines = [f"r = tile_by_pre(j, tile, n, {args}, COLUMNS, {BY_PRE})"]
        if self.op.two_noises:
            other = f"tile_by_post(group, i, n, {args}, {BY_POST})"
            lines += [f"r = tl.where(kx != 0, r, {other})"]
        return lines


class _Sparse(_Writer):
    sizes = "m, n, batch, stored"
    constants = "BLOCK: tl.constexpr, HALVINGS: tl.constexpr"
    shape = "(BLOCK,)"

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

    def noise(self, item: str) -> list[str]:
        if not self.rule.fixed:
            return []
        return [f"r = line(program, clock, {item}, key0, key1, BLOCK, {BY_PRE})"]
