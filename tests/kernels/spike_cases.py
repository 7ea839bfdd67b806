"""Row operations with arguments, for the tests of the bodies of messages and spikes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from lava_torch.kernels import message, spike
from lava_torch.kernels.op import Argument, RowOp

#: Whole numbers up to here; sums of a few of them wrap.
HUGE = 2**30

#: The dtypes of x, weights and output.
DTYPES = (
    (torch.uint8, torch.float32, torch.float32),
    (torch.bool, torch.float16, torch.float32),
    (torch.float32, torch.int8, torch.float32),
    (torch.float64, torch.float64, torch.float64),
    (torch.int32, torch.int8, torch.int32),
    (torch.int32, torch.int16, torch.int32),
    (torch.int32, torch.int32, torch.int32),
)
FLOAT, FIXED = DTYPES[0], DTYPES[4]
#: (batch, pre, post): nothing, one, odd, larger than a block, a batch.
SIZES = ((1, 0, 3), (2, 3, 0), (1, 1, 1), (1, 37, 131), (3, 17, 67), (2, 5, 1100))
PROPAGATION = {"dense", "dense_delay", "sparse", "sparse_delay", "conv"}

#: Size, channels in and out, kernel, padding, stride, dilation (of each axis), groups, batch.
CONVOLUTIONS = {
    "plain": ((5, 6), (2, 4), (3, 2), (1, 0), (1, 1), (1, 1), 1, 1),
    "batch": ((6, 5), (4, 6), (2, 3), (2, 1), (2, 3), (2, 1), 2, 3),
    "one": ((1, 1), (1, 1), (1, 1), (0, 0), (1, 1), (1, 1), 1, 1),
    "padded": ((3, 4), (1, 2), (3, 3), (3, 4), (1, 1), (2, 2), 1, 1),
    "wide": ((4, 4), (3, 140), (3, 2), (1, 1), (2, 1), (1, 2), 1, 1),
}


@dataclass(frozen=True, eq=False)
class Case:
    """An operation and what makes its arguments, anew each time."""

    op: RowOp
    make: Callable[[], tuple[Argument, ...]]

    @property
    def propagates(self) -> bool:
        return self.op.name in PROPAGATION

    @cached_property
    def has_order(self) -> bool:
        """Whether it is done in another way where torch asks for deterministic algorithms."""
        floats = any(a.is_floating_point() for a in self.written(self.make()))
        return self.op.name == "compact" or (self.propagates and floats)

    def run(self, function: Callable[..., None], args: tuple[Argument, ...]) -> tuple[Tensor, ...]:
        """What `function` has written to the arguments that the operation writes."""
        function(*args)
        return tuple(self.written(args))

    def written(self, args: tuple[Argument, ...]) -> Iterator[Tensor]:
        for name, arg in zip(self.op.arguments, args, strict=True):
            if name in self.op.writes:
                yield arg

    def expected(self) -> tuple[Tensor, ...]:
        """The reference's results, in float64 where they are floats."""
        args = self.make()
        if self.propagates and self.has_order:
            args = tuple(a.double() if _floats(a) else a for a in args)
        return self.run(self.op.body("reference"), args)

    def in_order(self) -> Tensor:
        """The result of a propagation if each sum is taken in the order of the spikes."""
        body = self.op.body("reference")
        spikes, count, *rest = self.make()
        total = next(self.written((spikes, count, *rest)))
        body(spikes, torch.zeros_like(count), *rest)
        total = total.clone()
        for s in range(int(count)):
            args = self.make()
            contribution = next(self.written(args)).zero_()
            body(spikes[s : s + 1], torch.ones_like(count), *args[2:])
            total += contribution
        return total


def _floats(arg: Argument) -> bool:
    return isinstance(arg, Tensor) and arg.is_floating_point()


def _generator(label: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(label.encode()))


def _numbers(
    shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator, limit: int = 100
) -> Tensor:
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    if dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    low = 0 if dtype == torch.uint8 else -limit
    return torch.randint(low, limit, shape, generator=generator).to(dtype)


