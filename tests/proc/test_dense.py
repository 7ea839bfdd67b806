"""Dense connections: timing, sign modes, exponents, messages, bad input."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lava_torch as lt
from lava_torch import SignMode


def send(dense: lt.Dense, data: np.ndarray, tag: str, **options) -> np.ndarray:
    source = lt.io.source.RingBuffer(data=data)
    sink = lt.io.sink.RingBuffer(shape=dense.a_out.shape, buffer=data.shape[-1])
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(sink.a_in)
    dense.run(lt.RunSteps(data.shape[-1]), run_cfg=lt.Loihi2SimCfg(select_tag=tag, **options))
    return sink.data.get()


def delayed(weights: np.ndarray, data: np.ndarray) -> np.ndarray:
    out = weights @ data
    return np.concatenate([np.zeros((len(weights), 1)), out[:, :-1]], axis=1)


def test_arrives_one_step_later(rng) -> None:
    weights, spikes = rng.normal(size=(4, 6)), rng.integers(0, 2, (6, 15))
    dense = lt.Dense(weights=weights)
    got = send(dense, spikes, "floating_pt", dtype="float64")
    np.testing.assert_allclose(got, delayed(weights, spikes), rtol=1e-12)
    np.testing.assert_allclose(dense.a_buff.get(), weights @ spikes[:, -1], rtol=1e-12)
    dense.stop()


@pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
@pytest.mark.parametrize("bits", [0, 8], ids=["binary", "graded"])
def test_messages(rng, tag, bits) -> None:
    weights = rng.integers(-60, 60, (4, 6)) * 2
    messages = rng.integers(-5, 6, (6, 15))
    dense = lt.Dense(weights=weights, num_message_bits=bits)
    want = messages if bits else messages != 0
    np.testing.assert_array_equal(send(dense, messages, tag), delayed(weights, want))
    dense.stop()


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    bits=st.integers(1, 8),
    exponent=st.integers(-6, 6),
    mode=st.sampled_from([None, *SignMode]),
)
def test_fixed_point_weights(seed, bits, exponent, mode) -> None:
    rng = np.random.default_rng(seed)
    weights, spikes = rng.integers(-256, 256, (3, 5)), rng.integers(0, 2, (5, 8))
    extra = {} if mode is None else {"sign_mode": mode}
    dense = lt.Dense(weights=weights, num_weight_bits=bits, weight_exp=exponent, **extra)
    got = send(dense, spikes, "fixed_pt")

    mode = mode or SignMode.MIXED
    low = {SignMode.MIXED: -256, SignMode.INHIBITORY: -255}.get(mode, 0)
    high = 0 if mode == SignMode.INHIBITORY else 255
    held = np.clip(weights, low, high)
    cut = 8 - bits + (mode == SignMode.MIXED)
    held = -((-held >> cut) << cut) if mode == SignMode.INHIBITORY else (held >> cut) << cut
    np.testing.assert_array_equal(dense.weights.get(), held)
    summed = delayed(held, spikes).astype(int)
    want = summed << exponent if exponent > 0 else summed >> -exponent
    np.testing.assert_array_equal(got, want)
    dense.stop()


def test_weights_before_and_after_the_first_step() -> None:
    dense = lt.Dense(weights=np.array([[3, -5.7]]))
    dense.create_runtime(lt.Loihi2SimCfg(select_tag="fixed_pt"))
    np.testing.assert_array_equal(dense.weights.get(), [[3, -5]])
    dense.run(lt.RunSteps(1))
    np.testing.assert_array_equal(dense.weights.get(), [[2, -6]])
    dense.weights.set(np.array([[3, 7]]))  # taken as it is, as in Lava
    dense.run(lt.RunSteps(1))
    np.testing.assert_array_equal(dense.weights.get(), [[3, 7]])
    dense.stop()


def test_large_graded_messages_are_exact() -> None:
    weights = np.full((1, 300), 254)
    messages = np.full((300, 3), 2**20 - 1)
    dense = lt.Dense(weights=weights, num_message_bits=24)
    got = send(dense, messages, "fixed_pt")
    want = np.int64(300 * 254) * (2**20 - 1)
    assert got[0, -1] == ((want + 2**31) % 2**32) - 2**31  # int32, wrapped
    dense.stop()


def test_new_weights_count_at_once() -> None:
    dense = lt.Dense(weights=np.array([[2]]))
    source = lt.io.source.RingBuffer(data=np.ones((1, 1)))
    source.s_out.connect(dense.s_in)
    dense.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    dense.weights.set(np.array([[10]]))
    dense.run(lt.RunSteps(1))
    assert dense.a_buff.get()[0] == 10
    state = dense.runtime.network.state_dict()
    state[f"{dense.name}.weights"] = torch.tensor([[20]], dtype=torch.int32)
    dense.runtime.network.load_state_dict(state, assign=True)
    dense.run(lt.RunSteps(1))
    assert dense.a_buff.get()[0] == 20
    dense.stop()


@pytest.mark.parametrize("shape", [(1, 1), (0, 3), (3, 0)], ids=str)
@pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
def test_small_shapes(shape, tag) -> None:
    dense = lt.Dense(weights=np.zeros(shape), sign_mode=SignMode.MIXED)
    dense.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
    assert dense.a_buff.get().shape == shape[:1]
    dense.stop()


def test_weights_may_be_a_tensor_that_is_trained() -> None:
    weights = torch.nn.Parameter(torch.tensor([[1.0, 2.0]]))
    dense = lt.Dense(weights=weights)
    np.testing.assert_array_equal(dense.weights.init, [[1, 2]])


def test_sparse_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sparse matrix of shape \(2, 2\).*toarray"):
        lt.Dense(weights=scipy.sparse.eye(2, format="csr"))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf], ids=str)
def test_weights_that_are_not_finite(bad) -> None:
    weights = np.zeros((2, 3))
    weights[1, 2] = bad
    with pytest.raises(ValueError, match=r"Dense 'd': 1 of its weights.*\(1, 2\)"):
        lt.Dense(weights=weights, name="d")
    dense = lt.Dense(weights=np.zeros((2, 3)), name="d")
    dense.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
    with pytest.raises(ValueError, match="'weights' of Process 'd'.*finite"):
        dense.weights.set(weights)
    dense.stop()


@pytest.mark.parametrize("weights", [np.zeros(3), np.zeros((1, 2, 3)), 5], ids=["1d", "3d", "0d"])
def test_weights_that_are_not_2d(weights) -> None:
    with pytest.raises(ValueError, match="2-D"):
        lt.Dense(weights=weights)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"weights": np.array([[300]])}, r"'weights' of Process 'd'.*\[-256, 255\]"),
        ({"weights": np.array([[-257]])}, r"\[-256, 255\]"),
        ({"weights": np.eye(1), "num_weight_bits": 9}, r"'num_weight_bits'.*\[0, 8\]"),
        ({"weights": np.eye(1), "weight_exp": 0.5}, "'weight_exp'.*whole number"),
        ({"weights": np.eye(1), "num_message_bits": 33}, r"'num_message_bits'.*\[0, 32\]"),
    ],
)
def test_fixed_point_ranges(kwargs, message) -> None:
    dense = lt.Dense(name="d", **kwargs)
    with pytest.raises(lt.VarValueError, match=message):
        lt.compile(dense, lt.Loihi2SimCfg(select_tag="fixed_pt"))


def test_a_copy_does_not_compute_with_weights_of_before() -> None:
    dense = lt.Dense(weights=np.array([[10]]), name="d")
    lt.io.source.RingBuffer(data=np.ones((1, 1))).s_out.connect(dense.s_in)
    network = lt.compile(dense, lt.Loihi2SimCfg(select_tag="fixed_pt"))
    for weight in (20, 30):  # a copy's tensors count anew how often they were written to
        network.get_submodule("d").set_var("weights", np.array([[weight]]))
    network(steps=2)
    copied = copy.deepcopy(network)
    copied.get_submodule("d").set_var("weights", np.array([[40]]))
    assert copied(steps=2, record=["d.a_buff"])["d.a_buff"][-1] == 40


@pytest.mark.parametrize("assign", [False, True], ids=["copied", "assigned"])
def test_loaded_message_bits_count_at_once(assign) -> None:
    dense = lt.Dense(weights=np.array([[10]]), name="d")
    lt.io.source.RingBuffer(data=np.full((1, 1), 3)).s_out.connect(dense.s_in)
    network = lt.compile(dense, lt.Loihi2SimCfg())
    state = network.state_dict() | {"d.num_message_bits": torch.tensor([8.0])}
    network.load_state_dict(state, assign=assign)
    assert network(steps=2, record=["d.a_buff"])["d.a_buff"][-1] == 30


def test_an_exponent_that_is_no_number() -> None:
    dense = lt.Dense(weights=np.eye(2), weight_exp=np.array([1, 2]), name="d")
    with pytest.raises(lt.VarValueError, match="'weight_exp' of Process 'd'.*one whole number"):
        lt.compile(dense, lt.Loihi2SimCfg(select_tag="fixed_pt"))
