"""Processes and compiled networks in files."""

import os
import tempfile

import numpy as np
from lava.magma.compiler.compiler import Compiler
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF
from lava.utils.serialization import load, save


class Tally(AbstractProcess):
    def __init__(self, shape, name=None):
        super().__init__(shape=shape, name=name)
        self.s_in = InPort(shape=shape)
        self.sum = Var(shape=shape, init=0)


@implements(proc=Tally, protocol=LoihiProtocol)
@requires(CPU)
class PyTallyModel(PyLoihiProcessModel):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    sum: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        self.sum += self.s_in.recv().astype(np.int32)


def network():
    lif = LIF(shape=(2,), bias_mant=np.array([4, 6]), vth=10, du=0, dv=0, name="lif")
    dense = Dense(weights=np.array([[1, 0], [2, 3]]), name="dense")
    tally = Tally(shape=(2,), name="tally")
    lif.s_out.connect(dense.s_in)
    dense.a_out.connect(tally.s_in)
    return lif, dense, tally


def counted(tally, runs=1):
    for _ in range(runs):
        tally.run(condition=RunSteps(num_steps=7), run_cfg=Loihi2SimCfg())
    print(tally.name, tally.sum.get())
    tally.stop()


# Spikes at 3, 6, 9 and 12, and at 2, 4, ..., 12 reach the tally one step later.
with tempfile.TemporaryDirectory() as folder:
    lif, dense, tally = network()
    file = os.path.join(folder, "network")
    save([lif, dense, tally], file)
    print(sorted(os.listdir(folder)))
    counted(tally)
    processes, executable = load(file + ".pickle")
    print([process.name for process in processes], executable)
    counted(processes[2])

    lif, dense, tally = network()
    executable = tally.compile(run_cfg=Loihi2SimCfg())
    save(tally, file, executable=executable)
    process, executable = load(file + ".pickle")
    process.create_runtime(executable=executable)
    counted(process)

    for arguments in (("x", file), (lif, 1)):
        try:
            save(*arguments)
        except TypeError:
            print("TypeError")

lif, dense, tally = network()
executable = Compiler().compile(dense, Loihi2SimCfg())
tally.create_runtime(executable=executable)
counted(tally, runs=2)

# Output:
# ['network.pickle']
# tally [ 2. 13.]
# ['lif', 'dense', 'tally'] None
# tally [ 2. 13.]
# tally [ 2. 13.]
# TypeError
# TypeError
# tally [ 4. 26.]
