"""The numba body of an update: a generated loop over presynaptic neurons and their synapses.

Dense synapses of one presynaptic neuron lie side by side, and so do the factors that they meet: the
loop over them is vectorised. Where only events count, those of neurons that did not spike are
visited by the list of postsynaptic neurons that did, for four presynaptic neurons at a time. In
fixed point there is much to compute for each of them: there the synapses from a block of such
neurons to one postsynaptic neuron are gathered, updated side by side, and put back. Sparse synapses
look up what they meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from lava_torch.kernels.equation import Equation
from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.learning import cpu as traces
from lava_torch.kernels.learning.update.noise import MASK, SHIFT
from lava_torch.kernels.random import cpu as random
from lava_torch.kernels.spike import cpu as spike
from lava_torch.kernels.table.share import OPTIONS
from lava_torch.kernels.text import indented

if TYPE_CHECKING:
    from lava_torch.kernels.learning.update import UpdateOp


_SHIFT, _MASK = np.int32(SHIFT), np.int32(MASK)
#: How many presynaptic neurons make a block, at most, and the numbers that they may have: what a
#: block has of the weights is to stay in the second cache.
BLOCK, NUMBERS = 128, 1 << 16
#: Quiet presynaptic neurons that share what is looked up of a postsynaptic one, where synapses are
#: visited one by one; postsynaptic neurons that share their places, where they are gathered.
TOGETHER, COLUMNS = 4, 2


@njit(**OPTIONS)
def block_size(m, n):
    return max(16, min(m, BLOCK, NUMBERS // max(n, 1)))


@njit(**OPTIONS)
def padded(size):
    """A multiple of what a vectorised loop does at once; the rest would be slow."""
    return (size + 7) // 8 * 8


@njit(**OPTIONS, forceinline=True)
def rounding(pre, post):
    """The number that rounds a synapse, from its neurons' words."""
    return np.int32(np.int32(np.int32(pre * post) >> _SHIFT) & _MASK)


@njit(**OPTIONS)
def part_spiked(times, first, last, parted):
    """Of the neurons in [first, last), those that did not spike are parted[:found], those that did
    parted[spiked:]; found and spiked are returned."""
    found, spiked = 0, parted.shape[0]
    for j in range(first, last):
        parted[found] = j
        parted[spiked - 1] = j
        quiet = times[j] == 0
        found += quiet
        spiked -= not quiet
    return found, spiked


