"""Processes that are made of other Processes."""

from __future__ import annotations

import numpy as np
import pytest

import lava_torch as lt
from lava_torch.core import implements, tag


class Layer(lt.AbstractProcess):
    """A Dense and a LIF in one."""

    def __init__(self, weights, name):
        super().__init__(weights=weights, name=name)
        n, m = weights.shape
        self.s_in = lt.InPort((m,))
        self.s_out = lt.OutPort((n,))
        self.weights = lt.Var((n, m), weights)
        self.v = lt.Var((n,), 0)
        self.own = lt.Var((1,), 3)


@implements(Layer)
@tag("floating_pt")
class LayerModel(lt.AbstractSubProcessModel):
    def __init__(self, proc):
        self.dense = lt.Dense(weights=proc.proc_params["weights"], name=f"{proc.name}_dense")
        self.lif = lt.LIF(shape=proc.s_out.shape, vth=1.0, du=0.2, name=f"{proc.name}_lif")
        proc.s_in.connect(self.dense.s_in)
        self.dense.a_out.connect(self.lif.a_in)
        self.lif.s_out.connect(proc.s_out)
        proc.weights.alias(self.dense.weights)
        proc.v.alias(self.lif.v)


CFG = lt.Loihi2SimCfg(select_tag="floating_pt", select_sub_proc_model=True)


def network(rng):
    data = rng.integers(0, 2, (4, 12))
    source = lt.io.source.RingBuffer(data=data, name="source")
    layers = [Layer(rng.normal(size=(5, 4)), "one"), Layer(rng.normal(size=(3, 5)), "two")]
    sink = lt.io.sink.RingBuffer(shape=(3,), buffer=12, name="sink")
    source.s_out.connect(layers[0].s_in)
    layers[0].s_out.connect(layers[1].s_in)
    layers[1].s_out.connect(sink.a_in)
    return source, layers, sink


def test_equals_the_flat_network(rng) -> None:
    source, layers, sink = network(rng)
    source.run(lt.RunSteps(12), run_cfg=CFG)
    names = set(source.runtime.network.models)
    assert names == {"source", "one_dense", "one_lif", "two_dense", "two_lif", "sink"}
    flat = lt.io.source.RingBuffer(data=source.data.init, name="source")
    before = flat.s_out
    for layer in layers:
        dense = lt.Dense(weights=layer.weights.init)
        lif = lt.LIF(shape=layer.s_out.shape, vth=1.0, du=0.2)
        before.connect(dense.s_in)
        dense.a_out.connect(lif.a_in)
        before = lif.s_out
    out = lt.io.sink.RingBuffer(shape=(3,), buffer=12)
    before.connect(out.a_in)
    flat.run(lt.RunSteps(12), run_cfg=CFG)
    assert sink.data.get().any()
    np.testing.assert_array_equal(sink.data.get(), out.data.get())
    source.stop()
    flat.stop()


def test_aliases_reach_the_sub_process(rng) -> None:
    source, (one, _), _ = network(rng)
    source.run(lt.RunSteps(3), run_cfg=CFG)
    lif = source.runtime.network.models["one_lif"]
    np.testing.assert_array_equal(one.v.get(), lif.v.numpy())
    one.v.set(np.full(5, 9.0))
    assert (lif.v == 9).all()
    assert one.own.get() == 3
    assert one.model_class is LayerModel
    source.stop()


def test_compiling_again_and_again(rng) -> None:
    source, layers, sink = network(rng)
    first = lt.compile(source, CFG)(steps=12)["sink"]
    second = lt.compile(source, CFG)(steps=12)["sink"]
    assert np.array_equal(first, second)
    source.run(lt.RunSteps(12), run_cfg=CFG)
    np.testing.assert_array_equal(sink.data.get(), first.numpy().T)
    beside = lt.compile(source, CFG)  # beside a network that runs
    np.testing.assert_array_equal(beside(steps=12)["sink"], first)
    assert sink.data.get().any()
    source.stop()
    source.run(lt.RunSteps(12))
    np.testing.assert_array_equal(sink.data.get(), first.numpy().T)
    source.stop()


def test_a_failed_compile_leaves_nothing(rng) -> None:
    source, layers, _ = network(rng)
    with pytest.raises(lt.CompileError):
        lt.compile(source, lt.Loihi2SimCfg(select_sub_proc_model=True, trainable=["no.thing"]))
    assert all(layer.procs.is_empty() for layer in layers)
    assert all(not layer.s_in.out_connections for layer in layers)
