"""Images that become spikes, a network of library Processes inside, and a readout, in fixed point.

A run for each image, and the network's state set to 0 in between.
"""

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.model.sub.model import AbstractSubProcessModel
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF

STEPS = 8
IMAGES = np.array([[9, 9, 1, 1, 1, 1], [1, 1, 1, 1, 9, 9], [1, 1, 9, 9, 1, 1]])


class SpikeInput(AbstractProcess):
    """Integrates the pixels of one image after the other."""

    def __init__(self, images, vth):
        super().__init__(images=images)
        self.spikes_out = OutPort(shape=images.shape[1:])
        self.label_out = OutPort(shape=(1,))
        self.image = Var(shape=images.shape[1:], init=0)
        self.v = Var(shape=images.shape[1:], init=0)
        self.vth = Var(shape=(1,), init=vth)


class Network(AbstractProcess):
    def __init__(self, weights):
        super().__init__()
        outputs, inputs = weights.shape
        self.spikes_in = InPort(shape=(inputs,))
        self.spikes_out = OutPort(shape=(outputs,))
        self.weights = Var(shape=weights.shape, init=weights)
        self.u = Var(shape=(outputs,), init=0)
        self.v = Var(shape=(outputs,), init=0)


class Readout(AbstractProcess):
    """Counts spikes, and at the end of each image compares the largest count with its label."""

    def __init__(self, images, classes):
        super().__init__()
        self.spikes_in = InPort(shape=(classes,))
        self.label_in = InPort(shape=(1,))
        self.counts = Var(shape=(classes,), init=0)
        self.predicted = Var(shape=(images,), init=-1)
        self.labels = Var(shape=(images,), init=-1)


@implements(proc=SpikeInput, protocol=LoihiProtocol)
@requires(CPU)
class PySpikeInputModel(PyLoihiProcessModel):
    spikes_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool, precision=1)
    label_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    image: np.ndarray = LavaPyType(np.ndarray, int, precision=32)
    v: np.ndarray = LavaPyType(np.ndarray, int, precision=32)
    vth: int = LavaPyType(int, int, precision=32)

    def __init__(self, proc_params):
        super().__init__(proc_params=proc_params)
        self.next = 0

    def post_guard(self):
        return self.time_step % STEPS == 1

    def run_post_mgmt(self):
        self.image = self.proc_params["images"][self.next]
        self.v = np.zeros(self.v.shape)
        self.label_out.send(np.array([self.image.argmax() // 2]))
        self.next += 1

    def run_spk(self):
        self.v[:] = self.v + self.image
        spikes = self.v > self.vth
        self.v[spikes] = 0
        self.spikes_out.send(spikes)


@implements(Network)
@requires(CPU)
class PyNetworkModel(AbstractSubProcessModel):
    def __init__(self, proc):
        self.dense = Dense(weights=proc.weights.init)
        self.lif = LIF(shape=proc.v.shape, vth=2, dv=0, du=4095)
        proc.spikes_in.connect(self.dense.s_in)
        self.dense.a_out.connect(self.lif.a_in)
        self.lif.s_out.connect(proc.spikes_out)
        proc.u.alias(self.lif.u)
        proc.v.alias(self.lif.v)
        proc.weights.alias(self.dense.weights)


@implements(proc=Readout, protocol=LoihiProtocol)
@requires(CPU)
class PyReadoutModel(PyLoihiProcessModel):
    spikes_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)
    label_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int, precision=32)
    counts: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=32)
    predicted: np.ndarray = LavaPyType(np.ndarray, int, precision=32)
    labels: np.ndarray = LavaPyType(np.ndarray, int, precision=32)

    def run_spk(self):
        self.counts = self.counts + self.spikes_in.recv()

    def post_guard(self):
        return self.time_step % STEPS == 0

    def run_post_mgmt(self):
        number = self.time_step // STEPS - 1
        self.labels[number] = self.label_in.recv()[0]
        self.predicted[number] = np.argmax(self.counts)
        self.counts = np.zeros_like(self.counts)


spike_input = SpikeInput(IMAGES, vth=8)
network = Network(np.kron(np.eye(3), [2, 2]).astype(int))
readout = Readout(len(IMAGES), 3)
spike_input.spikes_out.connect(network.spikes_in)
network.spikes_out.connect(readout.spikes_in)
spike_input.label_out.connect(readout.label_in)
run_cfg = Loihi1SimCfg(select_sub_proc_model=True, select_tag="fixed_pt")
for _ in IMAGES:
    spike_input.run(condition=RunSteps(num_steps=STEPS - 1), run_cfg=run_cfg)
    print("counts", readout.counts.get().astype(int))
    spike_input.run(condition=RunSteps(num_steps=1), run_cfg=run_cfg)
    network.u.set(np.zeros((3,), dtype=np.int32))
    network.v.set(np.zeros((3,), dtype=np.int32))
print("labels", readout.labels.get(), "predicted", readout.predicted.get())
print("weights", network.weights.get()[0], "u and v", network.u.get(), network.v.get())
spike_input.stop()

# An image is there from the second step on. Its two bright pixels spike in each step, the neuron
# behind them one step later. What the last image sent in its last step, and sends in the first of
# the next one, counts for that: 2 spikes.

# Output:
# counts [5 0 0]
# counts [2 0 5]
# counts [0 5 2]
# labels [0. 2. 1.] predicted [0. 2. 1.]
# weights [2. 2. 0. 0. 0. 0.] u and v [0. 0. 0.] [0. 0. 0.]
