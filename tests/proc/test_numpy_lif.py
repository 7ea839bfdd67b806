"""LIF neurons in numpy, and what is derived from them, against the compiled ones."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_nets import histories, same, sub

import lava_torch as lt
from lava_torch.core import LearningNeuronProcess
from lava_torch.model.hosted import LearningNeuronModelFixed, LearningNeuronModelFloat
from lava_torch.proc.lif.models import LIFModelFixed, LIFModelFloat
from lava_torch.proc.lif.numpy_models import (
    AbstractPyLifModelFixed,
    AbstractPyLifModelFloat,
    PyLearningLIFModelFixed,
    PyLearningLifModelFloat,
    PyLifModelBitAcc,
    PyLifModelFloat,
    PyTernLifModelFixed,
    PyTernLifModelFloat,
)
from lava_torch.proc.lif.process import AbstractLIF

VEC_IN, VEC_OUT = lt.PyInPort.VEC_DENSE, lt.PyOutPort.VEC_DENSE
STEPS, N = 6, 5
seeds = st.integers(0, 10**6)
decays = st.floats(0, 1)


def neurons(kind, **parameters):
    def make():
        process = kind(shape=(N,), **parameters)
        return process, process.a_in, process.s_out

    return make


class MinimalFixed(AbstractPyLifModelFixed):
    s_out: lt.PyOutPort = lt.LavaPyType(VEC_OUT, np.int32, precision=24)
    vth: int = lt.LavaPyType(int, np.int32, precision=17)

    def scale_threshold(self):
        self.effective_vth = np.left_shift(self.vth, self.vth_shift)
        self.isthrscaled = True

    def spiking_activation(self):
        return self.v > self.effective_vth


class MinimalFloat(AbstractPyLifModelFloat):
    s_out: lt.PyOutPort = lt.LavaPyType(VEC_OUT, float)
    vth: float = lt.LavaPyType(float, float)

    def spiking_activation(self):
        return self.v > self.vth


class TestSameAsCompiled:
    @settings(max_examples=25, deadline=None)
    @given(
        seed=seeds,
        size=st.sampled_from([10, 3000, 131071]),
        du=st.integers(0, 4095),
        dv=st.integers(0, 4096),
        exp=st.integers(-12, 7),
        vth=st.integers(0, 131071),
        model=st.sampled_from([MinimalFixed, sub(PyLifModelBitAcc)]),
    )
    def test_fixed_point_bit_by_bit(self, seed, size, du, dv, exp, vth, model):
        rng = np.random.default_rng(seed)
        u, v = rng.integers(1 - 2**23, 2**23, (2, N))
        mant = rng.integers(-4096, 4096, N)
        make = neurons(lt.LIF, u=u, v=v, du=du, dv=dv, bias_mant=mant, bias_exp=exp, vth=vth)
        inputs = rng.integers(-size, size + 1, (N, STEPS))
        same(histories(make, inputs, model, "fixed_pt", ("u", "v")), "fixed_pt")

    @settings(max_examples=15, deadline=None)
    @given(
        seed=seeds,
        du=decays,
        dv=decays,
        vth=st.floats(0, 3),
        model=st.sampled_from([MinimalFloat, sub(PyLifModelFloat)]),
    )
    def test_floating_point(self, seed, du, dv, vth, model):
        rng = np.random.default_rng(seed)
        u, v, bias = rng.normal(0, 1, (3, N))
        make = neurons(lt.LIF, u=u, v=v, du=du, dv=dv, bias_mant=bias, vth=vth)
        inputs = rng.normal(0, 2, (N, STEPS))
        same(histories(make, inputs, model, "floating_pt", ("u", "v")), "floating_pt")

    @pytest.mark.parametrize(
        ("model", "tag", "scale"),
        [(PyTernLifModelFixed, "fixed_pt", 100), (PyTernLifModelFloat, "floating_pt", 1)],
    )
    def test_ternary(self, rng, model, tag, scale):
        inputs = rng.integers(-3, 4, (N, 40)) * scale
        make = neurons(lt.TernaryLIF, vth_hi=5 * scale, vth_lo=-4 * scale, bias_mant=scale)
        found = histories(make, inputs, sub(model), tag, ("u", "v"))
        same(found, tag)
        assert set(np.unique(found[0]["sent"])) == {-1, 0, 1}

    def test_arrays_of_decays_and_thresholds(self, rng):
        du, dv, vth = rng.integers(0, 4096, N), rng.integers(0, 4097, N), rng.integers(1, 99, N)
        make = neurons(lt.LIF, du=du, dv=dv, vth=vth)
        inputs = rng.integers(-60, 90, (N, 30))
        found = histories(make, inputs, sub(PyLifModelBitAcc), "fixed_pt", ("u", "v"))
        same(found, "fixed_pt")
        assert found[0]["sent"].any()


class OwnLIF(lt.LIF):
    pass


@lt.implements(proc=OwnLIF, protocol=lt.LoihiProtocol)
@lt.requires(lt.CPU)
@lt.tag("floating_pt")
class SubtractingModel(AbstractPyLifModelFloat):
    """Spikes at the threshold already, and keeps what is above it."""

    s_out: lt.PyOutPort = lt.LavaPyType(VEC_OUT, float)
    vth: float = lt.LavaPyType(float, float)

    def spiking_activation(self):
        return self.v >= self.vth

    def reset_voltage(self, spike_vector):
        self.v[spike_vector] -= self.vth


class TestHooks:
    def test_own_activation_and_reset(self):
        lif = OwnLIF(shape=(2,), bias_mant=np.array([1, 1.5]), du=1, vth=2)
        sink = lt.io.sink.RingBuffer(shape=(2,), buffer=5)
        lif.s_out.connect(sink.a_in)
        lif.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg(select_tag="floating_pt"))
        np.testing.assert_array_equal(sink.data.get(), [[0, 1, 0, 1, 0], [0, 1, 1, 1, 0]])
        np.testing.assert_array_equal(lif.v.get(), [1, 1.5])
        lif.stop()

    def test_spikes_as_numbers_reset_those_that_spike(self):
        class Model(PyLifModelFloat):
            def spiking_activation(self):
                return (self.v > self.vth).astype(int)

        lif = lt.LIF(shape=(3,), v=np.array([0, 0, 5]), vth=2)
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={lt.LIF: Model})
        lif.run(lt.RunSteps(1), run_cfg=cfg)
        np.testing.assert_array_equal(lif.v.get(), 0)
        lif.stop()

    @pytest.mark.parametrize("hook", ["spiking_activation", "scale_threshold"])
    def test_missing_hook_is_named(self, hook):
        class Model(MinimalFixed):
            pass

        setattr(Model, hook, getattr(AbstractPyLifModelFixed, hook))
        lif = lt.LIF(shape=(1,), name="cell")
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={lt.LIF: Model})
        with pytest.raises(RuntimeError, match="cell") as raised:
            lif.run(lt.RunSteps(1), run_cfg=cfg)
        assert isinstance(raised.value.__cause__, NotImplementedError)
        assert f"Model must define {hook}()" in str(raised.value.__cause__)
        lif.stop()

    def test_threshold_is_scaled_once(self):
        class Model(MinimalFixed):
            def scale_threshold(self):
                self.vth = np.left_shift(self.vth, self.vth_shift)  # in place: once is enough
                self.effective_vth = self.vth
                self.isthrscaled = True

        lif = lt.LIF(shape=(1,), bias_mant=64, vth=3)
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={lt.LIF: Model})
        for _ in range(3):
            lif.run(lt.RunSteps(1), run_cfg=cfg)
        assert lif.v.get() == 192
        lif.run(lt.RunSteps(1), run_cfg=cfg)
        assert lif.v.get() == 0
        lif.stop()


class TestSelection:
    @pytest.mark.parametrize(
        ("model", "compiled"), [(PyLifModelFloat, LIFModelFloat), (PyLifModelBitAcc, LIFModelFixed)]
    )
    def test_the_class_itself_stands_for_the_compiled_one(self, model, compiled):
        lif = lt.LIF(shape=(1,), name="lif")
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={lif: model})
        assert type(lt.compile(lif, cfg).lif) is compiled
        numpy_cfg = lt.Loihi2SimCfg(exception_proc_model_map={lif: sub(model)})
        assert isinstance(lt.compile(lif, numpy_cfg).lif.hosted, model)

    @pytest.mark.parametrize("tag", [None, "floating_pt", "fixed_pt"])
    def test_compiled_ones_come_first(self, tag):
        network = lt.compile(lt.LIF(shape=(1,), name="lif"), lt.Loihi2SimCfg(select_tag=tag))
        assert type(network.lif) is (LIFModelFixed if tag == "fixed_pt" else LIFModelFloat)

    def test_asynchronously(self):
        model = lt.PyLoihiModelToPyAsyncModel(PyLifModelBitAcc)
        assert model.implements_process is lt.LIF
        assert model.implements_protocol is lt.AsyncProtocol
        lif = lt.LIF(shape=(2,), bias_mant=100, vth=3)
        lif.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(exception_proc_model_map={lif: model}))
        np.testing.assert_array_equal(lif.v.get(), 100)
        lif.stop()

    def test_a_compiled_base_refuses_numpy_hooks(self):
        class Model(LIFModelFloat):
            s_out: lt.PyOutPort = lt.LavaPyType(VEC_OUT, float)

            def run_spk(self):
                super().run_spk()

        lif = lt.LIF(shape=(1,), name="cell")
        with pytest.raises(
            lt.CompileError,
            match=r"Model.*'cell', has run_spk\(\), s_out = LavaPyType.*base LIFModelFloat is a co",
        ):
            lt.compile(lif, lt.Loihi2SimCfg(exception_proc_model_map={lif: Model}))


def test_a_declaration_can_be_taken_back():
    class Model(MinimalFloat):
        bias_exp = None

    lif = lt.LIF(shape=(1,))
    with pytest.raises(AssertionError, match=r"does not declare \['bias_exp'\]"):
        lt.compile(lif, lt.Loihi2SimCfg(exception_proc_model_map={lif: Model}))


def test_an_init_that_the_dtype_does_not_hold_is_named():
    lif = lt.LIF(shape=(1,), bias_mant=40000, name="cell")
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={lif: MinimalFixed})
    with pytest.raises(lt.VarInitError, match="'bias_mant' of Process 'cell'.*int16.*40000"):
        lt.compile(lif, cfg)


class Sends:
    """What LearningLIF's compiled models do, by the hooks that tutorials use."""

    def run_spk(self):
        super().run_spk()
        self.y1 = self.decayed() + self.y1_impulse.astype(self.y1.dtype) * self.s_out_buff
        self.y2 = self.a_third_factor_in.recv()
        self.s_out_bap.send(self.s_out_buff)
        self.s_out_y1.send(self.y1)
        self.s_out_y2.send(self.y2)
        self.s_out_y3.send(self.y3)


