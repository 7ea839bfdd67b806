"""Connections with delays, dense and sparse."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sending import TAGS, later, sent

import lava_torch as lt
from lava_torch import SignMode

CLASSES = [lt.DelayDense, lt.DelaySparse]


def compiled(process, tag="floating_pt", **options):
    return lt.compile(process, lt.Loihi2SimCfg(select_tag=tag, **options))


def arriving(weights, delays, messages, exponent=0) -> np.ndarray:
    """By definition: each delay's sum, shifted, then moved by it and one more step."""
    sums = [np.where(delays == d, weights, 0) @ messages for d in range(int(delays.max()) + 1)]
    shifted = [np.floor(each * 2.0**exponent) if exponent else each for each in sums]
    return sum(later(each, d + 1) for d, each in enumerate(shifted))


def example(rng, shape=(4, 6), longest=3):
    """Even whole weights, which fixed point holds too; a third of them is zero."""
    weights = rng.integers(-60, 61, shape) * 2 * (rng.random(shape) < 0.7)
    return weights, rng.integers(0, longest + 1, shape)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("bits", [0, 8], ids=["binary", "graded"])
def test_arrives_after_its_delay(rng, cls, tag, bits) -> None:
    weights, delays = example(rng)
    messages = rng.integers(-5, 6, (6, 15))
    process = cls(weights=weights, delays=delays, num_message_bits=bits)
    want = arriving(weights, delays, messages if bits else messages != 0)
    np.testing.assert_array_equal(sent(process, messages, tag), want)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    longest=st.sampled_from([0, 1, 5, 63]),
    density=st.sampled_from([0.0, 0.3, 1.0]),
    bits=st.integers(1, 8),
    exponent=st.integers(-6, 6),
    mode=st.sampled_from([None, *SignMode]),
    tag=st.sampled_from(TAGS),
    seed=st.integers(0, 10**6),
)
def test_dense_equals_sparse(shape, longest, density, bits, exponent, mode, tag, seed) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(-256, 256, shape) * (rng.random(shape) < density)
    delays, spikes = rng.integers(0, longest + 1, shape), rng.integers(0, 2, (shape[1], 6))
    options = {"num_weight_bits": bits, "weight_exp": exponent, "max_delay": longest}
    options |= {} if mode is None else {"sign_mode": mode}
    got = [sent(cls(weights=weights, delays=delays, **options), spikes, tag) for cls in CLASSES]
    np.testing.assert_array_equal(got[0], got[1])


@pytest.mark.parametrize("cls", CLASSES)
def test_the_exponent_shifts_the_sum_of_each_delay(rng, cls) -> None:
    weights, delays = example(rng)
    spikes = rng.integers(0, 2, (6, 15))
    process = cls(weights=weights, delays=delays, weight_exp=-3, sign_mode=SignMode.MIXED)
    want = arriving(weights, delays, spikes, -3)
    np.testing.assert_array_equal(sent(process, spikes, "fixed_pt"), want)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("delay", [0, 2, np.int64(2)], ids=repr)
def test_one_delay_for_all(rng, cls, delay) -> None:
    weights, _ = example(rng)
    spikes = rng.integers(0, 2, (6, 15))
    process = cls(weights=weights, delays=delay)
    assert process.a_buff.shape == (4, int(delay) + 1)
    got = sent(process, spikes, "floating_pt")
    np.testing.assert_array_equal(got, later(weights @ spikes, int(delay) + 1))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("longest", [9, 300], ids=["uint8", "int32"])
