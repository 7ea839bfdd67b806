"""What the gradient of a spike is taken to be.

A spike is a step, whose derivative is zero wherever there is one. Training replaces it by the
derivative of a smooth function near the step (Neftci, Mostafa & Zenke 2019, IEEE Signal Processing
Magazine 36(6), https://doi.org/10.1109/MSP.2019.2931595); the spike itself stays a step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


class Surrogate(ABC):
    """A smooth step and its derivative. x is a float tensor of any shape, the distance to the
    threshold over the scale, and both methods give a tensor like it.

    Of a frozen dataclass whose `gradient` is made of operators, `abs` and the primitives of
    equations, it is compiled into the kernels that go back through all steps of a layer. With
    others, neurons are stepped.
    """

    @abstractmethod
    def primal(self, x: Tensor) -> Tensor:
        """The smooth function, 1/2 at x = 0, that `gradient` is the derivative of."""

    @abstractmethod
    def gradient(self, x: Tensor) -> Tensor:
        """The derivative of `primal` at x."""

    def spike(self, x: Tensor, scale: Tensor | float) -> Tensor:
        """1 where x > 0, else 0, in x's dtype; its gradient is gradient(x / scale) / scale.

        `scale` broadcasts to x, counts as 1 where it is not positive, and gets no gradient.
        """
        scale, factor = _guarded(x, scale)
        if scale is not None and scale.numel() > 1 and scale.shape != x.shape:
            x, scale = torch.broadcast_tensors(x, scale)  # each has a gradient of its own
        return apply(_Spike, _TransformedSpike, x, scale, factor, self)


def _guarded(x: Tensor, scale: Tensor | float) -> tuple[Tensor | None, float]:
    """The scale as a tensor and a number, of which the one that is not needed is None or 1."""
    if isinstance(scale, Tensor):
        scale = scale.detach()
        return torch.where(scale > 0, scale, 1).to(x.dtype), 1.0
    return None, float(scale) if scale > 0 else 1.0


def apply(
    plain: type[torch.autograd.Function], transformed: type[torch.autograd.Function], *args: Any
) -> Any:
    """`transformed` within torch.func's transforms, `plain` elsewhere.

    A Function with `setup_context`, which the transforms need, has its signature inspected at each
    call: several times what the call itself costs.
    """
    within = torch._C._are_functorch_transforms_active()
    return (transformed if within else plain).apply(*args)


class _Spike(torch.autograd.Function):
    """A step forward, the surrogate's derivative backward."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor | None, factor: float, surrogate: Surrogate
    ) -> Tensor:
        ctx.factor, ctx.surrogate = factor, surrogate
        ctx.save_for_backward(x, scale)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        x, scale = ctx.saved_tensors
        scale = ctx.factor if scale is None else scale
        return gradient * (ctx.surrogate.gradient(x / scale) / scale), None, None, None


class _TransformedSpike(torch.autograd.Function):
    """The same for torch.func."""

    generate_vmap_rule = True
    backward = _Spike.backward

    @staticmethod
    def forward(x: Tensor, scale: Tensor | None, factor: float, surrogate: Surrogate) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, scale, ctx.factor, ctx.surrogate = inputs
        ctx.save_for_backward(x, scale)


