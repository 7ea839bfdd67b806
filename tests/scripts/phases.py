"""The phases of a step, as their guards ask for them."""

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Learner(AbstractProcess):
    """Learns in every second step, and prepares it in every fourth."""

    def __init__(self):
        super().__init__()
        self.out = OutPort(shape=(1,))
        self.calls = Var(shape=(20,), init=0)
        self.steps = Var(shape=(20,), init=0)


class Manager(AbstractProcess):
    """Would prepare learning in each step, if there were any; and does management in each."""

    def __init__(self):
        super().__init__()
        self.inp = InPort(shape=(1,))
        self.calls = Var(shape=(20,), init=0)
        self.steps = Var(shape=(20,), init=0)


class Recording(PyLoihiProcessModel):
    calls: np.ndarray = LavaPyType(np.ndarray, np.int32)
    steps: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def record(self, call):
        place = np.count_nonzero(self.calls)
        self.calls[place], self.steps[place] = call, self.time_step

    def run_pre_mgmt(self):
        self.record(2)

    def run_lrn(self):
        self.record(3)

    def run_post_mgmt(self):
        self.record(4)


@implements(proc=Learner, protocol=LoihiProtocol)
@requires(CPU)
class PyLearnerModel(Recording):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)

    def run_spk(self):
        self.record(1)
        self.out.send(np.ones(1))

    def pre_guard(self):
        return self.time_step % 4 == 0

    def lrn_guard(self):
        return self.time_step % 2 == 0


@implements(proc=Manager, protocol=LoihiProtocol)
@requires(CPU)
class PyManagerModel(Recording):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)

    def run_spk(self):
        self.inp.recv()
        self.record(1)

    def pre_guard(self):
        return True

    def post_guard(self):
        return True


def history(process):
    calls, steps = process.calls.get().astype(int), process.steps.get().astype(int)
    names = ["", "spk", "pre", "lrn", "post"]
    return [" ".join(names[c] for c in calls[steps == s]) for s in range(1, steps.max() + 1)]


learner, manager = Learner(), Manager()
learner.out.connect(manager.inp)
learner.run(condition=RunSteps(num_steps=5), run_cfg=Loihi1SimCfg())
print(history(learner))
print(history(manager))
learner.stop()

# Output:
# ['spk', 'spk lrn', 'spk', 'spk pre lrn', 'spk']
# ['spk post', 'spk post', 'spk post', 'spk pre post', 'spk post']
