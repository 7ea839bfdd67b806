"""Messages of values and positions."""

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
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class EventCamera(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.events = OutPort(shape=shape)


class Integrator(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.events = InPort(shape=shape)
        self.image = Var(shape=shape, init=0)
        self.count = Var(shape=(1,), init=0)


@implements(proc=EventCamera, protocol=LoihiProtocol)
@requires(CPU)
class PyEventCameraModel(PyLoihiProcessModel):
    events: PyOutPort = LavaPyType(PyOutPort.VEC_SPARSE, np.int32)

    def run_spk(self):
        # As many events as the number of the step.
        positions = np.arange(self.time_step)
        self.events.send(10 * positions + self.time_step, positions)


@implements(proc=Integrator, protocol=LoihiProtocol)
@requires(CPU)
class PyIntegratorModel(PyLoihiProcessModel):
    events: PyInPort = LavaPyType(PyInPort.VEC_SPARSE, np.int32)
    image: np.ndarray = LavaPyType(np.ndarray, np.int32)
    count: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        data, positions = self.events.recv()
        np.add.at(self.image.reshape(-1), positions, data)
        self.count += len(data)


camera, integrator = EventCamera((2, 2)), Integrator((2, 2))
camera.events.connect(integrator.events)
camera.run(condition=RunSteps(num_steps=3), run_cfg=Loihi2SimCfg())
print(integrator.image.get().tolist(), integrator.count.get())
camera.stop()

# Output:
# [[6.0, 25.0], [23.0, 0.0]] [6.]