class LearningFloat(Sends, PyLearningLifModelFloat):
    def decayed(self):
        return self.y1 * (1 - self.dy1)


class LearningFixed(Sends, PyLearningLIFModelFixed):
    def decayed(self):
        return self.y1 * (4096 - np.rint(self.dy1 * 4096).astype(int)) >> 12


class OwnLearningLIF(lt.LearningLIF):
    pass


RULE = {
    "learning_rate": 0.5, "A_plus": 1, "A_minus": -1, "pre_trace_decay_tau": 5,
    "post_trace_decay_tau": 4, "pre_trace_kernel_magnitude": 10, "post_trace_kernel_magnitude": 8,
    "eligibility_trace_decay_tau": 0.25, "rng_seed": 3,
}  # fmt: skip


class TestThreeFactors:
    @pytest.mark.parametrize(
        ("tag", "model"), [("floating_pt", LearningFloat), ("fixed_pt", LearningFixed)]
    )
    def test_learns_as_the_compiled_one(self, tag, model):
        found = [self.learn(tag, chosen) for chosen in (None, model)]
        same(found, tag)
        assert np.any(found[0]["weights"][-1] != 20) and found[0]["y1"].any()

    @staticmethod
    def learn(tag, model, steps=30):
        rng = np.random.default_rng(0)
        rule = lt.RewardModulatedSTDP(**RULE)
        lif = lt.LearningLIF(shape=(2,), vth=10, bias_mant=4, learning_rule=rule)
        source = lt.io.source.RingBuffer(data=(rng.random((4, steps)) < 0.3).astype(int))
        reward = lt.io.source.RingBuffer(data=rng.integers(0, 6, (2, steps)))
        synapses = lt.LearningDense(weights=np.full((2, 4), 20), learning_rule=rule)
        source.s_out.connect(synapses.s_in)
        synapses.a_out.connect(lif.a_in)
        reward.s_out.connect(lif.a_third_factor_in)
        for name in ("bap", "y1", "y2", "y3"):
            getattr(lif, f"s_out_{name}").connect(getattr(synapses, f"s_in_{name}"))
        special = {lt.LearningLIF: model} if model else None
        cfg = lt.Loihi2SimCfg(select_tag=tag, exception_proc_model_map=special, dtype="float64")
        names = ("weights", "tag_1", "x1", "y1", "y2")
        seen = {name: [] for name in names}
        for _ in range(steps):
            lif.run(lt.RunSteps(1), run_cfg=cfg)
            for name in names:
                seen[name].append(getattr(synapses, name).get())
        lif.stop()
        return {name: np.stack(rows) for name, rows in seen.items()}

    def test_golden_case_with_a_numpy_neuron(self):
        """The recorded run of Lava, in which a numpy neuron sends what sources sent there."""
        golden = np.load(Path(__file__).parents[1] / "golden" / "threefactor_dense_float.s1.npz")
        rows = {p: golden[f"case.processes.{p}.args.data"] for p in ("src", "post")}
        rows |= {y: golden[f"case.processes.x_s_in_{y}.args.data"] for y in ("y1", "y2", "y3")}
        rule = lt.Loihi3FLearningRule(
            dw="u0*t*y2", dt="2^-1*y0*x1 - 2^-1*x0*y1 - 2^-3*u0*t", x1_impulse=8, x1_tau=7
        )
        steps, n = rows["post"].shape[1], rows["post"].shape[0]
        lif = OwnLearningLIF(
            shape=(n,), du=1, dv=1, vth=0.5, learning_rule=rule, rows=rows, name="lif"
        )
        synapses = lt.LearningDense(
            weights=golden["case.processes.c.args.weights"], learning_rule=rule, name="c"
        )
        source = lt.io.source.RingBuffer(data=rows["src"])
        post = lt.io.source.RingBuffer(data=rows["post"])
        reward = lt.io.source.RingBuffer(data=rows["y2"])
        sink = lt.io.sink.RingBuffer(shape=(n,), buffer=steps)
        source.s_out.connect(synapses.s_in)
        synapses.a_out.connect(sink.a_in)
        post.s_out.connect(lif.a_in)
        reward.s_out.connect(lif.a_third_factor_in)
        for name in ("bap", "y1", "y2", "y3"):
            getattr(lif, f"s_out_{name}").connect(getattr(synapses, f"s_in_{name}"))
        cfg = lt.Loihi2SimCfg(select_tag="floating_pt", dtype="float64")
        for t in range(steps):
            lif.run(lt.RunSteps(1), run_cfg=cfg)
            for name in ("weights", "x1", "y1", "y2", "y3", "tag_1"):
                want = golden[f"expect.c.{name}"][t]
                known = ~np.isnan(want)
                got = getattr(synapses, name).get()
                np.testing.assert_allclose(got[known], want[known], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(sink.data.get(), golden["expect.out.data"], rtol=1e-9, atol=1e-9)
        lif.stop()

    @pytest.mark.parametrize("model", [PyLearningLifModelFloat, PyLearningLIFModelFixed])
    def test_of_a_process_without_our_own_vars(self, model):
        class Plain(LearningNeuronProcess, AbstractLIF):
            def __init__(self, **kwargs):
                super().__init__(
                    u=0, v=0, du=0, dv=0, bias_exp=0, name=None, log_config=None, **kwargs
                )
                self.vth = lt.Var(shape=(1,), init=10)

        lif = Plain(shape=(2,), learning_rule=None, bias_mant=64)
        lif.run(
            lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(exception_proc_model_map={Plain: sub(model)})
        )
        np.testing.assert_array_equal(lif.v.get(), 128 if model is PyLearningLIFModelFixed else 0)
        lif.stop()


@lt.implements(proc=OwnLearningLIF, protocol=lt.LoihiProtocol)
@lt.requires(lt.CPU)
@lt.tag("floating_pt")
class PlayedModel(LearningNeuronModelFloat, AbstractPyLifModelFloat):
    s_out: lt.PyOutPort = lt.LavaPyType(VEC_OUT, float)
    vth: float = lt.LavaPyType(float, float)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.s_out_buff = np.zeros(self._shape)
        self.rows = proc_params["rows"]
        assert self._learning_rule is proc_params["learning_rule"]

    def spiking_activation(self):
        return self.v > self.vth

    def run_spk(self):
        super().run_spk()
        now = self.time_step - 1
        self.y1, self.y3 = self.rows["y1"][:, now], self.rows["y3"][:, now]
        self.y2 = self.a_third_factor_in.recv()
        self.s_out_bap.send(self.s_out_buff)
        self.s_out_y1.send(self.y1)
        self.s_out_y2.send(self.y2)
        self.s_out_y3.send(self.y3)


def test_a_checkpoint_holds_all_of_a_learning_neuron():
    lif = lt.LearningLIF(shape=(2,), learning_rule=lt.RewardModulatedSTDP(**RULE), name="lif")
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={lif: LearningFloat})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = lt.compile(lif, cfg).lif.get_extra_state()
    assert {"u", "v", "y1", "y2", "y3"} <= state["attributes"].keys()


def test_learning_bases_declare_the_ports():
    for base, dtype in ((LearningNeuronModelFixed, np.int32), (LearningNeuronModelFloat, float)):
        assert base.a_third_factor_in == lt.LavaPyType(VEC_IN, dtype, base.y1.precision)
