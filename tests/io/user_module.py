"""Processes and models of a user, in a module that a checkpoint must not import by itself."""

from __future__ import annotations

import enum

import numpy as np
import torch

import lava_torch as lt
from lava_torch.core import implements, tag


class Mode(enum.Enum):
    UP = 1
    DOWN = "down"


class Counter(lt.AbstractProcess):
    """Counts what arrives, in a Var, and in a number that only its model has."""

    def __init__(self, shape, mode=Mode.UP, others=None, name=None, **kwargs):
        super().__init__(shape=shape, mode=mode, name=name)
        self.others = others
        self.a_in, self.s_out = lt.InPort(shape), lt.OutPort(shape)
        self.total = lt.Var(shape, 0)
        self.text = lt.Var((256,), "none")


@implements(Counter)
@tag("floating_pt")
class CounterModel(lt.TorchProcessModel):
    def setup(self):
        self.steps, self.noise = 0, np.random.default_rng(None).integers(1000)
        self.register_buffer("hidden_sum", torch.zeros(()))

    def step(self, a_in):
        self.steps += 1
        self.hidden_sum += a_in.sum()
        self.total = self.total + a_in + self.steps + float(self.noise)
        return self.total * 0.5

    def get_extra_state(self):
        return {"steps": self.steps, "noise": np.array([self.noise]), "kinds": ("a", [None, 1.5])}

    def set_extra_state(self, state):
        assert state["kinds"] == ("a", [None, 1.5])
        self.steps, self.noise = state["steps"], int(state["noise"][0])


@implements(Counter)
@tag("floating_pt", "second")
class SecondModel(CounterModel):
    def step(self, a_in):
        return super().step(a_in) * 0 + 7


class Layer(lt.AbstractProcess):
    """Made of others by its model."""

    def __init__(self, weights):
        super().__init__(weights=weights)
        n, m = weights.shape
        self.s_in, self.s_out = lt.InPort((m,)), lt.OutPort((n,))
        self.weights, self.v = lt.Var((n, m), weights), lt.Var((n,), 0)


@implements(Layer)
@tag("floating_pt")
class LayerModel(lt.AbstractSubProcessModel):
    def __init__(self, proc):
        self.dense = lt.Dense(weights=proc.proc_params["weights"])
        self.lif = lt.LIF(shape=proc.s_out.shape, vth=1.0, du=0.2)
        proc.s_in.connect(self.dense.s_in)
        self.dense.a_out.connect(self.lif.a_in)
        self.lif.s_out.connect(proc.s_out)
        proc.weights.alias(self.dense.weights)
        proc.v.alias(self.lif.v)


class Built(lt.AbstractProcess):
    """Makes Processes in its constructor, as attributes and otherwise, and connects them."""

    def __init__(self, n, seed=None):
        super().__init__(n=n)
        drawn = np.random.default_rng(seed).normal(0, 1, (n, n))
        self.lif = lt.LIF(shape=(n,), vth=1.0, bias_mant=0.3)
        self.rest = [lt.Dense(weights=drawn), lt.LIF(shape=(n,), vth=0.5)]
        self.s_out = lt.OutPort((n,))
        self.lif.s_out.connect(self.rest[0].s_in)
        self.rest[0].a_out.connect(self.rest[1].a_in)
        self.rest[1].s_out.connect(self.s_out)
        self.register_sub_procs({"first": self.lif, "second": self.rest[1]})


@implements(Built)
@tag("floating_pt")
class BuiltModel(lt.AbstractSubProcessModel):
    def __init__(self, proc):
        self.first = proc.lif


class Config(lt.Loihi2SimCfg):
    """A run config with something of its own."""

    def __init__(self, preferred, **kwargs):
        super().__init__(**kwargs)
        self.preferred = preferred

    def select(self, process, proc_models):
        named = [model for model in proc_models if model.__name__ == self.preferred]
        return named[0] if named else super().select(process, proc_models)


class Reader(lt.AbstractProcess):
    """Reads a Var through a port that it makes when it is connected."""

    def __init__(self, name=None):
        super().__init__(name=name, rate=1)
        self.ref, self.seen = lt.RefPort((1,)), lt.Var((8,), 0)

    def connect_var(self, var, view=None):
        self.ref = lt.RefPort(view or var.shape)
        self.proc_params.overwrite("rate", {"factor": [2.5]})
        self._post_init()
        if view is None:
            self.ref.connect_var(var)
        else:
            self.ref.reshape(var.shape).connect(lt.RefPort.create_implicit_var_port(var))


@implements(Reader)
@tag("floating_pt")
class ReaderModel(lt.TorchProcessModel):
    def manage(self):
        factor = self.proc_params["rate"]["factor"][0]
        self.seen = self.seen + self.read("ref").sum() * factor
