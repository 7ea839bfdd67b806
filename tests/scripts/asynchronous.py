"""Asynchronous models beside those in phases, and models in phases made asynchronous."""

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import (
    PyAsyncProcessModel,
    PyLoihiModelToPyAsyncModel,
    PyLoihiProcessModel,
)
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunContinuous, RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.async_protocol import AsyncProtocol
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Camera(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.frame = OutPort(shape=shape)


class Doubler(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.inp = InPort(shape=shape)
        self.out = OutPort(shape=shape)
        self.count = Var(shape=(1,), init=0)


class Screen(AbstractProcess):
    def __init__(self, shape):
        super().__init__(shape=shape)
        self.inp = InPort(shape=shape)
        self.total = Var(shape=shape, init=0)
        self.messages = Var(shape=(1,), init=0)


@implements(proc=Camera, protocol=AsyncProtocol)
@requires(CPU)
class PyCameraModel(PyAsyncProcessModel):
    frame: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)

    def run_async(self):
        for number in range(1, self.num_steps + 1):
            self.frame.send(np.full(self.frame.shape, number))


@implements(proc=Doubler, protocol=LoihiProtocol)
@requires(CPU)
class PyDoublerModel(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)
    count: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        self.out.send(2 * self.inp.recv())

    def post_guard(self):
        return self.time_step % 3 == 0

    def run_post_mgmt(self):
        self.count += 1


@implements(proc=Screen, protocol=AsyncProtocol)
@requires(CPU)
class PyScreenModel(PyAsyncProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    total: np.ndarray = LavaPyType(np.ndarray, np.int32)
    messages: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_async(self):
        taken = 0
        while taken < self.num_steps:
            if self.check_for_stop_cmd():
                return
            if self.inp.probe():
                self.total += self.inp.recv()
                self.messages += 1
                taken += 1


class Counter(AbstractProcess):
    def __init__(self):
        super().__init__()
        self.u = Var(shape=(2,), init=0)


@implements(proc=Counter, protocol=AsyncProtocol)
@requires(CPU)
class PyCounterModel(PyAsyncProcessModel):
    u: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_async(self):
        while True:
            self.u += 10
            if self.check_for_stop_cmd() or self.check_for_pause_cmd():
                return


def connect(shape=(2,)):
    camera, doubler, screen = Camera(shape), Doubler(shape), Screen(shape)
    camera.frame.connect(doubler.inp)
    doubler.out.connect(screen.inp)
    return doubler, screen


# 2 (1 + ... + 10) = 110, then as much again
doubler, screen = connect()
for _ in range(2):
    doubler.run(condition=RunSteps(num_steps=10), run_cfg=Loihi2SimCfg())
    print(screen.total.get(), screen.messages.get(), doubler.count.get())
doubler.stop()


class AllAsync(Loihi2SimCfg):
    def select(self, proc, proc_models):
        model = super().select(proc, proc_models)
        if issubclass(model, PyLoihiProcessModel):
            return PyLoihiModelToPyAsyncModel(model)
        return model


made = PyLoihiModelToPyAsyncModel(PyDoublerModel)
print(made.__name__, made.implements_protocol is AsyncProtocol, made.implements_process is Doubler)
doubler, screen = connect()
doubler.run(condition=RunSteps(num_steps=10), run_cfg=AllAsync())
print(screen.total.get(), screen.messages.get(), doubler.count.get())
doubler.stop()

counter = Counter()
counter.run(condition=RunContinuous(), run_cfg=Loihi2SimCfg())
counter.pause()
u = counter.u.get()
print(bool(u[0] == u[1] > 0), bool(u[0] % 10 == 0))
try:
    counter.u.set(np.zeros(2))
except RuntimeError:
    print("its Vars cannot be set")
counter.stop()

# Output:
# [110. 110.] [10.] [3.]
# [220. 220.] [20.] [6.]
# PyDoublerModelAsync True True
# [110. 110.] [10.] [3.]
# True True
# its Vars cannot be set
