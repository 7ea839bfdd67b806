"""A Process of one's own with three behaviours, chosen by tag, by class, and by a run config."""

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
from lava.magma.core.run_configs import Loihi2SimCfg, RunConfig
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.io.sink import RingBuffer as Sink
from lava.proc.io.source import RingBuffer as Source


class LeakyIntegrator(AbstractProcess):
    """Halves its state in each step, and adds its input."""

    def __init__(self, *, shape=(1,), start=0, name=None):
        super().__init__(shape=shape, start=start, name=name)
        self.a_in = InPort(shape=shape)
        self.x_out = OutPort(shape=shape)
        self.x = Var(shape=shape, init=start)
        self.steps = Var(shape=(1,), init=0)


class AbstractIntegratorModel(PyLoihiProcessModel):
    steps: int = LavaPyType(int, np.int32)

    def run_spk(self):
        self.steps += 1
        self.x[:] = self.leaked() + self.a_in.recv()
        self.x_out.send(self.x)


@implements(proc=LeakyIntegrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyIntegratorFloat(AbstractIntegratorModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    x_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    x: np.ndarray = LavaPyType(np.ndarray, float)

    def leaked(self):
        return 0.5 * self.x


@implements(proc=LeakyIntegrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyIntegratorFixed(AbstractIntegratorModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=24)
    x_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    x: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=24)

    def leaked(self):
        return self.x >> 1


@implements(proc=LeakyIntegrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("forgetful")
class PyIntegratorForgetful(PyIntegratorFloat):
    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.floor = proc_params["start"]

    def leaked(self):
        return self.floor


class SecondChoice(RunConfig):
    def __init__(self):
        super().__init__(custom_sync_domains=None)

    def select(self, process, proc_models):
        if isinstance(process, LeakyIntegrator):
            return proc_models[2]
        return proc_models[0]


def simulate(title, run_cfg):
    source = Source(data=np.array([[3, 5, 8]]))
    integrator = LeakyIntegrator(shape=(1,), start=1, name="integrator")
    sink = Sink(shape=(1,), buffer=3)
    source.s_out.connect(integrator.a_in)
    integrator.x_out.connect(sink.a_in)
    integrator.run(condition=RunSteps(num_steps=3), run_cfg=run_cfg)
    print(title, sink.data.get()[0], integrator.x.get(), integrator.steps.get())
    integrator.stop()


simulate("no tag   ", Loihi2SimCfg())
simulate("floating ", Loihi2SimCfg(select_tag="floating_pt"))
simulate("fixed    ", Loihi2SimCfg(select_tag="fixed_pt"))
simulate("exception", Loihi2SimCfg(exception_proc_model_map={LeakyIntegrator: PyIntegratorFixed}))
simulate("select() ", SecondChoice())

# Output:
# no tag    [ 3.5    6.75  11.375] [11.375] [3.]
# floating  [ 3.5    6.75  11.375] [11.375] [3.]
# fixed     [ 3.  6. 11.] [11.] [3.]
# exception [ 3.  6. 11.] [11.] [3.]
# select()  [4. 6. 9.] [9.] [3.]
