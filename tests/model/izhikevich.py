"""A user's own neuron, Process and model: it has to stay under 40 lines."""

import lava_torch as lt
from lava_torch.kernels.equation import spike, where


@lt.equation
def izhikevich(a_in, v, u, a, b, c, d):
    """Izhikevich, "Simple model of spiking neurons", IEEE Trans. Neural Networks 14, 2003."""
    v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + a_in)
    v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + a_in)
    u = u + a * (b * v - u)
    s = spike(v - 30)
    return s, where(s, c, v), where(s, u + d, u)


class Izhikevich(lt.AbstractProcess):
    def __init__(self, *, shape, a=0.02, b=0.2, c=-65.0, d=8.0, name=None):
        super().__init__(shape=shape, name=name)
        self.a_in, self.s_out = lt.InPort(shape), lt.OutPort(shape)
        self.v, self.u = lt.Var(shape, -65.0), lt.Var(shape, -13.0)
        self.a, self.b, self.c, self.d = (lt.Var((1,), x) for x in (a, b, c, d))


@lt.implements(proc=Izhikevich, protocol=lt.LoihiProtocol)
@lt.tag("floating_pt")
class IzhikevichModel(lt.EquationModel):
    equation = izhikevich
    returns = "s_out", "v", "u"
