"""A LIF neuron with a threshold that rises, derived from LIF, with a model of its own."""

import numpy as np
from lava.magma.compiler.exceptions import NoProcessModelFound
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import Dense
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.lif.process import LIF


class TiringLIF(LIF):
    def __init__(self, *, shape, rise, **kwargs):
        super().__init__(shape=shape, rise=rise, **kwargs)
        self.rise = Var(shape=(1,), init=rise)
        self.raised = Var(shape=shape, init=0)


class ModellessLIF(LIF):
    pass


@implements(proc=TiringLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyTiringLifModel(PyLoihiProcessModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    u: np.ndarray = LavaPyType(np.ndarray, float)
    v: np.ndarray = LavaPyType(np.ndarray, float)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, float)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, float)
    du: float = LavaPyType(float, float)
    dv: float = LavaPyType(float, float)
    vth: float = LavaPyType(float, float)
    rise: float = LavaPyType(float, float)
    raised: np.ndarray = LavaPyType(np.ndarray, float)

    def run_spk(self):
        a = self.a_in.recv()
        self.u[:] = self.u * (1 - self.du) + a
        self.v[:] = self.v * (1 - self.dv) + self.u + self.bias_mant
        spikes = self.v > self.vth + self.raised
        self.v[spikes] = 0
        self.raised[spikes] += self.rise
        self.s_out.send(spikes)


tiring = TiringLIF(shape=(2,), rise=10, bias_mant=np.array([5, 0]), vth=10, du=1, dv=0)
dense = Dense(weights=np.array([[0.0, 0.0], [11.0, 0.0]]))
sink = Sink(shape=(2,), buffer=16)
tiring.s_out.connect(dense.s_in)
dense.a_out.connect(tiring.a_in)
tiring.s_out.connect(sink.a_in)
tiring.run(condition=RunSteps(num_steps=16), run_cfg=Loihi1SimCfg(select_tag="floating_pt"))
for spikes in sink.data.get():
    print(1 + np.flatnonzero(spikes))
print(tiring.raised.get(), tiring.v.get())
tiring.stop()

# 5 a step exceed 10 after 3 steps, 20 after 5 and 30 after 7. Neuron 1 gets 11 one step later each
# time: at 4 it spikes; at 9 and 16 it gets to 22 together.

lonely = ModellessLIF(shape=(1,))
try:
    lonely.run(condition=RunSteps(num_steps=1), run_cfg=Loihi1SimCfg())
except NoProcessModelFound:
    print("a subclass has no models of its base")

# Output:
# [ 3  8 15]
# [ 4 16]
# [30. 20.] [5. 0.]
# a subclass has no models of its base