def test_vars(rng, cls, longest) -> None:
    weights, delays = example(rng)
    process = cls(weights=weights, delays=delays, max_delay=longest)
    assert process.delays.shape == (4, 6) and process.a_buff.shape == (4, longest + 1)
    process.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
    held = process.delays.get()
    if cls is lt.DelaySparse:
        held, delays = held.toarray(), np.where(weights != 0, delays, 0)
    np.testing.assert_array_equal(held, delays)
    assert process.a_buff.get().shape == (4, longest + 1)
    process.stop()


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("tag", TAGS)
def test_column_0_is_sent_next(cls, tag) -> None:
    process = cls(weights=np.array([[2, 4]]), delays=np.array([[0, 2]]))
    source = lt.io.source.RingBuffer(data=np.array([[1, 0, 0], [1, 0, 0]]))
    source.s_out.connect(process.s_in)
    seen = []
    for _ in range(3):
        process.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
        seen.append(process.a_buff.get().tolist())
    assert seen == [[[2, 0, 4]], [[0, 4, 0]], [[4, 0, 0]]]
    process.stop()


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("tag", TAGS)
def test_a_batch_equals_single_runs(rng, cls, tag) -> None:
    weights, delays = example(rng)
    network = compiled(cls(weights=weights, delays=delays, name="c"), tag)
    spikes = torch.from_numpy(rng.integers(0, 2, (8, 3, 6)))
    out = network({"c": spikes})["c"]
    assert out.any()
    for item in range(3):
        assert torch.equal(out[:, item], network({"c": spikes[:, item]})["c"])


def test_dense_weights_lie_by_presynaptic_neuron(rng) -> None:
    weights, delays = example(rng)
    model = compiled(lt.DelayDense(weights=weights, delays=delays, name="c")).c
    assert model.weights.t().is_contiguous() and model.delays.t().is_contiguous()


class TestSparseDelays:
    def test_missing_entries_are_delay_0(self, rng) -> None:
        weights, delays = example(rng)
        spikes = rng.integers(0, 2, (6, 15))
        process = lt.DelaySparse(
            weights=scipy.sparse.coo_matrix(weights), delays=scipy.sparse.csc_matrix(delays)
        )
        got = sent(process, spikes, "floating_pt")
        np.testing.assert_array_equal(got, arriving(weights, delays, spikes))

    def test_entries_where_there_is_no_synapse(self) -> None:
        weights, delays = scipy.sparse.csr_matrix([[0, 3]]), scipy.sparse.csr_matrix([[4, 1]])
        process = lt.DelaySparse(weights=weights, delays=delays)
        assert process.a_buff.shape == (1, 5)
        process.create_runtime(lt.Loihi2SimCfg())
        held = process.delays.get()
        assert held.nnz == 1 and held[0, 1] == 1
        process.stop()

    def test_no_entries_at_all(self, rng) -> None:
        weights, _ = example(rng)
        none = scipy.sparse.csr_matrix(weights.shape, dtype=np.int64)
        process = lt.DelaySparse(weights=weights, delays=none, max_delay=2)
        spikes = rng.integers(0, 2, (6, 5))
        np.testing.assert_array_equal(sent(process, spikes, "floating_pt"), later(weights @ spikes))

    @pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64], ids=str)
    def test_csr(self, rng, dtype) -> None:
        weights, delays = example(rng)
        synapses = lt.CSR.from_scipy(scipy.sparse.csr_matrix(weights))
        late = synapses.to_scipy().astype(bool).multiply(delays).tocsr()
        keyed = lt.CSR.from_scipy(scipy.sparse.csr_matrix(late))
        spikes = rng.integers(0, 2, (6, 15))
        process = lt.DelaySparse(weights=synapses, delays=keyed.with_values(keyed.values.to(dtype)))
        got = sent(process, spikes, "floating_pt")
        np.testing.assert_array_equal(got, arriving(weights, delays, spikes))

    def test_both_share_their_positions(self, rng) -> None:
        weights, delays = example(rng)
        model = compiled(lt.DelaySparse(weights=weights, delays=delays, name="c")).c
        assert model.csr("delays").indices is model.csr("weights").indices
        assert model.delays.dtype == torch.uint8


