"""Convolutional connections: against torch's and scipy's convolution, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sending import TAGS, later, sent
from torch.nn import functional

import lava_torch as lt
from lava_torch.proc.conv.utils import make_tuple, output_shape, signed_clamp


def compiled(process, tag="floating_pt", **options):
    return lt.compile(process, lt.Loihi2SimCfg(select_tag=tag, **options))


def by_torch(weight, messages, **sizes) -> np.ndarray:
    """(X, Y, C, steps) gives (X', Y', C', steps), all steps as torch's batch."""
    kernel = torch.from_numpy(weight[:, ::-1, ::-1].copy()).double().permute(0, 3, 1, 2)
    x = torch.from_numpy(messages).double().permute(3, 2, 0, 1)
    return functional.conv2d(x, kernel, **sizes).permute(2, 3, 1, 0).numpy()


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=pairs,
    stride=pairs,
    dilation=pairs,
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    groups=st.integers(1, 3),
    bits=st.sampled_from([0, 8]),
    tag=st.sampled_from(TAGS),
    seed=st.integers(0, 10**6),
)
def test_equals_conv2d(
    size, kernel, stride, dilation, padding, channels, groups, bits, tag, seed
) -> None:
    spanned = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    assume(all(n + 2 * p >= s for n, p, s in zip(size, padding, spanned, strict=True)))
    rng = np.random.default_rng(seed)
    weight = rng.integers(-99, 100, (channels[1] * groups, *kernel, channels[0]))
    messages = rng.integers(-3, 4, (*size, channels[0] * groups, 4))
    sizes = {"padding": padding, "stride": stride, "dilation": dilation, "groups": groups}
    conv = lt.Conv(weight=weight, input_shape=messages.shape[:3], num_message_bits=bits, **sizes)
    want = by_torch(weight, messages if bits else messages != 0, **sizes)
    assert conv.a_out.shape == conv.output_shape == want.shape[:3]
    np.testing.assert_array_equal(sent(conv, messages, tag), later(want))


def test_the_kernel_is_flipped(rng) -> None:
    weight, image = rng.normal(size=(1, 3, 2, 1)), rng.normal(size=(6, 5, 1, 2))
    conv = lt.Conv(weight=weight, input_shape=(6, 5, 1), num_message_bits=8)
    got = sent(conv, image, "floating_pt", dtype="float64")
    want = scipy.signal.convolve2d(image[:, :, 0, 0], weight[0, :, :, 0], mode="valid")
    np.testing.assert_allclose(got[:, :, 0, 1], want, rtol=1e-12)


@pytest.mark.parametrize("form", [torch.from_numpy, np.ndarray.tolist], ids=["tensor", "lists"])
def test_forms_of_weight(rng, form) -> None:
    weight, image = rng.normal(size=(2, 1, 1, 3)), np.ones((1, 1, 3, 2))
    conv = lt.Conv(weight=form(weight), input_shape=(1, 1, 3))
    got = sent(conv, image, "floating_pt", dtype="float64")
    np.testing.assert_allclose(got[0, 0, :, 1], weight[:, 0, 0].sum(1))


@pytest.mark.parametrize(
    ("bits", "message", "weight"),
    [(0, 1, 2**21), (24, 2**23 - 1, 255), (24, -(2**23), -256), (24, 12345, 2**31 - 1)],
    ids=["spikes", "messages", "negative", "both large"],
)
def test_fixed_point_wraps_to_24_bits(bits, message, weight) -> None:
    kernel = np.full((1, 3, 3, 64), weight)
    conv = lt.Conv(weight=kernel, input_shape=(3, 3, 64), num_message_bits=bits)
    got = sent(conv, np.full((3, 3, 64, 2), message), "fixed_pt")[0, 0, 0, 1]
    assert got == (weight * message * 9 * 64 + 2**23) % 2**24 - 2**23


@pytest.mark.parametrize("option", [{"weight_exp": 3}, {"num_weight_bits": 2}], ids=str)
def test_exponent_and_bits_change_nothing(rng, option) -> None:
    weight, spikes = rng.integers(-99, 100, (2, 3, 3, 1)), rng.integers(0, 2, (5, 5, 1, 4))
    plain, other = (
        sent(lt.Conv(weight=weight, input_shape=(5, 5, 1), **kwargs), spikes, "fixed_pt")
        for kwargs in ({}, option)
    )
    assert plain.any()
    np.testing.assert_array_equal(plain, other)


def test_vars(rng) -> None:
    conv = lt.Conv(
        weight=rng.integers(-9, 9, (4, 3, 2, 1)), input_shape=(9, 8, 2), padding=(1,), stride=2,
        dilation=(1, 2), groups=2, weight_exp=1, name="conv",
    )  # fmt: skip
    assert (conv.padding.get(), conv.dilation.get()) == ((1, 1), (1, 2))  # as given, before
    conv.create_runtime(lt.Loihi2SimCfg(select_tag="fixed_pt"))
    held = {var.name: var.get() for var in conv.vars}
    want = {
        "kernel_size": [3, 2], "padding": [1, 1], "stride": [2, 2], "dilation": [1, 2],
        "groups": [2], "weight_exp": [1], "num_weight_bits": [8], "num_message_bits": [0],
    }  # fmt: skip
    assert {name: held[name].tolist() for name in want} == want
    assert conv.input_shape == (9, 8, 2)
    assert held["a_buf"].shape == conv.output_shape == (5, 4, 4)
    assert conv.weight.shape == (4, 3, 2, 1)
    conv.stride.set(np.array([2, 2]))
    for name in ("kernel_size", "padding", "stride", "dilation", "groups"):
        with pytest.raises(lt.VarValueError, match=f"'{name}' of Process 'conv'.*as constructed"):
            getattr(conv, name).set(getattr(conv, name).get() + 1)
    conv.stop()


def test_new_weights_count_at_once() -> None:
    conv = lt.Conv(weight=np.full((1, 1, 1, 1), 2.9))
    source = lt.io.source.RingBuffer(data=np.ones((1, 1, 1, 1)))
    source.s_out.connect(conv.s_in)
    conv.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    assert conv.a_buf.get().item() == 2
    conv.weight.set(np.full((1, 1, 1, 1), 10))
    conv.run(lt.RunSteps(1))
    assert conv.a_buf.get().item() == 10
    conv.stop()


@pytest.mark.parametrize("tag", TAGS)
def test_a_batch_equals_single_runs(rng, tag) -> None:
    weight = rng.integers(-99, 100, (4, 3, 3, 2))
    network = compiled(lt.Conv(weight=weight, input_shape=(6, 5, 2), name="c"), tag)
    spikes = torch.from_numpy(rng.integers(0, 2, (8, 3, 6, 5, 2)))
    out = network({"c": spikes})["c"]
    assert out.shape == (8, 3, 4, 3, 4) and out.any()
    for item in range(3):
        assert torch.equal(out[:, item], network({"c": spikes[:, item]})["c"])


def network_of(rng) -> lt.AbstractProcess:
    conv = lt.Conv(
        weight=rng.normal(0, 1, (2, 2, 3, 1)), input_shape=(3, 4, 1), padding=1, name="conv"
    )
    lif = lt.LIF(shape=conv.output_shape, vth=1.0, du=0.5, dv=0.1, name="out")
    conv.a_out.connect(lif.a_in)
    return lif


class TestTraining:
    def test_gradient_through_an_unrolled_network(self, rng) -> None:
        surrogate = lt.surrogate.Smooth(lt.surrogate.FastSigmoid())
        network = compiled(network_of(rng), trainable=True, dtype="float64", surrogate=surrogate)
        assert [name for name, _ in network.named_parameters()] == ["conv.weight"]
        x = torch.from_numpy(rng.random((4, 2, 3, 4, 1)))

        def unrolled(weight):
            args = ({"conv": x},)
            return torch.func.functional_call(network, {"conv.weight": weight}, args)["out"]

        weight = network.conv.weight.detach().clone().requires_grad_()
        assert torch.autograd.gradcheck(unrolled, weight)

    def test_deployed_in_floating_point(self, rng) -> None:
        network = compiled(network_of(rng), trainable=True)
        with torch.no_grad():
            network.conv.weight.mul_(1.25)
        x = torch.from_numpy(rng.random((20, 3, 3, 4, 1)) < 0.4).float()
        with torch.no_grad():
            want, got = (n({"conv": x})["out"] for n in (network, lt.deploy(network).compile()))
        assert want.any() and torch.equal(want, got)

    def test_quantized_training_deploys_bit_by_bit(self, rng) -> None:
        network = lt.quantize(compiled(network_of(rng), trainable=True))
        x = torch.from_numpy(rng.random((20, 3, 3, 4, 1)) < 0.4).float()
        before = network.conv.weight.detach().clone()
        network({"conv": x})["out"].sum(0).sub(5).square().mean().backward()
        torch.optim.Adam(network.parameters(), lr=0.7).step()
        assert (network.conv.weight - before).abs().max() > 0.5
        fixed = lt.deploy(network, fixed_point=True).compile()
        record = ["out.v", "conv.a_out"]
        with torch.no_grad():
            trained = network({"conv": x}, record=record)
            deployed = fixed({"conv": x.int()}, record=record)
        assert trained["out"].any()
        for name in ("out", *record):
            assert torch.equal(trained[name].double(), deployed[name].double()), name

    def test_deployed_in_fixed_point(self, rng) -> None:
        network = compiled(network_of(rng))
        deployment = lt.deploy(network, fixed_point=True)
        held = deployment.conv.weight.init
        assert np.abs(held).max() == 255
        want = network.conv.get_var("weight") * deployment.scales["conv"]
        assert np.abs(held - want).max() <= 0.5


KERNEL = np.ones((4, 3, 3, 2))


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"weight": np.ones((3, 3))}, r"weight must be 4-D.*\(3, 3\)"),
        ({"weight": np.ones((0, 3, 3, 2))}, "none of them 0"),
        ({"weight": KERNEL * np.nan}, r"NaN or infinite.*\[0, 0, 0, 0\]"),
        ({"weight": KERNEL * 1j}, "real numbers"),
        ({"input_shape": (8, 2)}, "input_shape must be.*three"),
        ({"input_shape": 8}, "input_shape must be.*three"),
        ({"input_shape": (8, 8.5, 2)}, "input_shape must be.*whole"),
        ({"input_shape": (8, 8, 3)}, "3 channels a group.*for 2"),
        ({"groups": (1, 1)}, "groups must be one whole number"),
        ({"groups": 0}, "groups must be one whole number"),
        ({"groups": 3}, r"groups=3 must divide.*2 channels.*4 output"),
        ({"groups": 2}, "1 channels a group.*for 2"),
        ({"padding": -1}, "padding must be one or two whole numbers from 0 on; got -1"),
        ({"padding": (1, 1, 1)}, "padding must be one or two whole numbers from 0 on"),
        ({"stride": 0}, "stride must be one or two whole numbers from 1 on"),
        ({"dilation": (1, 0)}, "dilation must be one or two whole numbers from 1 on"),
        ({"stride": 1.5}, "stride must be one or two whole numbers"),
        ({"input_shape": (8, 2, 2)}, "spans 3 along axis y, more than the input's 2"),
        ({"dilation": (4, 1)}, "spans 9 along axis x, more than the input's 8"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_bad_geometry(kwargs, message) -> None:
    arguments = {"weight": KERNEL, "input_shape": (8, 8, 2)} | kwargs
    with pytest.raises(ValueError, match=f"Conv 'c': .*{message}"):
        lt.Conv(name="c", **arguments)


def test_a_weight_set_to_what_is_not_finite() -> None:
    conv = lt.Conv(weight=KERNEL, input_shape=(8, 8, 2), name="c")
    conv.create_runtime(lt.Loihi2SimCfg())
    with pytest.raises(lt.VarValueError, match="'weight' of Process 'c'.*finite"):
        conv.weight.set(KERNEL * np.inf)
    conv.stop()


@pytest.mark.parametrize("value", [3, (3,), (3, 3), [3, 3], np.array([3, 3])], ids=str)
def test_make_tuple(value) -> None:
    assert make_tuple(value) == (3, 3)
    with pytest.raises(ValueError, match="one number or two"):
        make_tuple((1, 2, 3))


def test_output_shape() -> None:
    assert output_shape((10, 8, 4), 7, (3, 2), (2, 1), (1, 0), (1, 3)) == (5, 5, 7)
    with pytest.raises(ValueError, match="axis y"):
        output_shape((10, 8, 4), 7, (3, 9), (1, 1), (0, 0), (1, 1))


def test_signed_clamp() -> None:
    values = np.array([127, 128, -128, -129, 256])
    np.testing.assert_array_equal(signed_clamp(values, 8), values.astype(np.int8))
