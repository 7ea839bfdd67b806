"""Networks that every stepper must run alike."""

from __future__ import annotations

import numpy as np
import scipy.sparse

import lava_torch as lt


def neurons(tag: str, shape: tuple[int, ...], name: str, **changes) -> lt.LIF:
    values = {"du": 0.3, "dv": 0.1, "vth": 1.0, "bias_mant": 0.1}
    if tag == "fixed_pt":
        values = {"du": 1000, "dv": 300, "vth": 40, "bias_mant": 300, "bias_exp": 2}
    return lt.LIF(shape=shape, name=name, **{**values, **changes})


def weights(tag: str, rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    drawn = rng.normal(0, 1, shape)
    return np.rint(drawn * 60).clip(-254, 254).astype(int) if tag == "fixed_pt" else drawn


def source(rng: np.random.Generator, shape: tuple[int, ...], name: str = "source"):
    return lt.io.source.RingBuffer(data=(rng.random((*shape, 9)) < 0.4).astype(int), name=name)


def recurrent(tag, rng):
    inputs, lif = source(rng, (12,)), neurons(tag, (12,), "lif")
    loop = lt.Dense(weights=weights(tag, rng, (12, 12)), name="loop")
    inputs.s_out.connect(lif.a_in)
    lif.s_out.connect(loop.s_in)
    loop.a_out.connect(lif.a_in)
    return lif


def several_into_one(tag, rng):
    lif = neurons(tag, (5,), "lif")
    for i, size in enumerate((3, 4, 8)):
        inputs = source(rng, (size,), f"source_{i}")
        dense = lt.Dense(weights=weights(tag, rng, (5, size)), name=f"dense_{i}")
        inputs.s_out.connect(dense.s_in)
        dense.a_out.connect(lif.a_in)
    return lif


def virtual_ports(tag, rng):
    inputs, lif = source(rng, (3, 4)), neurons(tag, (4, 3), "lif")
    inputs.s_out.transpose((1, 0)).connect(lif.a_in)
    dense = lt.Dense(weights=weights(tag, rng, (6, 12)), name="dense")
    lif.s_out.flatten().connect(dense.s_in)
    last = neurons(tag, (2, 3), "last")
    dense.a_out.reshape((2, 3)).connect(last.a_in)
    return last


def concatenation(tag, rng):
    a, b = source(rng, (3,), "a"), source(rng, (2,), "b")
    lif = neurons(tag, (5,), "lif")
    a.s_out.concat_with([b.s_out], axis=0).connect(lif.a_in)
    return lif


def dense_to_dense(tag, rng):
    """Connections that read each other's buffers as they overwrite their own."""
    inputs = source(rng, (6,))
    first = lt.Dense(weights=weights(tag, rng, (6, 6)), name="first", num_message_bits=8)
    small = weights(tag, rng, (6, 6)) // 50 if tag == "fixed_pt" else rng.normal(0, 0.1, (6, 6))
    second = lt.Dense(weights=small, name="second", num_message_bits=8)
    inputs.s_out.connect(first.s_in)
    first.a_out.connect(second.s_in)
    second.a_out.connect(first.s_in)
    lif = neurons(tag, (6,), "lif")
    second.a_out.connect(lif.a_in)
    return lif


def other_neurons(tag, rng):
    inputs = source(rng, (7,))
    ternary = lt.TernaryLIF(shape=(7,), vth_hi=2, vth_lo=-1, name="ternary")
    adaptive = lt.ATRLIF(shape=(7,), name="adaptive")
    graded = lt.Dense(weights=weights(tag, rng, (7, 7)), name="graded", num_message_bits=3)
    inputs.s_out.connect(ternary.a_in)
    ternary.s_out.connect(graded.s_in)
    graded.a_out.connect(adaptive.a_in)
    return adaptive


def library(tag, rng):
    """One after another, what Lava's library has besides; one of them looks at the time."""
    inputs = source(rng, (7,))
    timed = lt.LIFReset if tag == "fixed_pt" else lt.LIFRefractory
    turns = {"period": 5.0, "alpha": 0.1, "decay_bits": 8 if tag == "fixed_pt" else 0}
    neurons = {
        "resonant": lt.RF(shape=(7,), **turns, vth=0, name="resonant"),
        "reset": lt.RF_IZ(shape=(7,), **turns, vth=1, name="reset"),
        "zero": lt.RFZero((7,), freqs=np.full(7, 99), decay_tau=np.full(7, 0.1), name="zero"),
        "timed": timed(shape=(7,), vth=1, bias_mant=1, name="timed"),
        "delta": lt.Delta(shape=(7,), vth=1, cum_error=True, name="delta"),
        "sigma": lt.SigmaDelta(shape=(7,), vth=1, name="sigma"),
        "graded": lt.GradedVec(shape=(7,), name="graded"),
        "product": lt.ProdNeuron(shape=(7,), vth=0, exp=1, name="product"),
        "norm": lt.NormVecDelay(shape=(7,), vth=0, name="norm"),
    }
    inputs.s_out.connect([next(iter(p.in_ports)) for p in neurons.values()])
    spiker = lt.Spiker(shape=(7,), period=2, payload=3, name="spiker")
    spiker.s_out.connect([neurons["product"].a_in2, neurons["norm"].a_in2])
    return neurons["product"]


def isolated(tag, rng):
    return neurons(tag, (4,), "lif")


def sparse(tag, rng):
    inputs, lif = source(rng, (20,)), neurons(tag, (30,), "lif")
    feed = weights(tag, rng, (30, 20)) * (rng.random((30, 20)) < 0.3)
    loop = weights(tag, rng, (30, 30)) * (rng.random((30, 30)) < 0.2)
    first = lt.Sparse(weights=scipy.sparse.csr_matrix(feed), name="first", weight_exp=-2)
    second = lt.Sparse(weights=scipy.sparse.csr_matrix(loop), name="second")
    inputs.s_out.connect(first.s_in)
    first.a_out.connect(lif.a_in)
    lif.s_out.connect(second.s_in)
    second.a_out.connect(lif.a_in)
    return lif


def delayed(tag, rng):
    inputs, lif = source(rng, (6,)), neurons(tag, (9,), "lif")
    drawn = weights(tag, rng, (9, 6))
    dense = lt.DelayDense(
        weights=drawn, delays=rng.integers(0, 5, (9, 6)), max_delay=7, name="dense", weight_exp=-3
    )
    kept = weights(tag, rng, (9, 9)) * (rng.random((9, 9)) < 0.4)
    late = (kept != 0) * rng.integers(0, 4, (9, 9))
    sparse = lt.DelaySparse(
        weights=scipy.sparse.csr_matrix(kept), delays=scipy.sparse.csr_matrix(late), name="sparse"
    )
    inputs.s_out.connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.s_out.connect(sparse.s_in)
    sparse.a_out.connect(lif.a_in)
    return lif


def convolved(tag, rng):
    inputs = source(rng, (6, 5, 4))
    kernel = weights(tag, rng, (8, 3 * 2 * 2)).reshape(8, 3, 2, 2)
    conv = lt.Conv(
        weight=kernel, input_shape=(6, 5, 4), padding=(1, 0), stride=(2, 1), groups=2, name="conv"
    )
    lif = neurons(tag, conv.output_shape, "lif")
    inputs.s_out.connect(conv.s_in)
    conv.a_out.connect(lif.a_in)
    return lif


def learning(tag, rng):
    """Spikes back from the neurons, and a rule that changes all variables of each synapse."""
    rule = lt.Loihi2FLearningRule(
        dw="2^-2*y0*x1 - 2^-3*x0*y1 + u1*w*2^-5", dt="x0*y0 - u1", dd="2^-2*x1*y0",
        x1_impulse=9.5, x1_tau=6, y1_impulse=7.25, y1_tau=4, t_epoch=2, rng_seed=3,
    )  # fmt: skip
    spikes = source(rng, (14,))
    dense = lt.LearningDense(weights=weights(tag, rng, (9, 14)), learning_rule=rule, name="dense")
    lif = neurons(tag, (9,), "lif")
    spikes.s_out.connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.s_out.connect(dense.s_in_bap)
    return lif


def learning_sparse_delays(tag, rng):
    """By events; what is learnt delays later spikes."""
    rule = lt.Loihi2FLearningRule(
        dw="2^-3*y0*x1", dd="2^-2*y0*x1 - x0", x1_impulse=9, x1_tau=6, t_epoch=1, rng_seed=3
    )
    spikes = source(rng, (14,))
    matrix = weights(tag, rng, (9, 14)) * (rng.random((9, 14)) < 0.5)
    sparse = lt.LearningDelaySparse(
        weights=matrix, delays=1, max_delay=3, learning_rule=rule, name="sparse"
    )
    lif = neurons(tag, (9,), "lif")
    spikes.s_out.connect(sparse.s_in)
    sparse.a_out.connect(lif.a_in)
    lif.s_out.connect(sparse.s_in_bap)
    return lif


def learning_convolved(tag, rng):
    """Three factors, and a kernel that all items of a batch share."""
    rule = lt.Loihi3FLearningRule(
        dw="2^-4*x0*y1 + 2^-5*u0*y2", x1_impulse=9, x1_tau=6, t_epoch=2, rng_seed=3
    )
    spikes, rewards = source(rng, (5, 4, 2)), source(rng, (4, 3, 3), "rewards")
    kernel = weights(tag, rng, (3, 8)).reshape(3, 2, 2, 2)
    conv = lt.LearningConv(
        weight=kernel, input_shape=(5, 4, 2), learning_rule=rule, batch_learning="mean", name="conv"
    )
    lif = neurons(tag, (4, 3, 3), "lif")
    spikes.s_out.connect(conv.s_in)
    conv.a_out.connect(lif.a_in)
    lif.s_out.connect(conv.s_in_bap)
    rewards.s_out.connect(conv.s_in_y1)
    rewards.s_out.connect(conv.s_in_y2)
    return lif


NETWORKS = {
    f.__name__: f
    for f in (
        recurrent, several_into_one, virtual_ports, concatenation, dense_to_dense, other_neurons,
        library, isolated, sparse, delayed, convolved, learning, learning_sparse_delays,
        learning_convolved,
    )
}  # fmt: skip