@pytest.mark.parametrize("cls", CLASSES)
def test_setting_delays(rng, cls) -> None:
    weights, delays = np.ones((4, 6)), rng.integers(0, 4, (4, 6))
    process = cls(weights=weights, delays=delays, max_delay=3, name="c")
    process.create_runtime(lt.Loihi2SimCfg())
    form = scipy.sparse.csr_matrix if cls is lt.DelaySparse else np.asarray

    def held():
        value = process.delays.get()
        return value.toarray() if cls is lt.DelaySparse else value

    process.delays.set(form(3 - delays))
    np.testing.assert_array_equal(held(), 3 - delays)
    for bad, message in [(delays + 4, r"in \[0, 3\], its max_delay"), (-1 - delays, r"\[0, 3\]")]:
        with pytest.raises(lt.VarValueError, match=f"'delays' of Process 'c'.*{message}"):
            process.delays.set(form(bad))
    with pytest.raises(lt.VarValueError, match="'delays' of Process 'c'.*whole"):
        process.delays.set(form(delays + 0.5))
    with pytest.raises(lt.VarValueError, match="'delays' of Process 'c'"):
        process.delays.set(form(np.ones((5, 6))))
    np.testing.assert_array_equal(held(), 3 - delays)
    process.stop()


@pytest.mark.parametrize("stepper", ["table", "layers", "eager"])
@pytest.mark.parametrize("cls", CLASSES)
def test_delays_that_were_written_to_are_looked_at(cls, stepper) -> None:
    process = cls(weights=np.ones((3, 3)), delays=1, max_delay=2, name="c")
    process.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(stepper=stepper))
    kept = process.model.delays
    kept.fill_(200)
    with pytest.raises(RuntimeError, match=r"'delays' of Process 'c'.*\[0, 2\]"):
        process.run(lt.RunSteps(1))
    process.model.delays = torch.zeros(1, dtype=kept.dtype)
    with pytest.raises(RuntimeError, match="'delays' of Process 'c'"):
        process.run(lt.RunSteps(1))
    process.model.delays = kept.fill_(0)
    process.run(lt.RunSteps(1))
    process.stop()


def test_setting_sparse_delays_to_an_array(rng) -> None:
    weights, delays = example(rng)
    process = lt.DelaySparse(weights=weights, delays=delays)
    process.create_runtime(lt.Loihi2SimCfg())
    with pytest.raises(lt.VarValueError, match="Pass a scipy.sparse matrix"):
        process.delays.set(delays)
    process.stop()


BAD_DELAYS = {
    "negative": (np.array([[0, -1]]), {}, r"not be negative; they are in \[-1, 0\]"),
    "negative int": (-2, {}, "not be negative"),
    "above": (np.array([[0, 5]]), {"max_delay": 4}, r"above max_delay=4; they are in \[0, 5\]"),
    "int above": (5, {"max_delay": 4}, "above max_delay=4"),
    "float": (np.array([[0.0, 1.0]]), {}, "int64; got dtype float64"),
    "float number": (1.0, {}, "int64; got dtype float64"),
    "int32": (np.array([[0, 1]], np.int32), {}, "int64; got dtype int32"),
    "shape": (np.array([[0], [1]]), {}, r"shape \(2, 1\) do not fit.*\(1, 2\)"),
    "max_delay": (1, {"max_delay": -1}, "max_delay must be a whole number"),
    "fraction": (1, {"max_delay": 1.5}, "max_delay must be a whole number"),
}


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("case", BAD_DELAYS.values(), ids=BAD_DELAYS)
def test_bad_delays(cls, case) -> None:
    delays, options, message = case
    with pytest.raises(ValueError, match=f"{cls.__name__} 'c': .*{message}"):
        cls(weights=np.array([[1, 2]]), delays=delays, name="c", **options)


@pytest.mark.parametrize("form", [scipy.sparse.csr_matrix, np.asarray], ids=["sparse", "array"])
@pytest.mark.parametrize("name", ["negative", "above", "int32", "shape"])
def test_bad_sparse_delays(form, name) -> None:
    delays, options, message = BAD_DELAYS[name]
    with pytest.raises(ValueError, match=message):
        lt.DelaySparse(weights=np.array([[1, 2]]), delays=form(delays), **options)