_HEADER = """\
import math
import numpy as np
from numba import njit
from lava_torch.kernels.learning.cpu import flat
from lava_torch.kernels.learning.update.cpu import (
    block_size, padded, part_spiked, rounding,
)
from lava_torch.kernels.spike.cpu import list_nonzero
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
    return __file__, traces.__file__, random.__file__, spike.__file__


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
            *indented(self.words()),
            *indented([] if self.op.mean else self.spiked()),
            *indented(self.rows()),
        ]
        return indented(lines)

    def words(self) -> list[str]:
        """What rounds the synapses of item b."""
        if not self.rule.fixed:
            return []
        return [f"pre_words, post_words = words[{self.item}, :m], words[{self.item}, m:]"]

    def rows(self) -> list[str]:
        row = self.mean_row() if self.op.mean else self.row()
        return ["for j in range(low, high):", *indented(row)]

    def scratch(self) -> list[str]:
        raise TypeError("a writer says what scratch it needs")

    def spiked(self) -> list[str]:
        """What is needed to know who spiked in item b."""
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
        lines, values = self.computed(equation, reads)
        sign = "+=" if add else "="
        pairs = zip(stores.values(), values, strict=True)
        lines += [f"{target} {sign} {value}" for target, value in pairs]
        return [f"for {head}:", *indented(lines)]

    def computed(
        self, equation: Equation, reads: Mapping[str, str], suffix: str = ""
    ) -> tuple[list[str], list[str]]:
        """Lines that compute an equation for one synapse, and what its results are then called."""
        lines, names = [], []
        for name in equation.arguments:
            if name == "u":
                names.append(f"{self.cast}(u)")
            elif name in reads:
                lines.append(f"v{suffix}_{name} = {self.cast}({reads[name]})")
                names.append(f"v{suffix}_{name}")
            else:
                names.append(name)
        text, values = equation.trace(self.op.dtype).emit(NUMBA, names, f"e{suffix}_")
        return lines + text, values

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
        lines = ["width, size = padded(n), block_size(m, n)", "deep = padded(size)"]
        pieces = [(f"l_{name}", "width") for name in self._lanes]
        pieces += [(f"c_{name}", "width") for name in self._compact]
        pieces += [(name, "deep") for name in self._gathered]
        pieces += [(f"g_{name}", "deep * t_epoch") for name in self._block_traces]
        # One piece of memory for many: each would take as long as a few rows.
        total = " + ".join(size for _, size in pieces) or "0"
        lines += [f"lanes = np.zeros({total}, {self.cast})", "at = 0"]
        for name, size in pieces:
            lines += [f"{name} = lanes[at : at + {size}]", f"at += {size}"]
        if "y0" in self.plan.flags:
            lines += ["listed = np.empty(n, np.uint32)"]
        if self._by_column:
            lines += ["parted = np.empty(size, np.uint32)"]
        if self._by_list:
            lines += ["rows = np.empty(n, np.uint64)"]
        return lines + self.sum_scratch()

    @property
    def _by_row(self) -> bool:
        """Whether synapses are visited because of what the presynaptic neuron did."""
        return not self.op.events or "x0" in self.plan.flags

    @property
    def _by_column(self) -> bool:
        """Whether they are because of what the postsynaptic neuron did, where the other did not
        spike."""
        return self.op.events and "y0" in self.plan.flags

    @property
    def _by_block(self) -> bool:
        return self._by_column and self.rule.fixed

    @property
    def _by_list(self) -> bool:
        return self._by_column and not self.rule.fixed

    def _column_traces(self, side: str) -> list[str]:
        return [n for n in self.rule.columns.arguments if n.startswith(side) and n != "y0"]

    @property
    def _lanes(self) -> list[str]:
        """The factors that are put side by side for a row, or for all rows."""
        return [name for name in self.rule.factors if name.endswith("y0") and self._by_row]

    @property
    def _post_lanes(self) -> list[str]:
        """Those of them that are of the postsynaptic neurons."""
        return [name for name in self._lanes if name.startswith("y")]

    @property
    def _compact(self) -> list[str]:
        """What is of the postsynaptic neurons that spiked."""
        return self._column_traces("y") if self._by_list else []

    @property
    def _gathered(self) -> list[str]:
        """What lies side by side for a block's synapses to a postsynaptic neuron."""
        if not self._by_block:
            return []
        stored = dict.fromkeys((*self.plan.variables, *self.rule.results))
        return [f"g{c}_{name}" for c in range(COLUMNS) for name in stored] + ["g_word"]

    @property
    def _block_traces(self) -> list[str]:
        """The same, of each step that the postsynaptic neuron may have spiked in."""
        return self._column_traces("x") if self._by_block else []

    def spiked(self) -> list[str]:
        lines = ["count = list_nonzero(ty[b], listed)"] if "y0" in self.plan.flags else []
        if self._post_lanes:
            lines += ["for i in range(n):", "    ky = np.uint32(ty[b, i])"]
        for name in self._post_lanes:
            value = "ky != 0" if name == "y0" else self.at(name, "i")
            lines += [f"    l_{name}[i] = {value}"]
        if self._by_list:
            lines += ["for q in range(count):", *indented(self._met()), "    rows[q] = ky * m"]
            lines += [f"    c_{name}[q] = {self.at(name, 'i')}" for name in self._compact]
            tables = dict.fromkeys(name.split("_")[0] for name in self._column_traces("x"))
            lines += [f"f_{trace} = flat(h_{trace}[b])" for trace in tables]
        return lines

    def _met(self) -> list[str]:
        return ["i = listed[q]", "ky = np.uint32(ty[b, i])"]

    def rows(self) -> list[str]:
        if self.op.mean or not self.op.events:
            return super().rows()
        if self._by_column:
            return self._blocks()
        return ["for j in range(low, high):", "    if tx[b, j] != 0:", *indented(self.row(), 2)]

    def _blocks(self) -> list[str]:
        """The rows of a block's neurons that spiked; for those that did not, the columns."""
        lines = ["last = min(first + size, high)"]
        if self._by_row:
            lines += [
                "found, spiked = part_spiked(tx[b], first, last, parted)",
                "for q in range(spiked, parted.shape[0]):",
                "    j = parted[q]",
                *indented(self.row()),
            ]
        else:
            lines += ["found = last - first", "for q in range(found):", "    parted[q] = first + q"]
        lines += self._columns() if self._by_block else self._listed()
        return ["for first in range(low, high, size):", *indented(lines)]

    def of_row(self) -> list[str]:
        """What is neuron j's."""
        lines = [f"{name}_j = {name}[{self.item}, j]" for name in self.stored]
        return lines + (["word = pre_words[j]"] if self.rule.fixed else [])

    def row(self) -> list[str]:
        lines = self.of_row()
        reads = self.own("i") | self._meets() | {"r": "rounding(word, post_words[i])"}
        update = self.loop("i in range(n)", self.rule.whole, reads, self.results("i"))
        return [*lines, *self._factors(), *update]

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
        lines = ["for q in range(count):", *indented(self._met())]
        return lines + [f"    l_{name}[i] = {self.at(name, 'j')}" for name in pre]

    def _listed(self) -> list[str]:
        """The synapses from the quiet neurons of a block to those that spiked, one by one."""
        return [
            f"for z in range(0, found - {TOGETHER - 1}, {TOGETHER}):",
            *indented(self._listed_rows(TOGETHER)),
            f"for z in range(found // {TOGETHER} * {TOGETHER}, found):",
            *indented(self._listed_rows(1)),
        ]

    def _listed_rows(self, rows: int) -> list[str]:
        """The same for so many neurons, whose numbers stand at parted[z:]."""
        lines, body, stores = [], ["i, row = listed[q], rows[q]"], []
        body += [f"{name} = c_{name}[q]" for name in self._compact]
        for k in range(rows):
            lines += [f"j = parted[z + {k}]"]
            lines += [f"{name}_{k} = {name}[{self.item}, j]" for name in self.stored]
            reads = {name: f"{name}_{k}[i]" for name in self.plan.variables} | {"y0": "1"}
            for name in self._column_traces("x"):
                lines += [f"{name}_{k} = f_{name.split('_')[0]}[j:]"]
                reads[name] = f"{name}_{k}[row]"
            text, values = self.computed(self.rule.columns, reads, str(k))
            body += text
            pairs = zip(self.rule.results, values, strict=True)
            stores += [f"{name}_{k}[i] = {value}" for name, value in pairs]
        return [*lines, "for q in range(count):", *indented([*body, *stores])]

    def _columns(self) -> list[str]:
        """The synapses from the quiet neurons of a block to those that spiked, side by side."""
        lines = ["for q in range(found):", "    g_word[q] = pre_words[parted[q]]"]
        steps = ["at = (ky - 1) * deep", "for q in range(found):"]
        pre = self._block_traces
        steps += [f"    g_{name}[at + q] = {self.at(name, 'parted[q]')}" for name in pre]
        lines += ["for ky in range(1, t_epoch + 1):", *indented(steps)] if pre else []
        return [
            *lines,
            f"for s in range(0, count - {COLUMNS - 1}, {COLUMNS}):",
            *indented(self._gathered_columns(COLUMNS)),
            f"for s in range(count // {COLUMNS} * {COLUMNS}, count):",
            *indented(self._gathered_columns(1)),
        ]

    def _gathered_columns(self, columns: int) -> list[str]:
        """The same for so many postsynaptic neurons, whose numbers stand at listed[s:]."""
        each = [(f"g{c}_{{0}}[q]", f"{{0}}[{self.item}, j, i{c}]") for c in range(columns)]

        def copied(names: Iterable[str], way: int) -> list[str]:
            lines = [
                f"{pair[way]} = {pair[1 - way]}".format(name) for name in names for pair in each
            ]
            return ["for q in range(found):", "    j = parted[q]", *indented(lines)]

        lines = [f"i{c} = listed[s + {c}]" for c in range(columns)]
        lines += copied(self.plan.variables, 0)
        for c in range(columns):
            lines += [f"ky, word = np.int64(ty[b, i{c}]), post_words[i{c}]", "at = (ky - 1) * deep"]
            lines += [f"{name} = {self.at(name, f'i{c}')}" for name in self._column_traces("y")]
            lines += [f"{name} = g_{name}[at : at + deep]" for name in self._block_traces]
            reads = {name: f"g{c}_{name}[q]" for name in self.plan.variables}
            reads |= {name: f"{name}[q]" for name in self._block_traces}
            reads |= {"r": "rounding(g_word[q], word)", "y0": "1"}
            stores = {name: f"g{c}_{name}[q]" for name in self.rule.results}
            lines += self.loop("q in range(padded(found))", self.rule.columns, reads, stores)
        return lines + copied(self.rule.results, 1)

    def mean_row(self) -> list[str]:
        lines = self.of_row()
        lines += [f"s_{name}[:] = 0" for name in self.plan.targets]
        reads = self.own("i") | self._meets()
        item = [*self.spiked(), *self._factors()]
        item += self.loop("i in range(n)", self.rule.accumulate, reads, self.sums("i"), add=True)
        lines += ["for b in range(tx.shape[0]):", *indented(item)]
        reads = self.means("i") | {"r": "rounding(word, post_words[i])"}
        return lines + self.loop("i in range(n)", self.rule.finish, reads, self.results("i"))


