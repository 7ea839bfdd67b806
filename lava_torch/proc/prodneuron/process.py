"""Neurons that multiply what arrives at two ports."""

from __future__ import annotations

from numpy.typing import ArrayLike

from lava_torch.core.ports import InPort, OutPort
from lava_torch.core.variable import Var
from lava_torch.proc.shaped import ShapedProcess


class ProdNeuron(ShapedProcess):
    """Sends the product of two inputs where its magnitude is above the threshold.

        p = a_in1 a_in2 2^-exp;   s_out = p where |p| > vth, else 0

    Fixed-point products are int32, wrap as Lava's, and are shifted with their fraction dropped
    downwards.

    Ports: `a_in1`, `a_in2`, `s_out` (shape). Vars: `v` (shape), which stays 0, `vth`, `exp` (1,).
    """

    def __init__(self, shape: tuple[int, ...], vth: ArrayLike = 1, exp: int = 0, **kwargs) -> None:
        super().__init__(shape=shape, vth=vth, exp=exp, **kwargs)
        self.a_in1, self.a_in2 = InPort(shape=shape), InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.v = Var(shape=shape, init=0)
        self.vth = Var(shape=(1,), init=vth)
        self.exp = Var(shape=(1,), init=exp)
