"""Equations: a neuron's update, or any elementwise rule, written once as a function of scalars.

    @equation
    def lif(a_in, u, v, du, dv, vth):
        u = u * (1 - du) + a_in
        v = v * (1 - dv) + u
        s = spike(v - vth, vth)
        return s, u, where(s, 0, v)

    s, u, v = lif.apply(a_in, u, v, du, dv, vth)

The function is called once with symbols, which record what is done to them (`Equation.trace`); from
the record come a numba loop and a Triton kernel. Its torch body is the function itself. All bodies
agree bit by bit on `+ - * /`, comparisons, `sqrt`, `floor` and int32, because each value has one
dtype throughout and a * b + c is never fused; `exp`, `log`, `sin`, `cos` and `tanh` agree closely.
(One exception: on a GPU torch itself divides by a Python number through its reciprocal.)
"""

from lava_torch.kernels.equation.dispatch import BACKENDS, Equation, equation, equations
from lava_torch.kernels.equation.errors import EquationError
from lava_torch.kernels.equation.graph import COMPUTE_DTYPES, Dialect, Graph, Node
from lava_torch.kernels.equation.primitives import (
    absolute,
    clip,
    cos,
    decay,
    exp,
    floor,
    log,
    maximum,
    minimum,
    shift,
    sign,
    sin,
    spike,
    sqrt,
    tanh,
    trunc,
    where,
)
from lava_torch.kernels.equation.surrogate import (
    ArcTan,
    FastSigmoid,
    Smooth,
    Surrogate,
    Triangle,
    current_surrogate,
    resolve_surrogate,
    use_surrogate,
)
from lava_torch.kernels.equation.trace import PRIMITIVES

__all__ = [
    "BACKENDS",
    "COMPUTE_DTYPES",
    "PRIMITIVES",
    "ArcTan",
    "Dialect",
    "Equation",
    "EquationError",
    "FastSigmoid",
    "Graph",
    "Node",
    "Smooth",
    "Surrogate",
    "Triangle",
    "absolute",
    "clip",
    "cos",
    "current_surrogate",
    "decay",
    "equation",
    "equations",
    "exp",
    "floor",
    "log",
    "maximum",
    "minimum",
    "resolve_surrogate",
    "shift",
    "sign",
    "sin",
    "spike",
    "sqrt",
    "tanh",
    "trunc",
    "use_surrogate",
    "where",
]