class _Sparse(_Writer):
    def scratch(self) -> list[str]:
        lines = ["places = np.empty(n, np.uint32)"] if self.op.events else []
        return lines + self.sum_scratch()

    def row(self) -> list[str]:
        lines = self._span()
        if self.op.events:
            lines += ["if tx[b, j] == 0:", *indented(self._columns()), "    continue"]
        update = self._update("q in range(size)", self.rule.whole, self.results("q"))
        return [*lines, *self.scalars(self.rule.factors), *update]

    def _span(self) -> list[str]:
        lines = ["first, last = indptr[j], indptr[j + 1]", "size = last - first"]
        lines += ["posts = indices[first:last]"]
        lines += [f"{name}_j = {name}[{self.item}, first:last]" for name in self.stored]
        return lines + (["word = pre_words[j]"] if self.rule.fixed else [])

    def _update(
        self, head: str, equation: Equation, stores: Mapping[str, str], add: bool = False
    ) -> list[str]:
        reads = self.own("q") | {"r": "rounding(word, post_words[i])"}
        for name in equation.arguments:
            if name == "y0":
                reads[name] = "ky != 0"
            elif name.startswith("y"):
                reads[name] = self.at(name, "i")
            elif name.startswith("x") and name.endswith("y0"):
                reads[name] = self.at(name, "j")
        loop = self.loop(head, equation, reads, stores, add)
        met = ["i = np.uint32(posts[q])", "ky = np.uint32(ty[b, i])"]
        return [loop[0], *indented(met), *loop[1:]]

    def _columns(self) -> list[str]:
        lines = [
            "found = 0",
            "for q in range(size):",
            "    places[found] = q",
            "    found += ty[b, posts[q]] != 0",
            "if found == 0:",
            "    continue",
        ]
        loop = self._update("place in range(found)", self.rule.columns, self.results("q"))
        return [*lines, loop[0], "    q = places[place]", *loop[1:]]

    def mean_row(self) -> list[str]:
        lines = self._span()
        lines += [f"s_{name}[:size] = 0" for name in self.plan.targets]
        item = self.scalars(self.rule.factors)
        item += self._update("q in range(size)", self.rule.accumulate, self.sums("q"), add=True)
        lines += ["for b in range(tx.shape[0]):", *indented(item)]
        reads = self.means("q") | {"r": "rounding(word, post_words[posts[q]])"}
        return lines + self.loop("q in range(size)", self.rule.finish, reads, self.results("q"))