def _spikes(
    size: int, dtype: torch.dtype, activity: float, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes, count and x."""
    x = _numbers((size,), dtype, generator)
    x = torch.where(x == 0, torch.ones_like(x), x)
    x[torch.rand(size, generator=generator) >= activity] = 0
    spikes, count = torch.full((size,), -1, dtype=torch.int32), torch.zeros(1, dtype=torch.int32)
    spike.COMPACT.body("reference")(x, spikes, count)
    return spikes, count, x


def _synapses(
    m: int, n: int, density: float, wide: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Which of m x n synapses there are, row pointers and indices."""
    there = torch.rand(m, n, generator=generator) < density
    indptr = torch.zeros(m + 1, dtype=torch.int64)
    indptr[1:] = there.sum(1).cumsum(0)
    indices = there.nonzero()[:, 1]
    return there, indptr, indices.to(torch.int32 if wide else torch.uint16)


def propagation(
    label: str,
    op: RowOp,
    size: tuple[int, int, int],
    dtypes: tuple[torch.dtype, torch.dtype, torch.dtype] = FLOAT,
    graded: bool = True,
    activity: float = 0.3,
    density: float = 0.3,
    wide: bool = False,
    huge: bool = False,
    t: int = 6,
    own: bool = False,
) -> Case:
    """A connection through dense or sparse weights, delayed or not; those of each item its `own`,
    or shared."""
    batch, m, n = size
    delayed, slots = op.name.endswith("delay"), 4

    def make() -> tuple[Argument, ...]:
        generator = _generator(label)
        spikes, count, x = _spikes(batch * m, dtypes[0], activity, generator)
        weights = _numbers((m, n), dtypes[1], generator, HUGE if huge else 100)
        delays = torch.randint(0, slots, (m, n), generator=generator, dtype=torch.uint8)
        synapses: tuple[Tensor, ...] = ()
        if own:
            weights = torch.cat([weights, *(weights.roll(b, 1) for b in range(1, batch))])
            delays = torch.cat([delays, *(delays.roll(b, 0) for b in range(1, batch))])
        if op.name.startswith("sparse"):
            there, *synapses = _synapses(m, n, density, wide, generator)
            there = there.repeat(batch if own else 1, 1)
            weights, delays = weights[there], delays[there]
        shape = (batch, slots, n) if delayed else (batch, n)
        out = _numbers(shape, dtypes[2], generator)
        late = (delays, out, torch.tensor([t])) if delayed else (out,)
        return spikes, count, x, *synapses, weights, *late, graded

    return Case(op, make)


def convolution(
    label: str, name: str, dtypes: tuple[torch.dtype, ...], graded: bool, activity: float
) -> Case:
    size, channels, kernel, padding, stride, dilation, groups, batch = CONVOLUTIONS[name]
    axes = list(zip(size, kernel, padding, stride, dilation, strict=True))
    sizes = [(i + 2 * p - d * (k - 1) - 1) // s + 1 for i, k, p, s, d in axes]

    def make() -> tuple[Argument, ...]:
        generator = _generator(label)
        places = batch * size[0] * size[1] * channels[0]
        spikes = _spikes(places, dtypes[0], activity, generator)
        shape = (*kernel, channels[0] // groups, channels[1])
        weights = _numbers(shape, dtypes[1], generator)
        out = _numbers((batch, *sizes, channels[1]), dtypes[2], generator)
        numbers = *size, channels[0], *padding, *stride, *dilation, groups
        return *spikes, weights, out, *numbers, graded

    return Case(spike.CONV, make)


def _name(*parts: object) -> str:
    return "-".join(str(p).removeprefix("torch.").replace(", ", "x").strip("()") for p in parts)


def _connections() -> Iterator[tuple[str, Case]]:
    def case(op: RowOp, *parts: object, **options: object) -> tuple[str, Case]:
        label = _name(op.name, *parts)
        return label, propagation(label, op, **options)

    main = (3, 17, 67)
    for op in (spike.DENSE, spike.SPARSE, spike.DENSE_DELAY, spike.SPARSE_DELAY):
        for size in SIZES:
            for dtypes in (FLOAT, FIXED):
                yield case(op, size, dtypes[2], size=size, dtypes=dtypes)
        for dtypes in DTYPES:
            yield case(op, *dtypes, "graded", size=main, dtypes=dtypes)
        for dtypes in (FLOAT, FIXED):
            yield case(op, *dtypes, "counted", size=main, dtypes=dtypes, graded=False)
        for word, activity in (("silent", 0.0), ("all", 1.1)):
            yield case(op, word, size=main, activity=activity)
        for dtypes in (FLOAT, FIXED):
            yield case(op, "own", dtypes[2], size=main, dtypes=dtypes, own=True)
        wrapping = (torch.int32, torch.int32, torch.int32)
        yield case(op, "wraps", size=main, dtypes=wrapping, activity=1.1, huge=True)
        if op.name.endswith("delay"):
            yield case(op, "late", size=main, t=2**33 + 3)
    for op in (spike.SPARSE, spike.SPARSE_DELAY):
        yield case(op, "int32 indices", size=main, wide=True)
        yield case(op, "no synapses", size=main, density=0.0)
        yield case(op, "long rows", size=(2, 4, 1200), density=1.1, activity=0.5)
        yield case(op, "split rows", size=(1, 3, 2600), density=1.1, activity=1.1)


def _convolutions() -> Iterator[tuple[str, Case]]:
    for name in CONVOLUTIONS:
        for dtypes in (FLOAT, FIXED):
            label = _name("conv", name, dtypes[2])
            yield label, convolution(label, name, dtypes, True, 0.3)
    for dtypes in DTYPES[1:4]:
        label = _name("conv", *dtypes, "counted")
        yield label, convolution(label, "plain", dtypes, False, 0.2)
    for word, activity in (("silent", 0.0), ("all", 1.1)):
        label = _name("conv", word)
        yield label, convolution(label, "batch", FLOAT, True, activity)


def _compactions() -> Iterator[tuple[str, Case]]:
    def compaction(label: str, size: int, dtype: torch.dtype, activity: float) -> Case:
        def make() -> tuple[Argument, ...]:
            spikes, count, x = _spikes(size, dtype, activity, _generator(label))
            return x, torch.full_like(spikes, -1), torch.full_like(count, -1)

        return Case(spike.COMPACT, make)

    dtypes = torch.uint8, torch.bool, torch.float32, torch.float64, torch.int32
    for size in (0, 1, 37, 1025, 20_001):
        for dtype in dtypes if size == 37 else (torch.uint8,):
            for activity in (0.0, 0.1, 1.1):
                label = _name("compact", size, dtype, activity)
                yield label, compaction(label, size, dtype, activity)


def _rings() -> Iterator[tuple[str, Case]]:
    def ring_case(op: RowOp, label: str, shape: tuple[int, int, int], t: int, *rest: int) -> Case:
        batch, slots, n = shape
        shapes = {"columns": (batch, n, slots), "out": (batch, n)}

        def make() -> tuple[Argument, ...]:
            generator = _generator(label)
            now = torch.tensor([t])
            fields = [a for a in op.arguments if a not in ("t", "exponent")]
            tensors = {
                a: _numbers(shapes.get(a, shape), torch.int32, generator, HUGE) for a in fields
            }
            tensors["t"] = now
            return *(tensors[a] for a in op.arguments if a in tensors), *rest

        return Case(op, make)

    for shape in ((1, 1, 1), (3, 4, 37), (2, 3, 1030), (2, 3, 0)):
        for t in (1, 6, 2**33 + 5):
            for op in (spike.RING_SEND, spike.RING_LOAD, spike.RING_STORE):
                label = _name(op.name, shape, t)
                yield label, ring_case(op, label, shape, t)
            for exponent in (-3, 0, 2):
                label = _name("ring_flush", shape, t, exponent)
                yield label, ring_case(spike.RING_FLUSH, label, shape, t, exponent)


def _messages() -> Iterator[tuple[str, Case]]:
    def case(op: RowOp, label: str, *make: Callable[[torch.Generator], Argument]) -> Case:
        def arguments() -> tuple[Argument, ...]:
            generator = _generator(label)
            return tuple(m(generator) if callable(m) else m for m in make)

        return Case(op, arguments)

    def numbers(shape: tuple[int, ...], dtype: torch.dtype) -> Callable[..., Tensor]:
        return lambda generator: _numbers(shape, dtype, generator, HUGE)

    def index(size: int, low: int, high: int) -> Callable[..., Tensor]:
        return lambda generator: torch.randint(
            low, high, (size,), generator=generator, dtype=torch.int32
        )

    def now(t: int) -> Callable[..., Tensor]:
        return lambda generator: torch.tensor([t])

    i32, f32, u8 = torch.int32, torch.float32, torch.uint8
    for k in (0, 1, 37, 1030):
        for x, out in ((f32, f32), (u8, f32), (torch.bool, i32), (i32, i32), (f32, torch.float64)):
            name = _name(k, x, out)
            for op in (message.COPY, message.ACCUMULATE):
                label = f"{op.name}-{name}"
                yield label, case(op, label, numbers((k,), x), numbers((k,), out))
            label = f"gather-{name}"
            places = index(k + 3, -1, k) if k else index(3, -1, 0)
            out_of = numbers((2, k + 3 if k else 3), out)
            yield label, case(message.GATHER, label, numbers((2, k), x), places, out_of)
            for t in (1, 12):
                label = f"source_row-{name}-{t}"
                data, row = numbers((5, 1, k), x), numbers((2, k), out)
                yield label, case(message.SOURCE_ROW, label, data, now(t), row)
                label = f"record-{name}-{t}"
                rows = numbers((5, k), out)
                yield label, case(message.RECORD, label, numbers((k,), x), rows, now(t))
        label = f"fill_zero-{k}"
        yield label, case(message.FILL_ZERO, label, numbers((k,), f32))
        label = f"wrap24-{k}"
        yield label, case(message.WRAP24, label, numbers((k,), i32))
        for exponent in (-4, 0, 3):
            label = f"shift-{k}-{exponent}"
            yield label, case(message.SHIFT, label, numbers((k,), i32), exponent)
    label = "source_row-batch"
    data, row = numbers((5, 3, 37), u8), numbers((3, 37), f32)
    yield label, case(message.SOURCE_ROW, label, data, now(9), row)
    for x in (f32, i32, torch.bool):
        for t, every in ((1, 1), (12, 3), (13, 3)):
            steps = numbers((5,), torch.int64)
            label = _name("probe", x, t, every)
            for j in (0, 41):
                yield f"{label}-{j}", case(
                    message.PROBE, label, numbers((1030,), x), index(j, 0, 1030),
                    numbers((5, j), f32), steps, now(t), every,
                )  # fmt: skip
            label = _name("probe_mean", x, t, every)
            yield label, case(
                message.PROBE_MEAN, label, numbers((1030,), x), numbers((5, 1), f32), steps, now(t),
                every,
            )  # fmt: skip


CASES: dict[str, Case] = {
    label: case
    for family in (_compactions, _connections, _convolutions, _rings, _messages)
    for label, case in family()
}
