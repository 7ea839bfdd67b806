"""The numba body: blocks of neurons, time inside, from the last step to the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

from lava_torch.kernels.equation.cpu import NUMBA
from lava_torch.kernels.sequence import FULL, ROW, SCALAR, SEQUENCE
from lava_torch.kernels.sequence.cpu import compiled, module_text
from lava_torch.kernels.sequence.gradient import GradientOp
from lava_torch.kernels.text import indented

#: Neurons a block: what is carried and a step's numbers fit the first-level cache.
BLOCK = 1024


def run(op: GradientOp, args: Sequence[Tensor], steps: int, batch: int, size: int) -> None:
    """Computes the gradients on the CPU; it holds no lock of Python's."""
    _body(op)(*(tensor.detach().numpy() for tensor in args), steps, batch, size)


@cache
def _body(op: GradientOp) -> Callable[..., None]:
    return compiled(op.name, source(op))


def source(op: GradientOp) -> str:
    """The module text that defines `body(arguments, steps, batch, size)`."""
    text = indented([*_scalars(op), *_scratch(op), "for b in range(batch):"], 1)
    text += indented([f"for low in range(0, size, {BLOCK}):"], 2)
    text += indented([f"high = min(low + {BLOCK}, size)", *_block(op)], 3)
    text += indented(["for k in range(steps):"], 3)
    text += indented(["t = steps - 1 - k", *_step(op), "for i in range(high - low):"], 4)
    text += indented(_element(op), 5)
    return module_text(op.comment, op.layouts, text)


def _scalars(op: GradientOp) -> list[str]:
    cast = NUMBA.types[op.dtype]
    return [f"v{n[1:]} = {cast}({n}[0])" for n in op.named(SCALAR)]


def _scratch(op: GradientOp) -> list[str]:
    return [f"c{j} = np.empty({BLOCK}, {NUMBA.types[op.dtype]})" for j in op.carried]


def _block(op: GradientOp) -> list[str]:
    """What a block of neurons has for all steps."""
    lines = [f"{n}_b = {n}[low:high]" for n in op.named(ROW)]
    lines += [f"{n}_b = {n}[b, low:high]" for n in op.named(FULL)]
    return lines + [f"c{j}[:] = 0" for j in op.carried]


def _step(op: GradientOp) -> list[str]:
    """What it has for step t. State is as the step before left it."""
    lines = [f"{n}_t = {n}[t, b, low:high]" for n in op.named(SEQUENCE) if not n.startswith("r")]
    for i in op.reads:
        before = op.before(i)
        if before is not None:
            lines.append(f"p{i}_t = {before}[t - 1, b, low:high] if t > 0 else p{i}_b")
    return lines


def _element(op: GradientOp) -> list[str]:
    """The lines for neuron i at step t."""
    cast, count = NUMBA.types[op.dtype], len(op.forward.layouts)
    lines = []
    for i in op.reads:
        lies = op.forward.layouts[i]
        if lies != SCALAR:
            lines.append(f"v{i} = {cast}(p{i}_{'b' if lies == ROW else 't'}[i])")
    for j, given in enumerate(op.given):
        terms = [f"c{j}[i]"] * (j in op.carried) + [f"g{j}_t[i]"] * given
        if terms:
            lines.append(f"v{count + j} = {cast}({' + '.join(terms)})")
    computed, values = op.graph.emit(NUMBA, [f"v{i}" for i in range(len(op.graph.arguments))])
    lines += computed
    for i, value in zip(op.wanted, values, strict=False):
        place = f"d{i}_t[i] =" if op.layouts[f"d{i}"] == SEQUENCE else f"d{i}_b[i] +="
        lines.append(f"{place} {value}")
    carried = zip(op.carried, values[len(op.wanted) :], strict=True)
    return lines + [f"c{j}[i] = {value}" for j, value in carried]
