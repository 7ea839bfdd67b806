"""Neurons that send what they hold as graded spikes."""

from __future__ import annotations

from numpy.typing import ArrayLike

from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.variable import Var
from lava_torch.proc.shaped import ShapedProcess


class GradedVec(ShapedProcess):
    """Sends what arrived where its magnitude is above the threshold.

        v = v + a_in;   s_out = v where |v| > vth, else 0;   v = 0

    Ports: `a_in`, `s_out` (shape). Vars: `v` (shape), `vth`, `exp` (1,).

    Parameters
    ----------
    vth : threshold, a number or an array.
    exp : kept for scripts of Lava; the neurons do not use it.
    """

    def __init__(self, shape: tuple[int, ...], vth: ArrayLike = 1, exp: int = 0, **kwargs) -> None:
        super().__init__(shape=shape, vth=vth, exp=exp, **kwargs)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.v = Var(shape=shape, init=0)
        self.vth = Var(shape=(1,), init=vth)
        self.exp = Var(shape=(1,), init=exp)


class GradedReluVec(GradedVec):
    """As GradedVec, but it sends v where v > vth: nothing negative."""


class NormVecDelay(ShapedProcess):
    """Two parts of a division by a norm, of which one takes a while.

        s2_out = a_in1^2;   s_out = v a_in2 where |v a_in2| > vth, else 0;   v2 = v;   v = a_in1

    So s_out is the product with the a_in1 of one step before. Fixed-point products are int32, and
    wrap as Lava's.

    Ports: `a_in1`, `a_in2`, `s_out`, `s2_out` (shape). Vars: `v`, `v2` (shape), `vth`, `exp` (1,).
    """

    def __init__(self, shape: tuple[int, ...], vth: ArrayLike = 1, exp: int = 0, **kwargs) -> None:
        super().__init__(shape=shape, vth=vth, exp=exp, **kwargs)
        self.a_in1, self.a_in2 = InPort(shape=shape), InPort(shape=shape)
        self.s_out, self.s2_out = OutPort(shape=shape), OutPort(shape=shape)
        self.v = Var(shape=shape, init=0)
        self.v2 = Var(shape=shape, init=0)
        self.vth = Var(shape=(1,), init=vth)
        self.exp = Var(shape=(1,), init=exp)
