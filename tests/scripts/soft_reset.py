"""LIF neurons that keep what exceeds their threshold: models derived from Lava's own."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.lif.models import AbstractPyLifModelFixed, AbstractPyLifModelFloat
from lava.proc.lif.process import LIF


class SoftResetLIF(LIF):
    pass


@implements(proc=SoftResetLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySoftResetFloat(AbstractPyLifModelFloat):
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    vth: float = LavaPyType(float, float)

    def spiking_activation(self):
        return self.v > self.vth

    def reset_voltage(self, spike_vector):
        self.v[spike_vector] -= self.vth


@implements(proc=SoftResetLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySoftResetFixed(AbstractPyLifModelFixed):
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    vth: int = LavaPyType(int, np.int32, precision=17)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.effective_vth = 0

    def scale_threshold(self):
        self.effective_vth = np.left_shift(self.vth, self.vth_shift)
        self.isthrscaled = True

    def spiking_activation(self):
        return self.v > self.effective_vth

    def reset_voltage(self, spike_vector):
        self.v[spike_vector] -= self.effective_vth


for precision, du, bias_exp in (("floating_pt", 1, 0), ("fixed_pt", 4095, 6)):
    lif = SoftResetLIF(shape=(1,), bias_mant=4, bias_exp=bias_exp, vth=10, du=du, dv=0)
    sink = Sink(shape=(1,), buffer=12)
    lif.s_out.connect(sink.a_in)
    lif.run(condition=RunSteps(num_steps=12), run_cfg=Loihi2SimCfg(select_tag=precision))
    print(1 + np.flatnonzero(sink.data.get()), lif.v.get())
    lif.stop()

# v: 4, 8, 12 -> 2, 6, 10, 14 -> 4, 8, 12 -> 2, 6, 10, 14 -> 4, 8; 64 times that in fixed point.

# Output:
# [ 3  6  8 11] [8.]
# [ 3  6  8 11] [512.]
