"""Surrogate gradients: what the derivative of a spike is taken to be while training.

Pass one to a run config, `Loihi2SimCfg(trainable=True, surrogate=ArcTan(alpha=2.0))`, or its name:
"arctan", "fast_sigmoid", "triangle".
"""

from lava_torch.kernels.equation import (
    ArcTan,
    FastSigmoid,
    Smooth,
    Surrogate,
    Triangle,
    current_surrogate,
    use_surrogate,
)

__all__ = [
    "ArcTan",
    "FastSigmoid",
    "Smooth",
    "Surrogate",
    "Triangle",
    "current_surrogate",
    "use_surrogate",
]
