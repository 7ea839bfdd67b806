"""Neurons and sources of Lava's library that are one equation each: beside the recorded runs of
Lava (tests/golden), all steppers agree, batches are runs of their own, and gradients flow."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.compiler import unroll_layers

N, STEPS = 7, 30
RNG = np.random.default_rng(2)
CASES = {
    "LIFReset": lambda fixed: lt.LIFReset(
        shape=(N,), **lif(fixed), reset_interval=7, reset_offset=3, name="n"
    ),
    "LIFRefractory": lambda fixed: lt.LIFRefractory(
        shape=(N,), **lif(False), refractory_period=3, name="n"
    ),
    "Sigma": lambda fixed: lt.Sigma(shape=(N,), name="n"),
    "Delta": lambda fixed: lt.Delta(shape=(N,), vth=3, **exponents(fixed), name="n"),
    "Delta, summed errors": lambda fixed: lt.Delta(
        shape=(N,), vth=3, cum_error=True, **exponents(fixed), name="n"
    ),
    "SigmaDelta": lambda fixed: lt.SigmaDelta(shape=(N,), vth=2, bias=1, name="n"),
    "SigmaDelta, unit": lambda fixed: lt.SigmaDelta(
        shape=(N,), vth=2, cum_error=True, act_mode=lt.ActivationMode.UNIT, name="n"
    ),
    "GradedVec": lambda fixed: lt.GradedVec(shape=(N,), vth=2, name="n"),
    "GradedReluVec": lambda fixed: lt.GradedReluVec(shape=(N,), vth=2, name="n"),
    "NormVecDelay": lambda fixed: lt.NormVecDelay(shape=(N,), vth=2, name="n"),
    "ProdNeuron": lambda fixed: lt.ProdNeuron(shape=(N,), vth=1, exp=1, name="n"),
    "RF": lambda fixed: lt.RF(shape=(N,), period=6.0, alpha=0.1, **bits(fixed), name="n"),
    "RF_IZ": lambda fixed: lt.RF_IZ(shape=(N,), period=6.0, alpha=0.1, **bits(fixed), name="n"),
    "RFZero": lambda fixed: lt.RFZero(
        (N,), freqs=np.linspace(50, 200, N), decay_tau=np.full(N, 0.05), uth=2, name="n"
    ),
    "Spiker": lambda fixed: lt.Spiker(
        shape=(N,), period=np.arange(1, N + 1), payload=np.arange(N), name="n"
    ),
}
FLOAT_ONLY = ("LIFRefractory",)
BOTH = [(name, tag) for name in CASES for tag in ("floating_pt", "fixed_pt")
        if (name, tag) != ("LIFRefractory", "fixed_pt")]  # fmt: skip


def lif(fixed: bool) -> dict:
    if fixed:
        return {"du": 900, "dv": 300, "vth": 4, "bias_mant": 20}
    return {"du": 0.3, "dv": 0.1, "vth": 6, "bias_mant": 0.4}


def exponents(fixed: bool) -> dict:
    return {"spike_exp": 1, "state_exp": 3} if fixed else {}


def bits(fixed: bool) -> dict:
    return {"state_exp": 4, "decay_bits": 10, "vth": 3} if fixed else {"vth": 3}


def data(port: str) -> np.ndarray:
    """(2, N, STEPS), for two items of a batch."""
    return np.random.default_rng(len(port)).integers(-6, 9, (2, N, STEPS))


def network(name: str, tag: str, items: slice):
    """The neurons, between sources (batched unless one item is asked for) and sinks."""
    neurons = CASES[name](tag == "fixed_pt")
    batched = items == slice(None)
    for port in neurons.in_ports:
        values = data(port.name) if batched else data(port.name)[items][0]
        source = lt.io.source.RingBuffer(data=values, batched=batched, name=f"for_{port.name}")
        source.s_out.connect(port)
    sinks = {}
    for port in neurons.out_ports:
        sinks[port.name] = lt.io.sink.RingBuffer(shape=(N,), buffer=STEPS)
        port.connect(sinks[port.name].a_in)
    return neurons, sinks


def ran(name: str, tag: str, parts=(STEPS,), items=slice(0, 1), **options) -> dict:
    neurons, sinks = network(name, tag, items)
    config = lt.Loihi2SimCfg(select_tag=tag, dtype="float64", **options)
    with neurons:
        for steps in parts:
            neurons.run(lt.RunSteps(steps), run_cfg=config)
        found = {port: sink.data.get() for port, sink in sinks.items()}
        return found | {var.name: var.get() for var in neurons.vars}


def assert_same(found: dict, wanted: dict, tag: str) -> None:
    assert found.keys() == wanted.keys()
    for key, want in wanted.items():
        if tag == "fixed_pt":
            np.testing.assert_array_equal(found[key], want, err_msg=key)
        else:
            np.testing.assert_allclose(found[key], want, rtol=1e-12, atol=1e-12, err_msg=key)


@pytest.mark.parametrize(("name", "tag"), BOTH)
def test_all_steppers_agree(name, tag):
    eager = ran(name, tag, stepper="eager")
    sent = [value for key, value in eager.items() if key.startswith("s")]
    assert any(np.any(value) for value in sent), "nothing is sent that could differ"
    assert_same(ran(name, tag, (1, 9, 20), stepper="table"), eager, tag)
    assert_same(ran(name, tag, (11, 19), stepper="layers"), eager, tag)


# To a Spiker nothing arrives that could differ.
@pytest.mark.parametrize(("name", "tag"), [case for case in BOTH if case[0] != "Spiker"])
def test_an_item_of_a_batch_is_a_run_of_its_own(name, tag):
    whole = ran(name, tag, items=slice(None), batch_size=2)
    ports = [key for key in whole if key.endswith("out")]
    for item in range(2):
        alone = ran(name, tag, items=slice(item, item + 1))
        assert_same({p: whole[p][item] for p in ports}, {p: alone[p] for p in ports}, tag)


@pytest.mark.parametrize("name", [name for name in CASES if name != "Spiker"])
def test_gradients_layer_by_layer_and_step_by_step(name):
    found = []
    for stepper in ("auto", "eager"):
        neurons, _ = network(name, "floating_pt", slice(0, 1))
        config = lt.Loihi2SimCfg(dtype="float64", trainable=["n.vth"] if "LIF" in name else (),
                                 stepper=stepper)  # fmt: skip
        compiled = lt.compile(neurons, config)
        assert isinstance(unroll_layers.plan(compiled, []), str) == (stepper == "eager")
        inputs = {
            f"n.{port.name}": torch.randn(
                9, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
            ).requires_grad_()
            for port in neurons.in_ports
        }
        results = compiled(inputs)
        sum((r * r).sum() for r in results.values()).backward()
        gradients = [x.grad for x in inputs.values()] + [p.grad for p in compiled.parameters()]
        found.append([*(r.detach() for r in results.values()), *gradients])
    for got, want in zip(*found, strict=True):
        torch.testing.assert_close(got, want)
    assert any(g is not None and g.abs().max() > 0 for g in found[0])


def test_they_tell_their_shape():
    for name in set(CASES) - {"LIFReset", "LIFRefractory", "Spiker"}:
        assert CASES[name](False).shape == (N,)


def test_bits_of_decays_can_be_set_between_runs():
    neurons = lt.RF((1,), 1e9, 0.0, 4, 12, name="n")
    neurons.real.init = 1000
    config = lt.Loihi2SimCfg(select_tag="fixed_pt")
    with neurons:
        neurons.run(lt.RunSteps(1), run_cfg=config)
        assert neurons.real.get() == 1000
        neurons.decay_bits.set(11)
        neurons.run(lt.RunSteps(1))
        assert neurons.real.get() == 2000


def test_a_spiker_sends_whole_numbers_under_any_tag():
    for tag in (None, "floating_pt", "fixed_pt", "bit_accurate_loihi"):
        spiker = lt.Spiker(shape=(1,), period=2.5, payload=(1 << 24) + 1)
        sink = lt.LIF(shape=(1,), du=0, dv=0, vth=131071, name="lif")
        spiker.s_out.connect(sink.a_in)
        monitor = lt.Monitor()
        monitor.probe(spiker.s_out, 5)
        with spiker:
            spiker.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg(select_tag=tag, dtype="float64"))
            found = monitor.get_data()[spiker.name]["s_out"].reshape(-1)
        assert found.tolist() == [0, 0, (1 << 24) + 1, 0, (1 << 24) + 1]


class TestConvInTime:
    @staticmethod
    def sent(weights, spikes, tag, **options):
        conv = lt.ConvInTime(weights=weights, **options)
        source = lt.io.source.RingBuffer(data=spikes)
        sink = lt.io.sink.RingBuffer(shape=conv.a_out.shape, buffer=spikes.shape[1])
        source.s_out.connect(conv.s_in)
        conv.a_out.connect(sink.a_in)
        with conv:
            config = lt.Loihi2SimCfg(select_tag=tag, dtype="float64")
            conv.run(lt.RunSteps(spikes.shape[1]), run_cfg=config)
            return sink.data.get()

    @pytest.mark.parametrize("bits", [0, 8])
    @pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
    def test_it_is_the_sum_over_the_last_steps(self, tag, bits):
        weights = RNG.integers(-5, 6, (3, 4, 2))
        spikes = RNG.integers(0, 3, (2, 12))
        got = self.sent(weights, spikes, tag, num_message_bits=bits)
        x = spikes if bits else (spikes > 0)
        for t in range(1, 12):
            past = [weights[3 - 1 - j] @ x[:, t - 1 - j] for j in range(3) if t - 1 - j >= 0]
            np.testing.assert_array_equal(got[:, t], np.sum(past, axis=0))
        assert not got[:, 0].any()

    def test_weights_of_two_axes(self):
        with pytest.raises(ValueError, match=r"ConvInTime 'c': weights have the shape \(2, 3\)"):
            lt.ConvInTime(weights=np.ones((2, 3)), name="c")


class TestErrors:
    @pytest.mark.parametrize("value", [0, -1, 2.5, True])
    def test_intervals(self, value):
        with pytest.raises(ValueError, match="LIFReset 'n': reset_interval must be a whole number"):
            lt.LIFReset(shape=(2,), reset_interval=value, name="n")
        with pytest.raises(ValueError, match="refractory_period must be a whole number"):
            lt.LIFRefractory(shape=(2,), refractory_period=value)

    def test_an_offset(self):
        with pytest.raises(ValueError, match="reset_offset must be a whole number"):
            lt.LIFReset(shape=(2,), reset_offset=-1)

    def test_decay_bits(self):
        with pytest.raises(ValueError, match=r"RF 'n': decay_bits must be .* in \[0, 12\]; got 13"):
            lt.RF(shape=(2,), period=5, alpha=0.1, decay_bits=13, name="n")

    def test_decays_without_bits_in_fixed_point(self):
        neurons = lt.RF(shape=(2,), period=5, alpha=0.1, name="n")
        with pytest.raises(ValueError, match=r"'decay_bits' of Process 'n'.*in \[1, 12\]"):
            lt.compile(neurons, lt.Loihi2SimCfg(select_tag="fixed_pt"))

    def test_a_negative_exponent(self):
        with pytest.raises(ValueError, match="Delta 'n': spike_exp must not be negative; got -1"):
            lt.Delta(shape=(2,), vth=1, spike_exp=-1, name="n")

    def test_an_activation_there_is_not(self):
        with pytest.raises(ValueError, match="3 is not a valid ActivationMode"):
            lt.SigmaDelta(shape=(2,), vth=1, act_mode=3)


def test_the_default_interval_resets_in_every_step():
    found = ran_alone(lt.LIFReset(shape=(1,), bias_mant=3, vth=10, name="n"))
    assert found.tolist() == [3.0] * 5
    first = ran_alone(lt.LIFReset(shape=(1,), bias_mant=3, vth=99, reset_interval=4, name="n"))
    assert first.tolist() == [3, 6, 9, 3, 6], "an offset of 0 resets at step `interval` first"


def ran_alone(neurons) -> np.ndarray:
    monitor = lt.Monitor()
    monitor.probe(neurons.v, 5)
    with neurons:
        neurons.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg())
        return monitor.get_data()["n"]["v"].reshape(-1)


def test_neurons_that_reset_are_deployed():
    dense = lt.Dense(weights=RNG.normal(0, 0.4, (N, 5)), name="dense")
    neurons = lt.LIFReset(
        shape=(N,), du=0.3, dv=0.1, vth=1, reset_interval=5, reset_offset=2, name="n"
    )
    dense.a_out.connect(neurons.a_in)
    quantized = lt.quantize(lt.compile(neurons, lt.Loihi2SimCfg(trainable=True)))
    fixed = lt.deploy(quantized, fixed_point=True).compile()
    x = torch.randint(0, 2, (STEPS, 5))
    assert torch.equal(fixed({"dense": x})["n"], quantized({"dense": x.float()})["n"].int())
    assert fixed({"dense": x})["n"].any()


@pytest.mark.parametrize(("name", "tag"), BOTH)
def test_a_run_goes_on_from_a_file(name, tag, tmp_path):
    whole = ran(name, tag, (12, 18))
    neurons, _ = network(name, tag, slice(0, 1))
    config = lt.Loihi2SimCfg(select_tag=tag, dtype="float64")
    with neurons:
        neurons.run(lt.RunSteps(12), run_cfg=config)
        neurons.save(tmp_path / "half.safetensors")
    loaded = type(neurons).load(tmp_path / "half.safetensors")
    with loaded:
        loaded.run(lt.RunSteps(18), run_cfg=config)
        found = {var.name: var.get() for var in loaded.vars}
    assert_same(found, {key: whole[key] for key in found}, tag)
