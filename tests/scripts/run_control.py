"""Runs that block and runs that do not, pauses, and Vars set in between."""

import time

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunContinuous, RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg, RunConfig
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIF


class Stopwatch(AbstractProcess):
    def __init__(self, pause_at=0, **kwargs):
        super().__init__(pause_at=pause_at, **kwargs)
        self.elapsed = Var(shape=(1,), init=0)
        self.lap = Var(shape=(2,), init=[1, 2])
        self.updates = Var(shape=(1,), init=0)
        self.label = Var(shape=(1,), init="of steps")


@implements(proc=Stopwatch, protocol=LoihiProtocol)
@requires(CPU)
class PyStopwatchModel(PyLoihiProcessModel):
    elapsed: np.ndarray = LavaPyType(np.ndarray, np.int32)
    lap: np.ndarray = LavaPyType(np.ndarray, np.int32)
    updates: np.ndarray = LavaPyType(np.ndarray, np.int32)
    label: str = LavaPyType(str, str)

    def run_spk(self):
        self.elapsed[:] = self.time_step
        self.lap += 1
        if self.time_step == self.proc_params["pause_at"]:
            self._req_pause = True

    def on_var_update(self):
        self.updates += 1


class FirstModel(RunConfig):
    def select(self, process, proc_models):
        return proc_models[0]


watch = Stopwatch(name="watch")
print("before", watch.lap.get(), watch.runtime, watch.is_compiled)
watch.run(condition=RunSteps(num_steps=5), run_cfg=FirstModel())
print("after 5", watch.elapsed.get(), watch.lap.get(), watch.label.get().strip("\x00"))

watch.lap.set(np.array([10.0, 20.9]))
print("set", watch.lap.get(), watch.updates.get())
watch.run(condition=RunSteps(num_steps=0))
watch.run(condition=RunSteps(num_steps=1))
print("after 6", watch.elapsed.get(), watch.lap.get())

watch.run(condition=RunSteps(num_steps=4, blocking=False))
watch.wait()
print("after 10", watch.elapsed.get())

watch.run(condition=RunContinuous())
print("running", watch.elapsed.get())
time.sleep(0.05)
watch.pause()
paused = watch.elapsed.get()[0]
time.sleep(0.05)
print("paused", bool(paused > 10), bool(watch.elapsed.get()[0] == paused))
watch.run(condition=RunContinuous())
time.sleep(0.05)
watch.pause()
print("resumed", bool(watch.elapsed.get()[0] > paused))
watch.stop()
try:
    watch.elapsed.get()
except RuntimeError:
    print("stopped")

pausing = Stopwatch(pause_at=7)
pausing.run(condition=RunSteps(num_steps=100), run_cfg=FirstModel())
print("pauses itself after", pausing.elapsed.get())
pausing.stop()

with Stopwatch() as nothing:
    print("as a context", nothing)

lif = LIF(shape=(2,), bias_mant=1, vth=100, du=0, dv=0)
try:
    lif.v.set(np.zeros(2))
except ValueError:
    print("not set before the first run")
try:
    lif.run(condition=RunSteps(num_steps=1))
except ValueError:
    print("a run config is needed")
seen = []
for step in range(20):
    lif.run(condition=RunSteps(num_steps=1), run_cfg=Loihi1SimCfg(select_tag="fixed_pt"))
    lif.u.set(np.array([step, 2 * step]))
    seen.append(lif.v.get()[1])
print(seen[-1])
lif.stop()

# v adds the bias, 1, and what u was set to after the last step: 2 (0 + ... + 18) + 20; u does not
# decay in one step, but for its truncation: (u (4095 - 0)) >> 12 is u - 1 for u > 0, 18 times.

# Output:
# before [1, 2] None False
# after 5 [5.] [6. 7.] of steps
# set [10. 20.] [1.]
# after 6 [6.] [11. 21.]
# after 10 [10.]
# running None
# paused True True
# resumed True
# stopped
# pauses itself after [7.]
# as a context None
# not set before the first run
# a run config is needed
# 344.0
