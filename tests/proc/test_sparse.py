"""Sparse connections: what they take, what they send, bad input."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sending import TAGS, later, sent

import lava_torch as lt
from lava_torch import SignMode

FORMS = {
    "array": np.asarray,
    "float16": lambda w: w.astype(np.float16),
    "tensor": torch.from_numpy,
    "csr": scipy.sparse.csr_matrix,
    "csc": scipy.sparse.csc_matrix,
    "coo": scipy.sparse.coo_matrix,
    "lil": scipy.sparse.lil_matrix,
    "csr array": scipy.sparse.csr_array,
    "CSR": lambda w: lt.CSR.from_scipy(scipy.sparse.csr_matrix(w)),
    "CSR float16": lambda w: lt.CSR.from_scipy(scipy.sparse.csr_matrix(w.astype(np.float32))),
}
FORMS["CSR float16"] = lambda w: FORMS["CSR"](w).with_values(FORMS["CSR"](w).values.half())


#: What an unroll is to return of the networks of `recurrent`.
SPIKES = ["out.s_out"]


def some(rng, shape=(4, 6), density=0.5):
    """Even whole weights, which fixed point holds too."""
    return rng.integers(-60, 61, shape) * 2.0 * (rng.random(shape) < density)


def compiled(process, tag="floating_pt", **options):
    return lt.compile(process, lt.Loihi2SimCfg(select_tag=tag, **options))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("tag", TAGS)
def test_forms_of_weights(rng, form, tag) -> None:
    weights, spikes = some(rng), rng.integers(0, 2, (6, 15))
    got = sent(lt.Sparse(weights=form(weights), sign_mode=SignMode.MIXED), spikes, tag)
    np.testing.assert_array_equal(got, later(weights @ spikes))


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("bits", [0, 8], ids=["binary", "graded"])
def test_messages(rng, tag, bits) -> None:
    weights, messages = some(rng), rng.integers(-5, 6, (6, 15))
    sparse = lt.Sparse(weights=weights, num_message_bits=bits, sign_mode=SignMode.MIXED)
    want = messages if bits else messages != 0
    np.testing.assert_array_equal(sent(sparse, messages, tag), later(weights @ want))


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    density=st.sampled_from([0.0, 0.2, 1.0]),
    bits=st.integers(1, 8),
    exponent=st.integers(-6, 6),
    mode=st.sampled_from([None, *SignMode]),
    tag=st.sampled_from(TAGS),
    seed=st.integers(0, 10**6),
)
def test_equals_dense(shape, density, bits, exponent, mode, tag, seed) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-256, 256, shape) * (rng.random(shape) < density)
    messages = rng.integers(-3, 4, (shape[1], 6))
    options = {"num_weight_bits": bits, "weight_exp": exponent, "num_message_bits": 4}
    options |= {} if mode is None else {"sign_mode": mode}
    got = sent(lt.Sparse(weights=weights, **options), messages, tag)
    np.testing.assert_array_equal(got, sent(lt.Dense(weights=weights, **options), messages, tag))


@pytest.mark.parametrize("tag", TAGS)
def test_a_batch_equals_single_runs(rng, tag) -> None:
    sparse = lt.Sparse(weights=some(rng), sign_mode=SignMode.MIXED, name="sparse")
    network = compiled(sparse, tag)
    spikes = torch.from_numpy(rng.integers(0, 2, (8, 3, 6)))
    out = network({"sparse": spikes})["sparse"]
    assert out.shape == (8, 3, 4) and out.any()
    for item in range(3):
        alone = network({"sparse": spikes[:, item]})["sparse"]
        assert torch.equal(out[:, item], alone)


class TestVar:
    @pytest.mark.parametrize("form", ["csr", "CSR"])
    def test_get_and_set(self, rng, form) -> None:
        weights = some(rng)
        sparse = lt.Sparse(weights=FORMS[form](weights))
        np.testing.assert_array_equal(
            sparse.weights.get((slice(None), 2)).toarray().ravel(), weights[:, 2]
        )
        sparse.create_runtime(lt.Loihi2SimCfg())
        held = sparse.weights.get()
        assert scipy.sparse.issparse(held) and held.format == "csr" and held.dtype == np.float64
        np.testing.assert_array_equal(held.toarray(), weights)
        sparse.weights.set(held * 3)
        np.testing.assert_array_equal(sparse.weights.get().toarray(), 3 * weights)
        sparse.weights.set(FORMS["CSR"](weights))
        np.testing.assert_array_equal(sparse.weights.get().toarray(), weights)
        sparse.stop()

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (scipy.sparse.eye(4, 6), "stored positions"),
            (scipy.sparse.csr_matrix((6, 4)), "stored positions"),
            (np.ones((4, 6)), "Pass a scipy.sparse matrix"),
        ],
        ids=["positions", "shape", "array"],
    )
    def test_other_positions_are_refused(self, rng, value, message) -> None:
        weights = some(rng)
        sparse = lt.Sparse(weights=weights, name="s")
        sparse.create_runtime(lt.Loihi2SimCfg())
        with pytest.raises(lt.VarValueError, match=f"'weights' of Process 's'.*{message}"):
            sparse.weights.set(value)
        with pytest.raises(lt.VarValueError, match="as a whole, not at index 0"):
            sparse.weights.set(sparse.weights.get(), 0)
        np.testing.assert_array_equal(sparse.weights.get().toarray(), weights)
        sparse.stop()

    def test_set_counts_at_once_and_leaves_what_was_given(self) -> None:
        given = FORMS["CSR"](np.array([[2.0]])).with_values(torch.tensor([2.0]))
        sparse = lt.Sparse(weights=given)
        source = lt.io.source.RingBuffer(data=np.ones((1, 1)))
        source.s_out.connect(sparse.s_in)
        sparse.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
        sparse.weights.set(scipy.sparse.csr_matrix([[10.0]]))
        sparse.run(lt.RunSteps(1))
        assert sparse.a_buff.get()[0] == 10
        assert given.values.item() == 2
        sparse.stop()

    def test_truncated_to_zero_stays_stored(self) -> None:
        sparse = lt.Sparse(weights=scipy.sparse.csr_matrix([[1, -1, 8]]), num_weight_bits=6)
        sparse.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
        held = sparse.weights.get()
        assert held.nnz == 3
        np.testing.assert_array_equal(held.toarray(), [[0, -8, 8]])
        sparse.stop()

    def test_a_stored_zero_is_a_synapse(self) -> None:
        matrix = scipy.sparse.csr_matrix((np.zeros(2), [0, 1], [0, 2]), shape=(1, 2))
        network = compiled(lt.Sparse(weights=matrix, name="s"), trainable=True)
        network({"s": torch.ones(2, 2)})["s"].sum().backward()
        np.testing.assert_array_equal(network.s.weights.grad, [1, 1])

    def test_repeated_entries_are_summed(self) -> None:
        matrix = scipy.sparse.coo_matrix(([1.0, 2.0], ([0, 0], [1, 1])), shape=(1, 2))
        network = compiled(lt.Sparse(weights=matrix, name="s"))
        np.testing.assert_array_equal(network.s.get_var("weights").toarray(), [[0, 3]])


class TestModel:
    def test_what_is_a_buffer(self, rng) -> None:
        matrix = scipy.sparse.csr_matrix(some(rng))
        network = compiled(lt.Sparse(weights=matrix, name="s"), trainable=True)
        assert {"s.weights", "s.a_buff"} <= set(network.state_dict())
        assert not any("ind" in name for name in network.state_dict())
        csr = network.s.csr("weights")
        assert csr.values is network.s.weights and csr.values.requires_grad
        assert csr.indices.dtype == torch.uint16 and csr.shape == (4, 6)
        assert {"weights_indptr", "weights_indices"} <= dict(network.s.named_buffers()).keys()
        moved = copy.deepcopy(network).to("meta").s.csr("weights")
        assert moved.indices.device.type == moved.indptr.device.type == "meta"

    def test_a_csr_is_not_copied_but_for_its_values(self, rng) -> None:
        csr = FORMS["CSR"](some(rng).astype(np.float32))
        held = compiled(lt.Sparse(weights=csr, name="s")).s.csr("weights")
        assert held.indices.data_ptr() == csr.indices.data_ptr()
        assert held.indptr.data_ptr() == csr.indptr.data_ptr()
        assert held.values.data_ptr() != csr.values.data_ptr()

    def test_double(self, rng) -> None:
        network = compiled(lt.Sparse(weights=some(rng), name="s")).double()
        assert network(steps=2)["s"].dtype == torch.float64

    def test_a_large_network(self) -> None:
        n = 100_000  # 40 GB, if it were dense
        ring = lt.CSR(
            torch.arange(n + 1),
            torch.arange(n, dtype=torch.int32).roll(1),
            torch.ones(n),
            (n, n),
        )
        network = compiled(lt.Sparse(weights=ring, name="s"), trainable=True)
        x = torch.zeros(2, n)
        x[0, 5] = 1
        out = network({"s": x})["s"]
        out.sum().backward()
        assert out[1].nonzero().item() == 4 and network.s.weights.grad.nonzero().item() == 5


def recurrent(rng, form=scipy.sparse.csr_matrix, scale=1.0) -> lt.AbstractProcess:
    first = lt.Sparse(weights=form(rng.normal(0, scale, (4, 4))), name="first")
    lif = lt.LIF(shape=(4,), vth=1.0, du=0.5, dv=0.1, name="out")
    mask = rng.random((4, 4)) < 0.5
    back = lt.Sparse(weights=form(rng.normal(0, scale / 2, (4, 4)) * mask), name="back")
    first.a_out.connect(lif.a_in)
    lif.s_out.connect(back.s_in)
    back.a_out.connect(lif.a_in)
    return lif


class TestTraining:
    def test_gradient_through_an_unrolled_network(self, rng) -> None:
        cfg = {
            "trainable": True,
            "dtype": "float64",
            "surrogate": lt.surrogate.Smooth(lt.surrogate.FastSigmoid()),
        }
        network = compiled(recurrent(rng), **cfg)
        names = [name for name, _ in network.named_parameters()]
        x = torch.from_numpy(rng.random((6, 2, 4)))

        def unrolled(*values):
            parameters = dict(zip(names, values, strict=True))
            return torch.func.functional_call(
                network, parameters, ({"first": x}, None, ["out.s_out"])
            )["out.s_out"]

        values = [p.detach().clone().requires_grad_() for p in network.parameters()]
        assert len(values) == 2
        assert torch.autograd.gradcheck(unrolled, values)

    def test_gradients_are_those_of_dense(self, rng) -> None:
        x = torch.from_numpy(rng.random((6, 2, 4)) < 0.5).float()
        weights = rng.normal(0, 1, (4, 4))
        grads = []
        for make in (lt.Sparse, lt.Dense):
            connection = make(weights=weights, name="c")
            lif = lt.LIF(shape=(4,), vth=1.0, name="out")
            connection.a_out.connect(lif.a_in)
            network = compiled(lif, trainable=True)
            network({"c": x})["out"].sum().backward()
            grad = network.c.weights.grad
            grads.append(network.c.as_var("weights", grad.numpy()))
        np.testing.assert_allclose(grads[0].toarray(), grads[1], rtol=1e-5)

    def test_deployed_in_floating_point(self, rng) -> None:
        network = compiled(recurrent(rng), trainable=True)
        with torch.no_grad():
            network.first.weights.mul_(1.25)
        x = torch.from_numpy(rng.random((20, 3, 4)) < 0.4).float()
        again = lt.deploy(network).compile()
        with torch.no_grad():
            want = network({"first": x}, record=SPIKES)["out.s_out"]
            got = again({"first": x}, record=SPIKES)["out.s_out"]
            assert want.any() and torch.equal(got, want)

    def test_quantized_training_deploys_bit_by_bit(self, rng) -> None:
        network = lt.quantize(compiled(recurrent(rng), trainable=True))
        x = torch.from_numpy(rng.random((20, 3, 4)) < 0.4).float()
        before = network.first.weights.detach().clone()
        spikes = network({"first": x}, record=SPIKES)["out.s_out"]
        spikes.sum(0).sub(5).square().mean().backward()
        torch.optim.Adam(network.parameters(), lr=0.7).step()
        assert (network.first.weights - before).abs().max() > 0.5
        fixed = lt.deploy(network, fixed_point=True).compile()
        record = ["out.s_out", "out.v", "first.a_out", "back.a_out"]
        with torch.no_grad():
            trained = network({"first": x}, record=record)
            deployed = fixed({"first": x.int()}, record=record)
        assert trained["out.s_out"].any()
        for name in record:
            assert torch.equal(trained[name].double(), deployed[name].double()), name

    def test_deployed_in_fixed_point(self, rng) -> None:
        network = compiled(recurrent(rng))
        deployment = lt.deploy(network, fixed_point=True)
        held = deployment.first.weights.init
        assert scipy.sparse.issparse(held) and np.abs(held.data).max() == 254
        want = network.first.get_var("weights").toarray() * deployment.scales["first"]
        grid = 2.0 ** (deployment.first.proc_params["weight_exp"] + 1)
        assert np.abs(held.toarray() * grid / 2 - want).max() <= grid / 2


def bad_csr(name: str) -> lt.CSR:
    indptr, indices, shape = {
        "unsorted": ([0, 2], [1, 0], (3, 1)),
        "repeated": ([0, 2], [1, 1], (3, 1)),
        "out of range": ([0, 2], [1, 3], (3, 1)),
        "short": ([0, 1], [1, 2], (3, 1)),
        "falling": ([0, 2, 1, 2], [0, 1], (3, 3)),
    }[name]
    return lt.CSR(
        torch.tensor(indptr), torch.tensor(indices).to(torch.uint16), torch.ones(2), shape
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unsorted", "ascend without repeats.*presynaptic neuron 0"),
        ("repeated", "ascend without repeats.*1 is followed by 1"),
        ("out of range", r"in \[0, 3\).*they are in \[1, 3\]"),
        ("short", "rise from 0 to the number of synapses, 2"),
        ("falling", "falls 1 times"),
    ],
)
def test_csr_that_is_not_canonical(name, message) -> None:
    sparse = lt.Sparse(weights=bad_csr(name), name="s")
    with pytest.raises(lt.VarInitError, match=f"'weights' of Process 's'.*{message}"):
        compiled(sparse)


@pytest.mark.parametrize("bad", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("form", ["array", "csc", "CSR"])
def test_weights_that_are_not_finite(form, bad) -> None:
    weights = np.zeros((2, 3))
    weights[0] = 1, bad, 2
    with pytest.raises(ValueError, match=r"Sparse 's': 1 of the 3 stored weights.*\(2, 3\)"):
        lt.Sparse(weights=FORMS[form](weights), name="s")
    sparse = lt.Sparse(weights=FORMS[form](np.where(np.isfinite(weights), weights, 5)), name="s")
    sparse.create_runtime(lt.Loihi2SimCfg())
    with pytest.raises(lt.VarValueError, match="'weights' of Process 's'.*finite"):
        sparse.weights.set(scipy.sparse.csr_matrix(weights))
    sparse.stop()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(3), "2-D"),
        (np.zeros((1, 2, 3)), "2-D"),
        (5, "2-D"),
        (scipy.sparse.coo_array(np.ones(3)), r"2-D.*\(3,\)"),
        (np.ones((1, 2)) * 1j, "real numbers.*complex"),
        ([["a"]], "real numbers"),
        (scipy.sparse.csr_matrix([[1j]]), "real numbers.*complex"),
    ],
    ids=["1d", "3d", "0d", "1d sparse", "complex", "text", "complex sparse"],
)
def test_weights_that_are_no_matrix(weights, message) -> None:
    with pytest.raises(ValueError, match=f"Sparse 's': .*{message}"):
        lt.Sparse(weights=weights, name="s")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"weights": np.array([[300]])}, r"'weights' of Process 's'.*\[-256, 255\]"),
        ({"weights": np.eye(1), "num_weight_bits": 9}, r"'num_weight_bits'.*\[0, 8\]"),
        ({"weights": np.eye(1), "weight_exp": 0.5}, "'weight_exp'.*whole number"),
        ({"weights": np.eye(1), "sign_mode": "both"}, "'sign_mode'.*both"),
        ({"weights": np.eye(1), "num_message_bits": 33}, r"'num_message_bits'.*\[0, 32\]"),
    ],
    ids=["weight", "bits", "exponent", "sign mode", "message bits"],
)
def test_fixed_point_ranges(kwargs, message) -> None:
    with pytest.raises(lt.VarValueError, match=message):
        compiled(lt.Sparse(name="s", **kwargs), "fixed_pt")


def test_loaded_values_are_checked(rng) -> None:
    network = compiled(lt.Sparse(weights=some(rng), name="s"))
    state = network.state_dict()
    state["s.weights"] = torch.full_like(state["s.weights"], torch.nan)
    with pytest.raises(RuntimeError, match="'weights' of Process 's'.*finite"):
        network.load_state_dict(state)


@pytest.mark.parametrize("stepper", ["table", "eager"])
def test_weights_of_16_bits_stay_so(stepper):
    weights = lt.connectivity.bernoulli(20, 30, 0.4, weight=0.3, dtype=torch.float16)
    source = lt.io.source.RingBuffer(data=np.ones((20, 1)))
    sparse, sink = lt.Sparse(weights=weights), lt.io.sink.RingBuffer(shape=(30,), buffer=3)
    source.s_out.connect(sparse.s_in)
    sparse.a_out.connect(sink.a_in)
    sparse.run(lt.RunSteps(3), run_cfg=lt.Loihi2SimCfg(stepper=stepper))
    assert sparse.model.weights.dtype == torch.float16
    expected = weights.to_scipy().astype(np.float32).toarray().sum(1)
    np.testing.assert_allclose(sink.data.get()[:, 2], expected, rtol=1e-6)
    assert sparse.weights.get().dtype == np.float64
    sparse.stop()
    trained = lt.compile(sparse, lt.Loihi2SimCfg(trainable=True))
    assert next(trained.parameters()).dtype == torch.float32


def test_weights_of_bfloat16():
    weights = lt.connectivity.bernoulli(20, 30, 0.4, weight=0.5, dtype=torch.bfloat16)
    network = compiled(lt.Sparse(weights=weights, name="s"))
    values = network.get_submodule("s").get_var("weights").data
    assert (values == 0.5).all() and weights.to_scipy().nnz == len(values) == weights.nnz


@pytest.mark.parametrize("stepper", ["table", "layers", "eager"])
def test_indices_that_were_written_to_are_looked_at(stepper):
    weights = lt.connectivity.one_to_one(3)
    sparse = lt.Sparse(weights=weights, name="s")
    lt.io.source.RingBuffer(data=np.ones((3, 1))).s_out.connect(sparse.s_in)
    sparse.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(stepper=stepper))
    weights.indices.fill_(60_000)
    with pytest.raises(RuntimeError, match=r"'weights' of Process 's'.*\[0, 3\)"):
        sparse.run(lt.RunSteps(1))
    weights.indices.copy_(torch.arange(3).to(torch.uint16))
    sparse.run(lt.RunSteps(1))
    np.testing.assert_array_equal(sparse.a_buff.get(), np.ones(3))
    sparse.stop()


def test_a_csr_in_steps_is_laid_side_by_side():
    indices = torch.tensor([0, 9, 1, 9], dtype=torch.int32).to(torch.uint16)[::2]
    values = torch.tensor([1.0, 9.0, 2.0, 9.0])[::2]
    sparse = lt.Sparse(weights=lt.CSR(torch.tensor([0, 1, 2]), indices, values, (2, 2)))
    lt.io.source.RingBuffer(data=np.ones((2, 1))).s_out.connect(sparse.s_in)
    sparse.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(stepper="table"))
    sparse.model.weights = torch.tensor([3.0, 9.0, 4.0, 9.0])[::2]
    sparse.run(lt.RunSteps(1))
    np.testing.assert_array_equal(sparse.a_buff.get(), [3, 4])
    sparse.stop()