def _check_positive(surrogate: Any) -> None:
    """Raises ValueError where a parameter is not a positive, finite number."""
    for field in fields(surrogate):
        value = getattr(surrogate, field.name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(
                f"{type(surrogate).__name__}({field.name}={value!r}): give a number above 0."
            )
        if not (math.isfinite(value) and value > 0):
            raise ValueError(
                f"{type(surrogate).__name__}({field.name}={value}): must be finite and above 0."
            )


@dataclass(frozen=True)
class ArcTan(Surrogate):
    """The arctangent: gradient(x) = (alpha / 2) / (1 + (pi alpha x / 2)^2).

    primal(x) = 1/2 + arctan(pi alpha x / 2) / pi, in (0, 1). Fang et al. 2021, "Incorporating
    Learnable Membrane Time Constant to Enhance Learning of Spiking Neural Networks",
    https://arxiv.org/abs/2007.05785. `alpha` > 0: the larger, the narrower; else ValueError.
    """

    alpha: float = 2.0

    def __post_init__(self) -> None:
        _check_positive(self)

    def primal(self, x: Tensor) -> Tensor:
        return 0.5 + torch.atan(0.5 * math.pi * self.alpha * x) / math.pi

    def gradient(self, x: Tensor) -> Tensor:
        return 0.5 * self.alpha / (1 + (0.5 * math.pi * self.alpha * x) ** 2)


@dataclass(frozen=True)
class FastSigmoid(Surrogate):
    """The fast sigmoid of SuperSpike: gradient(x) = 1 / (1 + slope |x|)^2.

    primal(x) = 1/2 + x / (1 + slope |x|), in (1/2 - 1/slope, 1/2 + 1/slope). Zenke & Ganguli 2018,
    "SuperSpike: Supervised Learning in Multilayer Spiking Neural Networks", Neural Computation
    30(6), https://arxiv.org/abs/1705.11146. `slope` > 0, else ValueError.
    """

    slope: float = 25.0

    def __post_init__(self) -> None:
        _check_positive(self)

    def primal(self, x: Tensor) -> Tensor:
        return 0.5 + x / (1 + self.slope * x.abs())

    def gradient(self, x: Tensor) -> Tensor:
        return 1 / (1 + self.slope * abs(x)) ** 2


@dataclass(frozen=True)
class Triangle(Surrogate):
    """The triangle: gradient(x) = max(0, 1 - |x| / width) / width.

    primal(x) is 0 below -width, 1 above width, and two parabolas between. Esser et al. 2016,
    "Convolutional networks for fast, energy-efficient neuromorphic computing", PNAS 113(41),
    https://arxiv.org/abs/1603.08270; Bellec et al. 2018, https://arxiv.org/abs/1803.09574.
    `width` > 0, else ValueError.
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        _check_positive(self)

    def primal(self, x: Tensor) -> Tensor:
        inside = (x / self.width).clamp(-1, 1)
        rest = 0.5 * (1 - inside.abs()) ** 2
        return torch.where(inside < 0, rest, 1 - rest)

    def gradient(self, x: Tensor) -> Tensor:
        from lava_torch.kernels.equation.primitives import maximum  # which builds on this module

        return maximum(1 - abs(x) / self.width, 0) / self.width


@dataclass(frozen=True)
class Smooth(Surrogate):
    """`surrogate` in the forward direction too: spikes are primal(x / scale), between 0 and 1.

    An equation is then an ordinary differentiable function (of the scale as well), whose gradient
    finite differences can check. `surrogate` may be a name; see `resolve_surrogate`.
    """

    surrogate: Surrogate

    def __post_init__(self) -> None:
        object.__setattr__(self, "surrogate", resolve_surrogate(self.surrogate))

    def primal(self, x: Tensor) -> Tensor:
        return self.surrogate.primal(x)

    def gradient(self, x: Tensor) -> Tensor:
        return self.surrogate.gradient(x)

    def spike(self, x: Tensor, scale: Tensor | float) -> Tensor:
        if isinstance(scale, Tensor):
            return self.primal(x / torch.where(scale > 0, scale, 1))
        return self.primal(x / (scale if scale > 0 else 1))


SURROGATES: dict[str, type[Surrogate]] = {
    "arctan": ArcTan,
    "fast_sigmoid": FastSigmoid,
    "triangle": Triangle,
}

_current: ContextVar[Surrogate] = ContextVar("lava_torch_surrogate", default=ArcTan())  # noqa: B039


def current_surrogate() -> Surrogate:
    """The surrogate that `spike` uses here: ArcTan(alpha=2) unless `use_surrogate` says other."""
    return _current.get()


def resolve_surrogate(surrogate: str | Surrogate | None) -> Surrogate:
    """A surrogate by its name ("arctan", "fast_sigmoid", "triangle"), itself, or the current one.

    Raises ValueError for an unknown name and TypeError for another type.
    """
    if surrogate is None:
        return current_surrogate()
    if isinstance(surrogate, Surrogate):
        return surrogate
    if not isinstance(surrogate, str):
        raise TypeError(
            f"surrogate={surrogate!r} is a {type(surrogate).__name__}; give a name "
            f"({', '.join(SURROGATES)}) or a Surrogate such as ArcTan(alpha=2.0)."
        )
    if surrogate not in SURROGATES:
        raise ValueError(
            f"There is no surrogate '{surrogate}'; the names are {', '.join(SURROGATES)}."
        )
    return SURROGATES[surrogate]()


@contextmanager
def use_surrogate(surrogate: str | Surrogate | None) -> Iterator[Surrogate]:
    """Within this context, `spike` has the gradient of `surrogate` (see `resolve_surrogate`).

    The gradient is fixed when the spike is computed, not when `backward` is called.
    """
    token = _current.set(resolve_surrogate(surrogate))
    try:
        yield _current.get()
    finally:
        _current.reset(token)
