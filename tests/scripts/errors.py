"""What goes wrong, and as what."""

import logging

import numpy as np
from lava.magma.compiler.exceptions import NoProcessModelFound, ProcessAlreadyCompiled
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.exceptions import (
    DuplicateConnectionError,
    ReshapeError,
    VarNotSharableError,
)
from lava.magma.core.process.ports.ports import InPort, OutPort, RefPort, VarPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Sender(AbstractProcess):
    def __init__(self, shape=(2,), **kwargs):
        super().__init__(**kwargs)
        self.out = OutPort(shape=shape)


class Receiver(AbstractProcess):
    def __init__(self, shape=(2,), **kwargs):
        super().__init__(**kwargs)
        self.inp = InPort(shape=shape)
        self.ref = RefPort(shape=shape)
        self.var = Var(shape=shape, init=0)
        self.own = Var(shape=shape, init=0, shareable=False)


@implements(proc=Sender, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySenderModel(PyLoihiProcessModel):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)

    def run_spk(self):
        if self.time_step == 2:
            raise AssertionError("all the information")
        self.out.send(np.array([1, 2]))


class ReceivingModel(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    var: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def run_spk(self):
        if self.time_step == 2:
            raise TypeError("all the information")
        self.var = self.inp.recv()


@implements(proc=Receiver, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyReceiverModel(ReceivingModel):
    pass


def expect(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind as error:
        print(kind.__name__, error is not None)
    else:
        raise SystemExit(f"{call} did not raise {kind.__name__}")


sender, receiver = Sender(), Receiver()
expect(AssertionError, sender.out.connect, Receiver(shape=(3,)).inp)
expect(AssertionError, sender.out.connect, receiver.ref)
sender.out.connect(receiver.inp)
expect(DuplicateConnectionError, sender.out.connect, receiver.inp)
expect(ReshapeError, sender.out.reshape, (3,))
expect(VarNotSharableError, VarPort, receiver.own)
expect(TypeError, receiver.ref.connect, sender.out)
expect(AssertionError, Var, 3)

steps, cfg = RunSteps(num_steps=1), Loihi2SimCfg(loglevel=logging.CRITICAL)
# The model lacks the Var `own` and the RefPort.
expect(AssertionError, sender.run, condition=steps, run_cfg=cfg)
expect(AssertionError, Sender().run, condition=steps, run_cfg=Loihi2SimCfg(select_tag="none"))


class Unmodelled(AbstractProcess):
    pass


expect(NoProcessModelFound, Unmodelled().run, condition=steps, run_cfg=cfg)

sender = Sender()
print(type(sender.compile(run_cfg=cfg)).__name__)
expect(ProcessAlreadyCompiled, sender.compile, run_cfg=cfg)


class Plain(AbstractProcess):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inp = InPort(shape=(2,))
        self.var = Var(shape=(2,), init=0)


@implements(proc=Plain, protocol=LoihiProtocol)
@requires(CPU)
class PyPlainModel(ReceivingModel):
    pass


sender, plain = Sender(), Plain()
sender.out.connect(plain.inp)
sender.run(condition=steps, run_cfg=cfg)
print(plain.var.get())
try:
    sender.run(condition=steps, run_cfg=cfg)
except RuntimeError as error:
    print(type(error).__name__, "2 Exception(s) occurred" in str(error))

# Output:
# AssertionError True
# AssertionError True
# DuplicateConnectionError True
# ReshapeError True
# VarNotSharableError True
# TypeError True
# AssertionError True
# AssertionError True
# AssertionError True
# NoProcessModelFound True
# Executable
# ProcessAlreadyCompiled True
# [1. 2.]
# RuntimeError True
