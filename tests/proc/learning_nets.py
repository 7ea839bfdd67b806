"""Small networks around a connection that learns."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

import lava_torch as lt

M, N, STEPS = 12, 9, 24
EVENTS = {"dw": "2^-3*x1*y0 - 2^-4*y1*x0", "dd": "2^-3*y0*x1 - 2^-3*x0*y1"}
ALL = {"dw": "2^-3*x1*y0 - 2^-5*u1*w", "dt": "2^-2*x1*y0", "dd": "2^-3*y0*x1 - u1"}
CONNECTIONS = {
    "dense": lt.LearningDense,
    "sparse": lt.LearningSparse,
    "delay dense": lt.LearningDelayDense,
    "delay sparse": lt.LearningDelaySparse,
}
KINDS = pytest.mark.parametrize("kind", CONNECTIONS)
PRECISIONS = pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])


def rule_of(texts, t_epoch=3, seed=5, **others):
    traces = {"x1_impulse": 12.3, "x1_tau": 7, "y1_impulse": 9, "y1_tau": 5}
    return lt.Loihi2FLearningRule(**texts, **traces, t_epoch=t_epoch, rng_seed=seed, **others)


class Net:
    """Two sources and a sink around a connection of M to N neurons."""

    def __init__(self, kind, rule, batch=None, items=slice(None), **options):
        rng = np.random.default_rng(1)
        pre, post = ((rng.random((3, size, STEPS)) < 0.3).astype(int)[items] for size in (M, N))
        weights = rng.integers(-100, 100, (N, M))
        if "sparse" in kind:
            weights = scipy.sparse.csr_matrix(weights * (rng.random((N, M)) < 0.5))
        if "delay" in kind:
            options = {"delays": 2, "max_delay": 6, **options}
        self.connection = CONNECTIONS[kind](weights=weights, learning_rule=rule, **options)
        self.pre = lt.io.source.RingBuffer(data=pre[0])
        self.post = lt.io.source.RingBuffer(data=post[0])
        self.out = lt.io.sink.RingBuffer(shape=(N,), buffer=STEPS)
        if batch:
            self.pre.data.init, self.post.data.init = pre, post
        self.pre.s_out.connect(self.connection.s_in)
        self.post.s_out.connect(self.connection.s_in_bap)
        self.connection.a_out.connect(self.out.a_in)
        self.options = {"batch_size": batch}

    def run(self, tag, steps=(STEPS,), **options):
        config = lt.Loihi2SimCfg(select_tag=tag, **self.options, **options)
        for number in steps:
            self.connection.run(lt.RunSteps(number), run_cfg=config)
        names = ("weights", "tag_1", "tag_2", "x1", "y1", "tx", "ty", "x0", "y0")
        seen = {name: array(getattr(self.connection, name).get()) for name in names}
        return seen | {"out": self.out.data.get()}

    def stop(self):
        self.connection.stop()


def array(value):
    if isinstance(value, list):
        return np.stack([item.toarray() for item in value])
    return value.toarray() if scipy.sparse.issparse(value) else value


def same(got, want, tag):
    for name in want:
        if tag == "fixed_pt":
            np.testing.assert_array_equal(got[name], want[name], err_msg=name)
        else:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-4, atol=1e-3, err_msg=name)
