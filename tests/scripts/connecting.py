"""Ways to connect: one to many, many to one, and through views."""

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


class Speaker(AbstractProcess):
    def __init__(self, data):
        super().__init__()
        self.data = Var(shape=data.shape, init=data)
        self.out = OutPort(shape=data.shape)


class Listener(AbstractProcess):
    def __init__(self, shape):
        super().__init__()
        self.inp = InPort(shape=shape)
        self.heard = Var(shape=shape, init=-1)


@implements(proc=Speaker, protocol=LoihiProtocol)
@requires(CPU)
class PySpeakerModel(PyLoihiProcessModel):
    data: np.ndarray = LavaPyType(np.ndarray, np.int32)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self):
        self.out.send(self.data)
        # What was sent stays what it was.
        self.data += 100


@implements(proc=Listener, protocol=LoihiProtocol)
@requires(CPU)
class PyListenerModel(PyLoihiProcessModel):
    heard: np.ndarray = LavaPyType(np.ndarray, np.int32)
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)

    def run_spk(self):
        self.heard = self.inp.recv()


def show(title, network, *listeners):
    network.run(condition=RunSteps(num_steps=1), run_cfg=Loihi1SimCfg())
    print(title, *(listener.heard.get().astype(int).tolist() for listener in listeners))
    network.stop()


def numbers(*shape):
    return np.arange(np.prod(shape)).reshape(shape)


speaker, listeners = Speaker(numbers(3)), [Listener((3,)) for _ in range(3)]
speaker.out.connect([listener.inp for listener in listeners])
show("one to many", speaker, *listeners)

speakers, listener = [Speaker(numbers(3) * 10**i) for i in range(3)], Listener((3,))
listener.inp.connect_from([speaker.out for speaker in speakers])
show("many to one", listener, listener)

speaker, listener = Speaker(numbers(2, 3)), Listener((3, 2))
speaker.out.reshape(new_shape=(3, 2)).connect(listener.inp)
show("reshape", speaker, listener)

speaker, listener = Speaker(numbers(2, 3)), Listener((6,))
speaker.out.flatten().connect(listener.inp)
show("flatten", speaker, listener)

speaker, listener = Speaker(numbers(2, 3)), Listener((3, 2))
speaker.out.transpose(axes=(1, 0)).connect(listener.inp)
show("transpose", speaker, listener)

speaker, listener = Speaker(numbers(1, 2, 3)), Listener((6,))
speaker.out.transpose(axes=(2, 0, 1)).reshape(new_shape=(6,)).connect(listener.inp)
show("both", speaker, listener)

speakers, listener = [Speaker(numbers(2, 2) + 10 * i) for i in range(2)], Listener((2, 4))
speakers[0].out.concat_with(speakers[1].out, axis=1).connect(listener.inp)
show("concat", speakers[0], listener)

listener = Listener((2,))
show("nothing", listener, listener)

# Output:
# one to many [0, 1, 2] [0, 1, 2] [0, 1, 2]
# many to one [0, 111, 222]
# reshape [[0, 1], [2, 3], [4, 5]]
# flatten [0, 1, 2, 3, 4, 5]
# transpose [[0, 3], [1, 4], [2, 5]]
# both [0, 3, 1, 4, 2, 5]
# concat [[0, 1, 10, 11], [2, 3, 12, 13]]
# nothing [0, 0]