@pytest.mark.parametrize("cls", CLASSES)
def test_fixed_point_has_delays_up_to_63(cls) -> None:
    weights = np.array([[1, 2]])
    for longest in (63, 64):
        process = cls(weights=weights, delays=np.array([[0, longest]]), name="c")
        compiled(process)
        if longest == 63:
            compiled(process, "fixed_pt")
            continue
        with pytest.raises(lt.VarValueError, match=r"'delays' of Process 'c'.*\[0, 63\]"):
            compiled(process, "fixed_pt")
        with pytest.raises(ValueError, match="'c' has delays of up to 64"):
            lt.deploy(process, fixed_point=True)


def test_dense_delays_are_not_sparse() -> None:
    with pytest.raises(ValueError, match="DelayDense needs a dense array of delays"):
        lt.DelayDense(weights=np.eye(2), delays=scipy.sparse.eye(2, dtype=np.int64))


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("weights", [np.zeros(3), np.full((1, 2), np.nan)], ids=["1d", "nan"])
def test_bad_weights(cls, weights) -> None:
    with pytest.raises(ValueError, match=f"{cls.__name__} 'c': .*weights"):
        cls(weights=weights, delays=1, name="c")


def network_of(cls, rng, scale=1.0) -> lt.AbstractProcess:
    delays = rng.integers(0, 3, (4, 4))
    first = cls(weights=rng.normal(0, scale, (4, 4)), delays=delays, name="first")
    back = cls(weights=rng.normal(0, scale / 2, (4, 4)), delays=2 - delays, name="back")
    lif = lt.LIF(shape=(4,), vth=1.0, du=0.5, dv=0.1, name="out")
    first.a_out.connect(lif.a_in)
    lif.s_out.connect(back.s_in)
    back.a_out.connect(lif.a_in)
    return lif


@pytest.mark.parametrize("cls", CLASSES)
class TestTraining:
    def test_gradient_through_an_unrolled_network(self, rng, cls) -> None:
        surrogate = lt.surrogate.Smooth(lt.surrogate.FastSigmoid())
        network = compiled(
            network_of(cls, rng), trainable=True, dtype="float64", surrogate=surrogate
        )
        names = [name for name, _ in network.named_parameters()]
        assert len(names) == 2
        x = torch.from_numpy(rng.random((6, 2, 4)))

        def unrolled(*values):
            parameters = dict(zip(names, values, strict=True))
            args = {"first": x}, None, ["out.s_out"]
            return torch.func.functional_call(network, parameters, args)["out.s_out"]

        values = [p.detach().clone().requires_grad_() for p in network.parameters()]
        assert torch.autograd.gradcheck(unrolled, values)

    def test_deployed_in_floating_point(self, rng, cls) -> None:
        network = compiled(network_of(cls, rng), trainable=True)
        with torch.no_grad():
            network.first.weights.mul_(1.25)
            network.back.delays.copy_(network.back.delays.flip(0))
        x = torch.from_numpy(rng.random((20, 3, 4)) < 0.4).float()
        again = lt.deploy(network).compile()
        with torch.no_grad():
            want, got = (n({"first": x}, record=["out.s_out"]) for n in (network, again))
        assert want["out.s_out"].any() and torch.equal(want["out.s_out"], got["out.s_out"])

    def test_quantized_training_deploys_bit_by_bit(self, rng, cls) -> None:
        network = lt.quantize(compiled(network_of(cls, rng), trainable=True))
        x = torch.from_numpy(rng.random((20, 3, 4)) < 0.4).float()
        record = ["out.s_out", "out.v", "first.a_out", "back.a_out"]
        spikes = network({"first": x}, record=record)["out.s_out"]
        spikes.sum(0).sub(5).square().mean().backward()
        torch.optim.Adam(network.parameters(), lr=0.7).step()
        fixed = lt.deploy(network, fixed_point=True).compile()
        with torch.no_grad():
            trained = network({"first": x}, record=record)
            deployed = fixed({"first": x.int()}, record=record)
        assert trained["out.s_out"].any()
        for name in record:
            assert torch.equal(trained[name].double(), deployed[name].double()), name
