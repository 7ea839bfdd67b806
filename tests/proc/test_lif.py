"""LIF neurons against the equations of their docstrings, computed independently in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lava_torch as lt


def drive(neuron: lt.AbstractProcess, data: np.ndarray, tag: str, **options) -> np.ndarray:
    """The spikes that `neuron` sends for input rows data (n, T)."""
    source = lt.io.source.RingBuffer(data=data)
    sink = lt.io.sink.RingBuffer(shape=neuron.s_out.shape, buffer=data.shape[-1])
    source.s_out.connect(neuron.a_in)
    neuron.s_out.connect(sink.a_in)
    neuron.run(lt.RunSteps(data.shape[-1]), run_cfg=lt.Loihi2SimCfg(select_tag=tag, **options))
    return sink.data.get()


def tz(x: int, k: int) -> int:
    return (abs(x) >> k) * (1 if x >= 0 else -1)


def fixed_lif(data, u, v, du, dv, mant, exp, vth):
    """Loihi's arithmetic in Python's unbounded integers."""
    big, spikes = 1 << 23, np.zeros(data.shape, int)
    for n in range(len(data)):
        un, vn = int(u), int(v)
        for t in range(data.shape[1]):
            raw = tz(un * (4095 - du), 12) + (int(data[n, t]) << 6)
            un = raw - 2 * big if raw > big else raw
            un = raw + 2 * big if un <= -big else un
            bias = mant << exp if exp >= 0 else mant >> -exp
            vn = max(-big + 1, min(big - 1, tz(vn * (4096 - dv), 12) + un + bias))
            spikes[n, t] = vn > vth << 6
            vn = 0 if spikes[n, t] else vn
    return spikes, un, vn


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([10, 3000, 131071]),
    du=st.integers(0, 4095),
    dv=st.integers(0, 4096),
    mant=st.integers(-4096, 4095),
    exp=st.integers(-12, 7),
    vth=st.integers(0, 131071),
    u=st.integers(-(2**23), 2**23),
    v=st.integers(-(2**23) + 1, 2**23 - 1),
)
def test_fixed_point_bit_by_bit(seed, size, du, dv, mant, exp, vth, u, v) -> None:
    data = np.random.default_rng(seed).integers(-size, size + 1, (1, 12))
    lif = lt.LIF(shape=(1,), u=u, v=v, du=du, dv=dv, bias_mant=mant, bias_exp=exp, vth=vth)
    got = drive(lif, data, "fixed_pt")
    spikes, last_u, last_v = fixed_lif(data, u, v, du, dv, mant, exp, vth)
    np.testing.assert_array_equal(got, spikes)
    assert (lif.u.get()[0], lif.v.get()[0]) == (last_u, last_v)
    lif.stop()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floating_point(rng, dtype) -> None:
    data = rng.normal(0, 2, (6, 40))
    start = rng.normal(0, 1, (2, 6))
    lif = lt.LIF(shape=(6,), u=start[0], v=start[1], du=0.3, dv=0.07, bias_mant=0.1, vth=1.5)
    got = drive(lif, data, "floating_pt", dtype=dtype)
    u, v = start.astype(dtype)
    one, spikes = np.dtype(dtype).type, np.zeros((6, 40))
    for t in range(40):
        u = u * (one(1) - one(0.3)) + data[:, t].astype(dtype)
        v = v * (one(1) - one(0.07)) + u + one(0.1)
        spikes[:, t] = v > one(1.5)
        v = np.where(spikes[:, t], one(0), v)
    np.testing.assert_array_equal(got, spikes)
    np.testing.assert_array_equal(lif.u.get(), u)
    np.testing.assert_array_equal(lif.v.get(), v)
    lif.stop()


def test_floating_point_is_the_default() -> None:
    lif = lt.LIF(shape=(1,), bias_mant=0.5)
    lif.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
    assert lif.v.get()[0] == 0.5
    lif.stop()


def test_an_input_reaches_the_neuron_in_the_same_step() -> None:
    lif = lt.LIF(shape=(1,), vth=1.0)
    got = drive(lif, np.array([[0, 5, 0.0]]), "floating_pt")
    np.testing.assert_array_equal(got, [[0, 1, 1]])  # the current does not decay
    lif.stop()


@pytest.mark.parametrize("shape", [(0,), (1,), (3, 2), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
def test_shapes(shape, tag) -> None:
    lif = lt.LIF(shape=shape, bias_mant=100, vth=1)
    lif.run(lt.RunSteps(3), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
    assert lif.v.get().shape == shape
    lif.stop()


@pytest.mark.parametrize(
    ("argument", "value", "wanted"),
    [
        ("du", 0.5, r"whole number in \[0, 4095\]"),
        ("du", 4096, r"\[0, 4095\]"),
        ("du", -1, r"\[0, 4095\]"),
        ("dv", 4097, r"\[0, 4096\]"),
        ("vth", 131072, r"\[0, 131071\]"),
        ("vth", -1, r"\[0, 131071\]"),
        ("vth", float("nan"), "whole number"),
        ("bias_mant", 4096, r"\[-4096, 4095\]"),
        ("bias_exp", 8, r"\[-12, 7\]"),
        ("u", 2**24, r"\[-8388608, 8388608\]"),
        ("v", -(2**24), r"\[-8388608, 8388608\]"),
    ],
)
def test_fixed_point_ranges(argument, value, wanted) -> None:
    lif = lt.LIF(shape=(2,), name="lif", **{argument: value})
    with pytest.raises(lt.VarValueError, match=f"Var '{argument}' of Process 'lif'.*{wanted}"):
        lif.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    lif = lt.LIF(shape=(2,), name="lif")
    lif.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    with pytest.raises(lt.VarValueError, match=f"Var '{argument}' of Process 'lif'.*{wanted}"):
        getattr(lif, argument).set(value)
    lif.stop()


@pytest.mark.parametrize("argument", ["u", "v", "du", "vth", "bias_mant"])
def test_nan_is_refused(argument) -> None:
    lif = lt.LIF(shape=(2,), name="lif", **{argument: np.nan})
    with pytest.raises(lt.VarValueError, match=f"Var '{argument}' of Process 'lif'.*NaN"):
        lif.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())


@pytest.mark.parametrize("argument", ["du", "dv"])
def test_decays_of_fixed_point_in_floating_point_warn(argument) -> None:
    lif = lt.LIF(shape=(1,), name="lif", **{argument: 2047})
    with pytest.warns(UserWarning, match=f"'{argument}' of Process 'lif'.*select_tag='fixed_pt'"):
        lt.compile(lif, lt.Loihi2SimCfg())


def test_an_infinite_threshold_never_spikes() -> None:
    lif = lt.LIF(shape=(1,), vth=np.inf, bias_mant=1.0)
    lif.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg())
    assert lif.v.get()[0] == 5
    lif.stop()


class TestTernary:
    def test_sends_both_signs(self) -> None:
        neuron = lt.TernaryLIF(shape=(3,), du=1.0, vth_hi=1.0, vth_lo=-2.0)
        got = drive(neuron, np.array([[2.0], [-1.5], [-3.0]]), "floating_pt")
        np.testing.assert_array_equal(got[:, 0], [1, 0, -1])
        np.testing.assert_array_equal(neuron.v.get(), [0, -1.5, 0])
        neuron.stop()

    def test_thresholds_in_order(self) -> None:
        with pytest.raises(ValueError, match="vth_lo.*must not exceed vth_hi"):
            lt.TernaryLIF(shape=(1,), vth_hi=1, vth_lo=2)


class TestATRLIF:
    def test_threshold_rises_with_each_spike(self) -> None:
        neuron = lt.ATRLIF(shape=(1,), bias_mant=10.0, theta=1.0, theta_0=1.0, delta_theta=0.0)
        neuron.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
        assert neuron.s.get()[0] == 1
        assert neuron.theta.get()[0] == 1 + 3.75
        assert neuron.r.get()[0] == 2.0
        neuron.stop()

    def test_reset_restores_the_fixed_point_start(self) -> None:
        neuron = lt.ATRLIF(shape=(2,), bias_mant=100)
        neuron.run(lt.RunSteps(9), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
        theta = neuron.theta.get()
        neuron.runtime.reset()
        neuron.run(lt.RunSteps(9))
        np.testing.assert_array_equal(neuron.theta.get(), theta)
        neuron.stop()
