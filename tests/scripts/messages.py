"""What becomes of messages: their dtypes, queues, and loops of Processes."""

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
from lava.magma.core.run_configs import Loihi1SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Sender(AbstractProcess):
    def __init__(self):
        super().__init__()
        self.out = OutPort(shape=(2,))


class Receiver(AbstractProcess):
    def __init__(self, every=1):
        super().__init__(every=every)
        self.inp = InPort(shape=(2,))
        self.got = Var(shape=(2,), init=0)
        self.kind = Var(shape=(1,), init="")


class Spikes(Receiver):
    pass


class SenderModel(PyLoihiProcessModel):
    def run_spk(self):
        self.out.send(np.array([1.7, -1.7]))


@implements(proc=Sender, protocol=LoihiProtocol)
@requires(CPU)
@tag("int")
class PySenderInt(SenderModel):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)


@implements(proc=Sender, protocol=LoihiProtocol)
@requires(CPU)
@tag("bool")
class PySenderBool(SenderModel):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)


@implements(proc=Sender, protocol=LoihiProtocol)
@requires(CPU)
@tag("float")
class PySenderFloat(SenderModel):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)


class ReceiverModel(PyLoihiProcessModel):
    got: np.ndarray = LavaPyType(np.ndarray, float)
    kind: str = LavaPyType(str, str)

    def run_spk(self):
        if self.time_step % self.proc_params["every"] == 0:
            data = self.inp.recv()
            self.got += data
            self.kind = data.dtype.kind + " " + ("more" if self.inp.probe() else "empty")


@implements(proc=Receiver, protocol=LoihiProtocol)
@requires(CPU)
class PyReceiverModel(ReceiverModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)


@implements(proc=Spikes, protocol=LoihiProtocol)
@requires(CPU)
class PySpikesModel(ReceiverModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool)


class Station(AbstractProcess):
    """One of a ring, which sends before it receives, or after that."""

    def __init__(self, starts):
        super().__init__(starts=starts)
        self.inp = InPort(shape=(1,))
        self.out = OutPort(shape=(1,))
        self.x = Var(shape=(1,), init=1)


@implements(proc=Station, protocol=LoihiProtocol)
@requires(CPU)
class PyStationModel(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)
    x: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def run_spk(self):
        if self.proc_params["starts"]:
            self.out.send(self.x)
            self.x = self.inp.recv() + 1
        else:
            self.x = 2 * self.inp.recv()
            self.out.send(self.x)


def show(title, receiver, senders=1, steps=1, **kwargs):
    for _ in range(senders):
        Sender().out.connect(receiver.inp)
    cfg = Loihi1SimCfg(**kwargs, exception_proc_model_map=MODELS)
    receiver.run(condition=RunSteps(num_steps=steps), run_cfg=cfg)
    print(title, receiver.got.get(), receiver.kind.get().strip("\x00"))
    receiver.stop()


# Receivers have no tags; one candidate without any is taken whatever is asked for, but not two.
MODELS = {Receiver: PyReceiverModel, Spikes: PySpikesModel}
show("an int  ", Receiver(), select_tag="int")
show("a bool  ", Receiver(), select_tag="bool")
show("a float ", Receiver(), select_tag="float")
show("two     ", Receiver(), senders=2, select_tag="int")
show("or      ", Spikes(), senders=2, select_tag="bool")
show("sum     ", Spikes(), senders=2, select_tag="int")
show("queued  ", Receiver(every=2), steps=40, select_tag="int")

first, second = Station(starts=True), Station(starts=False)
first.out.connect(second.inp)
second.out.connect(first.inp)
for _ in range(2):
    first.run(condition=RunSteps(num_steps=2), run_cfg=Loihi1SimCfg())
    print("ring", first.x.get(), second.x.get())
first.stop()

alone = Station(starts=True)
alone.out.connect(alone.inp)
alone.run(condition=RunSteps(num_steps=5), run_cfg=Loihi1SimCfg())
print("to itself", alone.x.get())
alone.stop()

# Output:
# an int   [ 1. -1.] i empty
# a bool   [1. 1.] i empty
# a float  [ 1.7 -1.7] f empty
# two      [ 2. -2.] i empty
# or       [1. 1.] b empty
# sum      [ 2. -2.] i empty
# queued   [ 20. -20.] i more
# ring [7.] [6.]
# ring [31.] [30.]
# to itself [6.]
