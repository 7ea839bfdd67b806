"""Networks that unrolls go through, layer by layer or step by step."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

import lava_torch as lt
from lava_torch.compiler import unroll_layers
from lava_torch.compiler.network import Network
from lava_torch.core import implements, requires, tag

RNG = np.random.default_rng(5)
STEPS, BATCH = 9, 3


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(0.1, 0.5, shape)


def lif(n: int | tuple, name: str, **more) -> lt.LIF:
    shape = n if isinstance(n, tuple) else (n,)
    return lt.LIF(shape=shape, **(dict(du=0.4, dv=0.2, vth=0.7) | more), name=name)


def source(n: int) -> lt.io.source.RingBuffer:
    return lt.io.source.RingBuffer(data=RNG.random((n, 7)) < 0.4, name="source")


def chain() -> lt.LIF:
    first, second = source(6), lt.Dense(weights=weights(5, 6), name="dense")
    hidden, last = lif(5, "hidden", bias_mant=0.1), lt.Dense(weights=weights(4, 5), name="last")
    output, sink = lif(4, "output"), lt.io.sink.RingBuffer(shape=(4,), buffer=3, name="sink")
    first.s_out.connect(second.s_in)
    second.a_out.connect(hidden.a_in)
    hidden.s_out.connect(last.s_in)
    last.a_out.connect(output.a_in)
    output.s_out.connect(sink.a_in)
    return output


def several() -> lt.LIF:
    """Two connections meet, one passes a layer by, and one is wired through a virtual port."""
    first, around = source(6), lt.Dense(weights=weights(4, 6), name="around")
    into, hidden = lt.Dense(weights=weights(4, 6), name="into"), lif((2, 2), "hidden")
    on, output = lt.Sparse(weights=sparse.csr_matrix(weights(4, 4)), name="on"), lif(4, "output")
    first.s_out.connect([into.s_in, around.s_in])
    into.a_out.reshape((2, 2)).connect(hidden.a_in)
    hidden.s_out.transpose((1, 0)).flatten().connect(on.s_in)
    on.a_out.connect(output.a_in)
    around.a_out.connect(output.a_in)
    return output


def joined() -> lt.TernaryLIF:
    left, right = source(2), source(3)
    both = lt.Dense(weights=weights(4, 5), name="both")
    neurons = lt.TernaryLIF(shape=(4,), du=0.5, dv=0.1, vth_hi=0.6, vth_lo=-0.4, name="neurons")
    graded = lt.Dense(weights=weights(2, 4), num_message_bits=8, name="graded")
    left.s_out.concat_with([right.s_out], axis=0).connect(both.s_in)
    both.a_out.connect(neurons.a_in)
    neurons.s_out.connect(graded.s_in)
    return neurons


def convolution() -> lt.LIF:
    image = lt.io.source.RingBuffer(data=RNG.random((6, 6, 2, 7)) < 0.5, name="source")
    conv = lt.Conv(weight=weights(3, 3, 3, 2) / 4, input_shape=(6, 6, 2), padding=1, name="conv")
    hidden = lif((6, 6, 3), "hidden", bias_mant=0.1)
    dense, output = (
        lt.Dense(weights=weights(2, 108) / 20, name="dense"),
        lif(2, "output", bias_mant=0.1),
    )
    image.s_out.connect(conv.s_in)
    conv.a_out.connect(hidden.a_in)
    hidden.s_out.flatten().connect(dense.s_in)
    dense.a_out.connect(output.a_in)
    return output


def adaptive() -> lt.ATRLIF:
    first, dense = source(6), lt.Dense(weights=weights(5, 6), name="dense")
    neurons = lt.ATRLIF(shape=(5,), delta_i=0.4, delta_v=0.3, name="neurons")
    first.s_out.connect(dense.s_in)
    dense.a_out.connect(neurons.a_in)
    return neurons


def recurrent() -> lt.LIF:
    neurons = chain()
    back = lt.Dense(weights=weights(4, 4), name="back")
    neurons.s_out.connect(back.s_in)
    back.a_out.connect(neurons.a_in)
    return neurons


class Leak(lt.AbstractProcess):
    def __init__(self, *, shape, name=None):
        super().__init__(shape=shape, name=name)
        self.a_in, self.s_out = lt.InPort(shape), lt.OutPort(shape)
        self.level, self.keep = lt.Var(shape, 0.1), lt.Var((1,), 0.8)


@implements(proc=Leak, protocol=lt.LoihiProtocol)
@requires(lt.CPU)
@tag("floating_pt")
class LeakModel(lt.TorchProcessModel):
    """A user's, which can only step."""

    shared = trainable = ("keep",)

    def step(self, a_in: Tensor) -> Tensor:
        self.level = torch.tanh(self.level * self.keep + a_in) * self.time_step / 10
        return self.level


def unknown() -> lt.LIF:
    first, dense, leak = (
        source(6),
        lt.Dense(weights=weights(5, 6), name="dense"),
        Leak(shape=(5,), name="leak"),
    )
    graded = lt.Dense(weights=weights(4, 5), num_message_bits=8, name="graded")
    first.s_out.connect(dense.s_in)
    dense.a_out.connect(leak.a_in)
    leak.s_out.connect(graded.s_in)
    output = lif(4, "output")
    graded.a_out.connect(output.a_in)
    return output


NETWORKS = {
    f.__name__: f for f in (chain, several, joined, convolution, adaptive, recurrent, unknown)
}
TRAINABLE = ["*.weights", "*.du", "*.dv", "*.vth", "*.bias_mant"]


def compiled(make, stepper: str, **options) -> Network:
    global RNG
    RNG = np.random.default_rng(5)
    found = make()
    options = {"trainable": True, "dtype": "float64"} | options
    network = lt.compile(found, lt.Loihi2SimCfg(stepper=stepper, **options))
    assert isinstance(unroll_layers.plan(network, []), str) == (stepper != "auto")
    return network
