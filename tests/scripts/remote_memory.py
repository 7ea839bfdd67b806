"""RefPorts: reading and writing the Vars of other Processes."""

import numpy as np
from lava.magma.core.decorator import implements, requires
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyRefPort, PyVarPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import RefPort, VarPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol
from lava.proc.lif.process import LIF


class Memory(AbstractProcess):
    """Counts up, and can be reached from outside."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.cells = Var(shape=shape, init=10)
        self.door = VarPort(self.cells)


class Visitor(AbstractProcess):
    """Reads cells in even steps, and doubles them there."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.ref = RefPort(shape=shape)
        self.seen = Var(shape=shape, init=0)


@implements(proc=Memory, protocol=LoihiProtocol)
@requires(CPU)
class PyMemoryModel(PyLoihiProcessModel):
    cells: np.ndarray = LavaPyType(np.ndarray, np.int32)
    door: PyVarPort = LavaPyType(PyVarPort.VEC_DENSE, np.int32)

    def run_spk(self):
        self.cells += np.arange(self.cells.size).reshape(self.cells.shape)


@implements(proc=Visitor, protocol=LoihiProtocol)
@requires(CPU)
class PyVisitorModel(PyLoihiProcessModel):
    ref: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, np.int32)
    seen: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def post_guard(self):
        return self.time_step % 2 == 0

    def run_post_mgmt(self):
        self.seen = self.ref.read()
        self.ref.write(2 * self.seen)
        self.ref.wait()


def connected(memory, visitor, steps=4):
    memory.run(condition=RunSteps(num_steps=steps), run_cfg=Loihi1SimCfg())
    print(memory.cells.get().tolist(), visitor.seen.get().tolist())
    memory.stop()


# (10, 11), (10, 12) -> (20, 24), (20, 25), (20, 26) -> (40, 52)
memory, visitor = Memory((2,)), Visitor((2,))
visitor.ref.connect(memory.door)
connected(memory, visitor)

memory, visitor = Memory((2,), name="memory"), Visitor((2,))
visitor.ref.connect_var(memory.cells)
connected(memory, visitor)
print(type(memory.var_ports.members[-1]).__name__, sorted(memory.var_ports.member_names))

# Seen through a view, the cells stand the other way round, and are written that way too.
memory, visitor = Memory((2, 3)), Visitor((3, 2))
visitor.ref.transpose(axes=(1, 0)).connect(memory.door)
connected(memory, visitor, steps=2)

# A visitor of a library Process: v is 3, 6 -> 12, 15, 18 -> 36, 39
lif, visitor = LIF(shape=(2,), bias_mant=3, vth=1000, du=0, dv=0), Visitor((2,))
visitor.ref.connect_var(lif.v)
lif.run(condition=RunSteps(num_steps=5), run_cfg=Loihi1SimCfg(select_tag="floating_pt"))
print(lif.v.get(), visitor.seen.get())
lif.stop()

# Output:
# [40.0, 52.0] [20.0, 26.0]
# [40.0, 52.0] [20.0, 26.0]
# ImplicitVarPort ['_cells_implicit_port', 'door']
# [[20.0, 24.0, 28.0], [32.0, 36.0, 40.0]] [[10.0, 16.0], [12.0, 18.0], [14.0, 20.0]]
# [39. 39.] [18. 18.]
