"""The numba body of an update: a generated loop over presynaptic neurons and their synapses.

Dense synapses of one presynaptic neuron lie side by side, and so do the factors that they meet: the
loop over them is vectorised. Where only events count, those of a neuron that did not spike are
visited by the list of postsynaptic neurons that did, in the order of when they did: then what they
know of the presynaptic neuron is one number for many of them. Sparse synapses look up what they
meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from lava_torch.kernels.equation import Equation
from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.learning import cpu as traces
from lava_torch.kernels.learning.update.noise import BY_POST, BY_PRE
from lava_torch.kernels.random import cpu as random
from lava_torch.kernels.random.cpu import philox
from lava_torch.kernels.table.share import OPTIONS

if TYPE_CHECKING:
    from lava_torch.kernels.learning.update import UpdateOp


@njit(**OPTIONS)
def padded(size):
    """A multiple of what the loops over random blocks do at once; the rest would be slow."""
    return (size + 7) // 8 * 8


@njit(**OPTIONS)
def noise_by_pre(planes, words, start, blocks, t, item, key0, key1):
    """Random bytes in words (uint32): of the blocks start, start + 1, ... of an item."""
    third = traces.item_word(item, t)
    # Word by word first, and of one array: otherwise nothing is vectorised.
    for q in range(padded(blocks)):
        a, b, c, d = philox(start + q, t, third, BY_PRE, key0, key1)
        planes[0, q], planes[1, q], planes[2, q], planes[3, q] = a, b, c, d
    for q in range(blocks):
        words[4 * q] = planes[0, q]
        words[4 * q + 1] = planes[1, q]
        words[4 * q + 2] = planes[2, q]
        words[4 * q + 3] = planes[3, q]


@njit(**OPTIONS)
def noise_by_post(planes, start, listed, count, t, item, key0, key1):
    """Random bytes in planes, uint32 (4, padded(n)): that number b of the neuron listed[q]'s block
    is byte b % 4 of planes[b // 4, q]."""
    third = traces.item_word(item, t)
    for q in range(padded(count)):
        a, b, c, d = philox(start + listed[q], t, third, BY_POST, key0, key1)
        planes[0, q], planes[1, q], planes[2, q], planes[3, q] = a, b, c, d


@njit(**OPTIONS)
def list_spiked(times, listed, starts):
    """The neurons that spiked, by the step in which they last did: those of step k are
    listed[starts[k] : starts[k + 1]]. Returns how many there are."""
    starts[:] = 0
    for i in range(times.shape[0]):
        starts[np.uint32(times[i])] += 1
    total = 0
    starts[0] = 0
    for k in range(1, starts.shape[0]):
        own = starts[k]
        starts[k] = total
        total += own
    for i in range(times.shape[0]):
        k = np.uint32(times[i])
        if k != 0:
            listed[starts[k]] = i
            starts[k] += 1
    for k in range(starts.shape[0] - 1, 0, -1):
        starts[k] = starts[k - 1]
    return total


_HEADER = """\
import math
import numpy as np
from numba import njit
from lava_torch.kernels.learning.update.cpu import (
    list_spiked, noise_by_post, noise_by_pre, padded,
)
from lava_torch.kernels.table.share import share


@njit(nogil=True, error_model="numpy")
def body({arguments}, thread, threads):
"""


def source(op: UpdateOp) -> str:
    """The module text that defines `body(arguments, thread, threads)`."""
    writer = _Sparse(op) if op.sparse else _Dense(op)
    return _HEADER.format(arguments=", ".join(op.arguments)) + "\n".join(writer.body()) + "\n"


def files() -> tuple[str, ...]:
    """Where the functions are that the text links."""
    return __file__, traces.__file__, random.__file__


def _indent(lines: Iterable[str], levels: int = 1) -> list[str]:
    return ["    " * levels + line for line in lines]


class _Writer:
    """The text for one op. Row j holds the synapses of presynaptic neuron j of item b."""

    def __init__(self, op: UpdateOp) -> None:
        self.op, self.plan, self.rule = op, op.rule.plan, op.rule
        self.cast = NUMBA.types[op.dtype]
        #: Which item the synapses are of, and how many there are to go over.
        self.item, self.items = ("0", "1") if op.mean else ("b", "tx.shape[0]")

    def body(self) -> list[str]:
        lines = [
            "m, n = tx.shape[1], ty.shape[1]",
            "low, high = share(m, thread, threads)",
            *self.scratch(),
            *(["u = clock[0] // t_epoch % decimate == 0"] if "u" in self.plan.flags else []),
            f"for b in range({self.items}):",
            *_indent([] if self.op.mean else [*self.spiked(), *self.nothing()]),
            "    for j in range(low, high):",
            *_indent(self.mean_row() if self.op.mean else self.row(), 2),
        ]
        return _indent(lines)

    def scratch(self) -> list[str]:
        raise TypeError("a writer says what scratch it needs")

    def spiked(self) -> list[str]:
        """What is needed to know who spiked in item b."""
        return []

    def nothing(self) -> list[str]:
        """What passes over an item in which nobody spiked that counts."""
        return []

    def row(self) -> list[str]:
        raise TypeError("a writer says what becomes of a row")

    def mean_row(self) -> list[str]:
        raise TypeError("a writer says what becomes of a row whose synapses many items share")

    @property
    def stored(self) -> list[str]:
        """The arrays of synapses."""
        return [*self.plan.variables, *(["delays"] if self.rule.delays else [])]

    def scalars(self, names: Sequence[str]) -> list[str]:
        """Those of the factors that are one number for the row."""
        lines = ["kx = tx[b, j]"]
        for name in names:
            if name == "x0":
                lines += [f"x0 = {self.cast}(kx != 0)"]
            elif name.startswith("x") and not name.endswith("y0"):
                lines += [f"{name} = {self.at(name, 'j')}"]
        return lines

    def at(self, name: str, neuron: str) -> str:
        """A trace of a neuron as it was when its dependency spiked."""
        trace, when = name.split("_")
        step = {"x0": "kx", "y0": "ky", "u": "t_epoch"}[when]
        return f"h_{trace}[b, {step}, {neuron}]"

    def loop(
        self, head: str, equation: Equation, reads: Mapping[str, str], stores: Mapping[str, str],
        add: bool = False,
    ) -> list[str]:  # fmt: skip
        """`for` the synapses of a row; `reads` say what is not a scalar of the row's."""
        names, lines = [], []
        for name in equation.arguments:
            if name == "u":
                names.append(f"{self.cast}(u)")
            elif name in reads:
                lines.append(f"v_{name} = {self.cast}({reads[name]})")
                names.append(f"v_{name}")
            else:
                names.append(name)
        text, values = equation.trace(self.op.dtype).emit(NUMBA, names, "e")
        sign = "+=" if add else "="
        lines += text
        lines += [
            f"{target} {sign} {value}"
            for target, value in zip(stores.values(), values, strict=True)
        ]
        return [f"for {head}:", *_indent(lines)]

    def own(self, index: str) -> dict[str, str]:
        return {name: f"{name}_j[{index}]" for name in self.plan.variables}

    def results(self, index: str) -> dict[str, str]:
        return {name: f"{name}_j[{index}]" for name in self.rule.results}

    def sums(self, index: str) -> dict[str, str]:
        return {name: f"s_{name}[{index}]" for name in self.plan.targets}

    def means(self, index: str) -> dict[str, str]:
        by = "// tx.shape[0]" if self.rule.fixed else f"/ {self.cast}(tx.shape[0])"
        return {f"acc_{name}": f"s_{name}[{index}] {by}" for name in self.plan.targets}

    def sum_scratch(self) -> list[str]:
        wide = "np.int64" if self.rule.fixed else self.cast
        return [f"s_{name} = np.empty(n, {wide})" for name in self.plan.targets if self.op.mean]


class _Dense(_Writer):
    def scratch(self) -> list[str]:
        lines = ["width, blocks = padded(n), (n + 15) // 16"]
        # One block of memory for many: each would take as long as a few rows.
        lanes = [f"l_{name}" for name in self._lanes]
        lanes += [f"c_{name}" for name in self._compact] if self.op.events else []
        lines += [f"lanes = np.zeros({len(lanes)} * width, {self.cast})"]
        lines += [f"{name} = lanes[{k} * width : {k + 1} * width]" for k, name in enumerate(lanes)]
        lines += ["starts = np.empty(t_epoch + 2, np.int64)"]
        lines += ["listed = np.zeros(width, np.uint32)"]
        if self.rule.fixed:
            lines += [
                "planes = np.empty((4, padded(blocks)), np.uint32)",
                "words = np.empty(blocks * 4, np.uint32)",
                "noise = words.view(np.uint8)",
            ]
        if self.op.two_noises:
            lines += ["others = np.empty((4, width), np.uint32)"]
        return lines + self.sum_scratch()

    @property
    def _lanes(self) -> list[str]:
        """The factors that are put side by side for a row, or for all rows."""
        return [name for name in self.rule.factors if name.endswith("y0")]

    @property
    def _post_lanes(self) -> list[str]:
        """Those of them that are of the postsynaptic neurons."""
        return [name for name in self._lanes if name.startswith("y")]

    def spiked(self) -> list[str]:
        lines = ["count = list_spiked(ty[b], listed, starts)"]
        if self._post_lanes:
            lines += ["for i in range(n):", "    ky = np.uint32(ty[b, i])"]
        for name in self._post_lanes:
            value = "ky != 0" if name == "y0" else self.at(name, "i")
            lines += [f"    l_{name}[i] = {value}"]
        if self.op.events:
            for name in (n for n in self._post_lanes if n != "y0"):
                lines += ["for q in range(count):", f"    c_{name}[q] = l_{name}[listed[q]]"]
        return lines

    def row(self) -> list[str]:
        lines = [f"{name}_j = {name}[{self.item}, j]" for name in self.stored]
        lines += self._other_noise()
        if self.op.events and not self.rule.fixed and "x0" not in self.plan.flags:
            return lines + self._columns()  # whether neuron j spiked does not count
        if self.op.events:
            lines += ["if tx[b, j] == 0:", *_indent(self._columns()), "    continue"]
        lines += self._noise()
        reads = self.own("i") | self._meets()
        reads["r"] = "noise[i] >> 1"
        update = self.loop("i in range(n)", self.rule.whole, reads, self.results("i"))
        return [*lines, *self._factors(), *update]

    def nothing(self) -> list[str]:
        counts = self.op.events and "x0" not in self.plan.flags
        return ["if count == 0:", "    continue"] if counts else []

    def _meets(self) -> dict[str, str]:
        reads = {name: f"l_{name}[i]" for name in self._lanes}
        for name in self.rule.factors:
            if name.startswith("y") and not name.endswith("y0"):
                reads[name] = f"t_{name}[i]"
        return reads

    def _factors(self) -> list[str]:
        lines = self.scalars(self.rule.factors)
        for name in self.rule.factors:
            if name.startswith("y") and not name.endswith("y0"):
                lines += [f"t_{name} = {self.at(name, ':').removesuffix(', :]') + ']'}"]
        return lines + self._presynaptic_lanes()

    def _presynaptic_lanes(self) -> list[str]:
        """What postsynaptic spikes meet of neuron j."""
        pre = [name for name in self._lanes if name.startswith("x")]
        if not pre:
            return []
        lines = ["for ky in range(1, t_epoch + 1):"]
        for name in pre:
            lines += [
                f"    met = {self.at(name, 'j')}",
                "    for q in range(starts[ky], starts[ky + 1]):",
                f"        l_{name}[listed[q]] = met",
            ]
        return lines

    def _noise(self) -> list[str]:
        if not self.rule.fixed:
            return []
        args = f"np.int64(j) * blocks, blocks, clock[0], {self.item}, key0, key1"
        drawn = [f"noise_by_pre(planes, words, {args})"]
        if not self.op.two_noises or self.op.events:
            return drawn
        return [
            "if tx[b, j] != 0:",
            *_indent(drawn),
            "else:",
            "    for q in range(count):",
            "        noise[listed[q]] = other_noise[q] >> shift & 255",
        ]

    def _other_noise(self) -> list[str]:
        """For sixteen rows at once."""
        if not self.op.two_noises:
            return []
        args = f"np.int64(j >> 4) * n, listed, count, clock[0], {self.item}, key0, key1"
        return [
            "if (j & 15) == 0:",
            f"    noise_by_post(others, {args})",
            "other_noise, shift = others[(j & 15) >> 2], np.uint32(8 * (j & 3))",
        ]

    def _columns(self) -> list[str]:
        return self._side_by_side() if self.rule.fixed else self._one_by_one()

    def _one_by_one(self) -> list[str]:
        reads = self.own("i") | {name: f"c_{name}[q]" for name in self._post_lanes} | {"y0": "1"}
        head = "q in range(starts[ky], starts[ky + 1])"
        loop = self.loop(head, self.rule.columns, reads, self.results("i"))
        names = [name for name in self.rule.columns.arguments if name.startswith("x")]
        return [
            "for ky in range(1, t_epoch + 1):",
            *_indent(f"{name} = {self.at(name, 'j')}" for name in names),
            f"    {loop[0]}",
            "        i = listed[q]",
            *_indent(loop[1:]),
        ]

    def _side_by_side(self) -> list[str]:
        """Gathered, updated, and put back: scalar code would branch at random to round."""
        names = [name for name in self.rule.columns.arguments if name.startswith("x")]
        lines = [] if not names else ["for ky in range(1, t_epoch + 1):"]
        for name in names:
            lines += [f"    c_{name}[starts[ky] : starts[ky + 1]] = {self.at(name, 'j')}"]
        lines += ["for q in range(count):", "    i = listed[q]"]
        lines += [f"    c_{name}[q] = {name}_j[i]" for name in self.plan.variables]
        reads = {name: f"c_{name}[q]" for name in self._compact}
        reads |= {"r": "(other_noise[q] >> shift & 255) >> 1", "y0": "1"}
        stores = {name: f"c_{name}[q]" for name in self.rule.results}
        lines += self.loop("q in range(padded(count))", self.rule.columns, reads, stores)
        lines += ["for q in range(count):", "    i = listed[q]"]
        return lines + [f"    {name}_j[i] = c_{name}[q]" for name in self.rule.results]

    @property
    def _compact(self) -> list[str]:
        """What lies side by side for the columns."""
        factors = [name for name in self._lanes if name != "y0"]
        return [*dict.fromkeys((*self.plan.variables, *self.rule.results)), *factors]

    def mean_row(self) -> list[str]:
        lines = [f"{name}_j = {name}[0, j]" for name in self.stored]
        lines += [f"s_{name}[:] = 0" for name in self.plan.targets]
        reads = self.own("i") | self._meets()
        item = [*self.spiked(), *self._factors()]
        item += self.loop("i in range(n)", self.rule.accumulate, reads, self.sums("i"), add=True)
        lines += ["for b in range(tx.shape[0]):", *_indent(item), *self._noise()]
        reads = self.means("i") | {"r": "noise[i] >> 1"}
        return lines + self.loop("i in range(n)", self.rule.finish, reads, self.results("i"))


class _Sparse(_Writer):
    def scratch(self) -> list[str]:
        lines = ["places = np.empty(n, np.uint32)"] if self.op.events else []
        if self.rule.fixed:
            lines += [
                "planes = np.empty((4, padded(n // 16 + 2)), np.uint32)",
                "words = np.empty((n // 16 + 2) * 4, np.uint32)",
                "octets = words.view(np.uint8)",
            ]
        return lines + self.sum_scratch()

    def row(self) -> list[str]:
        lines = self._span()
        if self.op.events:
            lines += ["if tx[b, j] == 0:", *_indent(self._columns()), "    continue"]
        update = self._update("q in range(size)", self.rule.whole, self.results("q"))
        return [*lines, *self._noise(), *self.scalars(self.rule.factors), *update]

    def _span(self) -> list[str]:
        lines = ["first, last = indptr[j], indptr[j + 1]", "size = last - first"]
        lines += ["posts = indices[first:last]"]
        return lines + [f"{name}_j = {name}[{self.item}, first:last]" for name in self.stored]

    def _noise(self) -> list[str]:
        if not self.rule.fixed:
            return []
        blocks = "((last + 15) >> 4) - (first >> 4)"
        args = f"first >> 4, {blocks}, clock[0], {self.item}, key0, key1"
        return [f"noise_by_pre(planes, words, {args})", "noise = octets[(first & 15):]"]

    def _update(
        self, head: str, equation: Equation, stores: Mapping[str, str], add: bool = False
    ) -> list[str]:
        reads = self.own("q") | {"r": "noise[q] >> 1"}
        for name in equation.arguments:
            if name == "y0":
                reads[name] = "ky != 0"
            elif name.startswith("y"):
                reads[name] = self.at(name, "i")
            elif name.startswith("x") and name.endswith("y0"):
                reads[name] = self.at(name, "j")
        loop = self.loop(head, equation, reads, stores, add)
        met = ["i = np.uint32(posts[q])", "ky = np.uint32(ty[b, i])"]
        return [loop[0], *_indent(met), *loop[1:]]

    def _columns(self) -> list[str]:
        lines = [
            "found = 0",
            "for q in range(size):",
            "    places[found] = q",
            "    found += ty[b, posts[q]] != 0",
            "if found == 0:",
            "    continue",
            *self._noise(),
        ]
        loop = self._update("place in range(found)", self.rule.columns, self.results("q"))
        return [*lines, loop[0], "    q = places[place]", *loop[1:]]

    def mean_row(self) -> list[str]:
        lines = self._span()
        lines += [f"s_{name}[:size] = 0" for name in self.plan.targets]
        item = self.scalars(self.rule.factors)
        item += self._update("q in range(size)", self.rule.accumulate, self.sums("q"), add=True)
        lines += ["for b in range(tx.shape[0]):", *_indent(item), *self._noise()]
        reads = self.means("q") | {"r": "noise[q] >> 1"}
        return lines + self.loop("q in range(size)", self.rule.finish, reads, self.results("q"))
