"""Monitors of a Process with a model of one's own, of a Var and of an OutPort."""

import numpy as np
from lava.magma.core.decorator import implements, requires
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
from lava.proc.monitor.process import Monitor


class Spiral(AbstractProcess):
    def __init__(self, name):
        super().__init__(name=name)
        self.position = Var(shape=(2, 2), init=[[1, 0], [0, 1]])
        self.managed = Var(shape=(1,), init=0)
        self.corner = OutPort(shape=(2,))


@implements(proc=Spiral, protocol=LoihiProtocol)
@requires(CPU)
class PySpiralModel(PyLoihiProcessModel):
    position: np.ndarray = LavaPyType(np.ndarray, float)
    managed: np.ndarray = LavaPyType(np.ndarray, np.int32)
    corner: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)

    def run_spk(self):
        self.corner.send(self.position[0])
        self.position = np.array([[0, -2], [2, 0]]) @ self.position

    def post_guard(self):
        return self.time_step > 1

    def run_post_mgmt(self):
        self.managed = 10 * np.array([self.time_step])


STEPS = 3
spiral = Spiral("spiral")
of_position, of_corner, of_managed = Monitor(), Monitor(), Monitor()
of_position.probe(target=spiral.position, num_steps=STEPS + 1)
of_corner.probe(target=spiral.corner, num_steps=STEPS)
of_managed.probe(spiral.managed, STEPS)
spiral.run(condition=RunSteps(num_steps=2), run_cfg=Loihi2SimCfg())
spiral.run(condition=RunSteps(num_steps=1))
data = of_position.get_data()
print(list(data), list(data["spiral"]), data["spiral"]["position"].shape)
# What comes after the last step stays 0.
print(data["spiral"]["position"][:, 0].tolist())
print(of_corner.get_data()["spiral"]["corner"].tolist())
print(of_managed.get_data()["spiral"]["managed"].ravel().tolist())
spiral.stop()

# Output:
# ['spiral'] ['position'] (4, 2, 2)
# [[0.0, -2.0], [-4.0, 0.0], [0.0, 8.0], [0.0, 0.0]]
# [[1.0, 0.0], [0.0, -2.0], [-4.0, 0.0]]
# [0.0, 20.0, 30.0]
