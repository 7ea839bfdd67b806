"""Three-factor learning: a Process of one's own sends the reward."""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.learning.learning_rule import Loihi3FLearningRule
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import LearningDense
from lava.proc.io.source import RingBuffer as SpikeIn


class Teacher(AbstractProcess):
    def __init__(self, rewards):
        super().__init__()
        self.rewards = Var(shape=rewards.shape, init=rewards)
        self.reward_out = OutPort(shape=rewards.shape[:1])


@implements(proc=Teacher, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyTeacherModel(PyLoihiProcessModel):
    rewards: np.ndarray = LavaPyType(np.ndarray, float)
    reward_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)

    def run_spk(self):
        self.reward_out.send(self.rewards[:, self.time_step - 1])


# Spikes raise the tag; a reward turns it into weight.
rule = Loihi3FLearningRule(dw="u0*t*y2", dt="x0", t_epoch=1, rng_seed=1)
pre = SpikeIn(data=np.array([[1, 1, 0, 0], [0, 0, 1, 0]]))
teacher = Teacher(np.array([[0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, -1.0]]))
plastic = LearningDense(weights=np.ones((2, 2)), learning_rule=rule)
pre.s_out.connect(plastic.s_in)
teacher.reward_out.connect(plastic.s_in_y2)
for _ in range(4):
    plastic.run(condition=RunSteps(num_steps=1), run_cfg=Loihi2SimCfg(select_tag="floating_pt"))
    print(plastic.weights.get().round(2).tolist(), plastic.tag_1.get().tolist())
print(plastic.y2.get().tolist())
plastic.stop()

# In step 3 the tags before it are 2 and 0, and the first neuron gets 2 for each; in step 4 they are
# 2 and 1, and the second one gets -1.

# Output:
# [[1.0, 1.0], [1.0, 1.0]] [[1.0, 0.0], [1.0, 0.0]]
# [[1.0, 1.0], [1.0, 1.0]] [[2.0, 0.0], [2.0, 0.0]]
# [[5.0, 1.0], [1.0, 1.0]] [[2.0, 1.0], [2.0, 1.0]]
# [[5.0, 1.0], [-1.0, 0.0]] [[2.0, 1.0], [2.0, 1.0]]
# [0.0, -1.0]
