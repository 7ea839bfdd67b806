"""Processes made of Processes, which are made of Processes."""

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
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
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.lif.process import LIF


class Drive(AbstractProcess):
    """Sends ones."""

    def __init__(self, shape):
        super().__init__(shape=shape)
        self.s_out = OutPort(shape=shape)


@implements(proc=Drive, protocol=LoihiProtocol)
@requires(CPU)
class PyDriveModel(PyLoihiProcessModel):
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)

    def run_spk(self):
        self.s_out.send(np.ones(self.s_out.shape, dtype=bool))


class Layer(AbstractProcess):
    """Dense and LIF."""

    def __init__(self, weights, vth, **kwargs):
        super().__init__(weights=weights, vth=vth, **kwargs)
        outputs, inputs = weights.shape
        self.s_in = InPort(shape=(inputs,))
        self.s_out = OutPort(shape=(outputs,))
        self.weights = Var(shape=weights.shape, init=weights)
        self.v = Var(shape=(outputs,), init=0)
        self.u = Var(shape=(outputs,), init=0)


@implements(proc=Layer, protocol=LoihiProtocol)
class SubLayerModel(AbstractSubProcessModel):
    def __init__(self, proc):
        weights = proc.proc_params.get("weights")
        self.dense = Dense(weights=weights)
        self.lif = LIF(shape=(weights.shape[0],), vth=proc.proc_params.get("vth"), du=1, dv=0)
        proc.in_ports.s_in.connect(self.dense.in_ports.s_in)
        self.dense.out_ports.a_out.connect(self.lif.in_ports.a_in)
        self.lif.out_ports.s_out.connect(proc.out_ports.s_out)
        proc.vars.weights.alias(self.dense.vars.weights)
        proc.vars.v.alias(self.lif.vars.v)
        proc.vars.u.alias(self.lif.vars.u)


class Stack(AbstractProcess):
    """Two layers."""

    def __init__(self, first, second, **kwargs):
        super().__init__(first=first, second=second, **kwargs)
        self.s_in = InPort(shape=(first.shape[1],))
        self.s_out = OutPort(shape=(second.shape[0],))
        self.v_first = Var(shape=(first.shape[0],), init=0)
        self.v_last = Var(shape=(second.shape[0],), init=0)


@implements(proc=Stack, protocol=LoihiProtocol)
class SubStackModel(AbstractSubProcessModel):
    def __init__(self, proc):
        self.first = Layer(proc.proc_params.get("first"), vth=4)
        self.second = Layer(proc.proc_params.get("second"), vth=1)
        proc.s_in.connect(self.first.s_in)
        self.first.s_out.connect(self.second.s_in)
        self.second.s_out.connect(proc.s_out)
        proc.v_first.alias(self.first.v)
        proc.v_last.alias(self.second.v)


drive = Drive(shape=(2,))
stack = Stack(first=np.array([[1.0, 1.0], [2.0, 3.0]]), second=np.array([[1.0, 1.0]]), name="stack")
sink = Sink(shape=(1,), buffer=8)
drive.s_out.connect(stack.s_in)
stack.s_out.connect(sink.a_in)

run_cfg = Loihi1SimCfg(select_tag="floating_pt", select_sub_proc_model=True)
for _ in range(4):
    drive.run(condition=RunSteps(num_steps=2), run_cfg=run_cfg)
    print(stack.v_first.get(), stack.v_last.get())
print("spikes", sink.data.get()[0])
print(sorted(stack.procs.member_names), stack.model_class.__name__, stack.is_compiled)
first = stack.procs.first
print(first.name == first.procs.lif.parent_proc.name, first.is_sub_proc_of(stack))
first.v.set(np.array([3.5, 0.0]))
print(first.procs.lif.v.get(), first.weights.get().tolist())
drive.stop()

# The drive reaches the first neurons in step 2. Neuron 0 gets 2 a step and spikes (v > 4) in its
# third, so in steps 4 and 7; neuron 1 gets 5 and spikes in each from 2 on. The last neuron gets
# their spikes one step later: 1 in steps 3 and 4, 2 in 5, 1 in 6 and 7, 2 in 8. It spikes where its
# sum is over 1: in 4 (1 + 1), 5 (2), 7 (1 + 1) and 8.

# Output:
# [2. 0.] [0.]
# [0. 0.] [0.]
# [4. 0.] [1.]
# [2. 0.] [0.]
# spikes [0. 0. 0. 1. 1. 0. 1. 1.]
# ['first', 'second'] SubStackModel True
# True True
# [3.5 0. ] [[1.0, 1.0], [2.0, 3.0]]
