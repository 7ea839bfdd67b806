"""An environment in a loop with spiking neurons that steer it, in both precisions."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF


class Track(AbstractProcess):
    """A car on a line, which is to go to 0: the episode ends after so many steps."""

    def __init__(self, start, length):
        super().__init__(length=length)
        self.force = InPort(shape=(1,))
        self.position = OutPort(shape=(1,))
        self.x = Var(shape=(1,), init=start)
        self.way = Var(shape=(length,), init=0)


@implements(proc=Track, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt", "fixed_pt")
class PyTrackModel(PyLoihiProcessModel):
    force: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    position: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    x: np.ndarray = LavaPyType(np.ndarray, np.int32)
    way: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        self.x += np.sign(self.force.recv()).astype(np.int32)
        self.way[self.time_step - 1] = self.x[0]
        self.position.send(self.x)

    def post_guard(self):
        return self.time_step == len(self.way)

    def run_post_mgmt(self):
        self._req_pause = True


for precision, decay in (("floating_pt", 1), ("fixed_pt", 4095)):
    track = Track(start=3, length=14)
    encode = Dense(weights=np.array([[2], [-2]]), num_message_bits=8)
    neurons = LIF(shape=(2,), du=decay, dv=decay, vth=1)
    decode = Dense(weights=np.array([[-2, 2]]))
    track.position.connect(encode.s_in)
    encode.a_out.connect(neurons.a_in)
    neurons.s_out.connect(decode.s_in)
    decode.a_out.connect(track.force)
    track.run(condition=RunSteps(num_steps=1000), run_cfg=Loihi2SimCfg(select_tag=precision))
    print(track.way.get().astype(int).tolist())
    track.stop()

# A position of step t is a force in step t + 2.

# Output:
# [3, 3, 2, 1, 0, -1, -1, 0, 1, 1, 0, -1, -1, 0]
# [3, 3, 2, 1, 0, -1, -1, 0, 1, 1, 0, -1, -1, 0]
