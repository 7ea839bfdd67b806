"""Connections in numpy, and what is derived from them, against the compiled ones."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_nets import histories, same, sub

import lava_torch as lt
from lava_torch.proc.dense.numpy_models import (
    AbstractPyDelayDenseModel,
    AbstractPyDenseModelBitAcc,
    AbstractPyDenseModelFloat,
    PyDelayDenseModelBitAcc,
    PyDelayDenseModelFloat,
    PyDenseModelBitAcc,
    PyDenseModelFloat,
)
from lava_torch.proc.sparse.numpy_models import (
    AbstractPyDelaySparseModel,
    AbstractPySparseModelBitAcc,
    AbstractPySparseModelFloat,
    PyDelaySparseModelBitAcc,
    PyDelaySparseModelFloat,
    PySparseModelBitAcc,
    PySparseModelFloat,
)

N, M, STEPS = 4, 6, 7
KINDS = {
    "dense": (lt.Dense, AbstractPyDenseModelFloat, AbstractPyDenseModelBitAcc),
    "sparse": (lt.Sparse, AbstractPySparseModelFloat, AbstractPySparseModelBitAcc),
    "delay dense": (lt.DelayDense, PyDelayDenseModelFloat, PyDelayDenseModelBitAcc),
    "delay sparse": (lt.DelaySparse, PyDelaySparseModelFloat, PyDelaySparseModelBitAcc),
}


def connection(kind, rng, weights, **parameters):
    if "delay" in kind:
        parameters["delays"] = rng.integers(0, 4, (N, M))
        parameters["max_delay"] = 5
    if "sparse" in kind:
        weights = scipy.sparse.csr_matrix(weights * (rng.random((N, M)) < 0.6))
        if "delay" in kind:
            parameters["delays"] = scipy.sparse.csr_matrix(parameters["delays"])

    def make():
        process = KINDS[kind][0](weights=weights, **parameters)
        return process, process.s_in, process.a_out

    return make


@pytest.mark.parametrize("kind", KINDS)
class TestSameAsCompiled:
    @settings(max_examples=15, deadline=None)
    @given(
        seed=st.integers(0, 10**6),
        low=st.sampled_from([-256, -90, 0]),
        high=st.sampled_from([256, 5, 1]),
        exponent=st.integers(-5, 5),
        bits=st.integers(1, 8),
        graded=st.booleans(),
        mode=st.sampled_from([None, *lt.SignMode]),
    )
    def test_fixed_point_bit_by_bit(self, kind, seed, low, high, exponent, bits, graded, mode):
        rng = np.random.default_rng(seed)
        weights = rng.integers(low, high, (N, M))
        parameters = {"weight_exp": exponent, "num_weight_bits": bits}
        if mode is not None:
            parameters["sign_mode"] = mode
        make = connection(kind, rng, weights, num_message_bits=24 * graded, **parameters)
        inputs = rng.integers(-9, 10, (M, STEPS)) * (rng.random((M, STEPS)) < 0.6)
        found = histories(make, inputs, sub(KINDS[kind][2]), "fixed_pt", ("weights", "a_buff"))
        same(found, "fixed_pt")

    @pytest.mark.parametrize("graded", [0, 24])
    def test_floating_point(self, kind, rng, graded):
        make = connection(kind, rng, rng.normal(0, 1, (N, M)), num_message_bits=graded)
        inputs = rng.normal(0, 2, (M, STEPS)) * (rng.random((M, STEPS)) < 0.6)
        found = histories(make, inputs, sub(KINDS[kind][1]), "floating_pt", ("a_buff",))
        same(found, "floating_pt")
        assert found[0]["sent"].any()


@pytest.mark.parametrize(
    ("process", "model", "compiled"),
    [
        (lt.Dense, PyDenseModelFloat, "DenseModelFloat"),
        (lt.Dense, PyDenseModelBitAcc, "DenseModelFixed"),
        (lt.Sparse, PySparseModelFloat, "SparseModelFloat"),
        (lt.Sparse, PySparseModelBitAcc, "SparseModelFixed"),
    ],
)
def test_the_class_itself_stands_for_the_compiled_one(process, model, compiled):
    dense = process(weights=np.eye(2), name="c")
    network = lt.compile(dense, lt.Loihi2SimCfg(exception_proc_model_map={process: model}))
    assert type(network.c).__name__ == compiled


class Doubling(PyDenseModelFloat):
    """Sends twice what it accumulated."""

    def run_spk(self):
        self.a_buff = 2 * self.a_buff
        super().run_spk()


def test_a_subclass_runs_as_it_is_written():
    found = []
    for model in (PyDenseModelFloat, Doubling):
        source = lt.io.source.RingBuffer(data=np.array([[1, 0, 1]]))
        dense = lt.Dense(weights=np.array([[3.0]]))
        sink = lt.io.sink.RingBuffer(shape=(1,), buffer=3)
        source.s_out.connect(dense.s_in)
        dense.a_out.connect(sink.a_in)
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={lt.Dense: model})
        dense.run(lt.RunSteps(3), run_cfg=cfg)
        found.append(sink.data.get().tolist())
        dense.stop()
    assert found == [[[0, 3, 0]], [[0, 6, 0]]]


def test_weights_that_are_set_later_are_taken_as_they_are():
    dense = lt.Dense(weights=np.array([[3.0, -5.0]]))
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={lt.Dense: sub(PyDenseModelBitAcc)})
    dense.run(lt.RunSteps(1), run_cfg=cfg)
    np.testing.assert_array_equal(dense.weights.get(), [[2, -6]])
    dense.weights.set(np.array([[7, -9]]))
    dense.run(lt.RunSteps(1), run_cfg=cfg)
    np.testing.assert_array_equal(dense.weights.get(), [[7, -9]])
    dense.stop()


@pytest.mark.parametrize("process", [lt.DelayDense, lt.DelaySparse])
def test_delays_past_those_of_loihi_are_refused(process):
    model = PyDelayDenseModelBitAcc if process is lt.DelayDense else PyDelaySparseModelBitAcc
    connection = process(weights=np.eye(2), delays=64, name="slow")
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={process: sub(model)})
    with pytest.raises(RuntimeError, match="slow") as raised:
        connection.run(lt.RunSteps(1), run_cfg=cfg)
    assert "in [0, 63] in fixed point; the largest is 64" in str(raised.value.__cause__)
    connection.stop()


def test_weights_by_delay(rng):
    weights, delays = rng.integers(-9, 9, (5, 4)), rng.integers(0, 4, (5, 4))
    by_delay = AbstractPyDelayDenseModel.get_delay_wgts_mat(weights, delays, 6)
    assert by_delay.shape == (7 * 5, 4)
    for k, block in enumerate(by_delay.reshape(7, 5, 4)):
        np.testing.assert_array_equal(block, np.where(delays == k, weights, 0))
    sparse = AbstractPyDelaySparseModel.get_delay_wgts_mat(
        scipy.sparse.csr_matrix(weights), scipy.sparse.csr_matrix(delays), 6
    )
    assert np.all(sparse == by_delay)
    one = AbstractPyDelaySparseModel.get_delay_wgts_mat(scipy.sparse.csr_matrix(weights), 2, 2)
    np.testing.assert_array_equal(one.toarray()[10:], weights)


def test_a_csr_of_ours_becomes_a_scipy_matrix():
    weights = lt.CSR.from_scipy(scipy.sparse.csr_matrix(np.array([[0, 2.0], [0, 0]])))
    sparse = lt.Sparse(weights=weights)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={sparse: sub(PySparseModelFloat)})
    sparse.run(lt.RunSteps(1), run_cfg=cfg)
    np.testing.assert_array_equal(sparse.weights.get().toarray(), [[0, 2], [0, 0]])
    sparse.stop()
