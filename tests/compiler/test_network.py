"""The Network: a torch.nn.Module whose submodules are Processes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import implements, tag


class TestModule:
    def test_each_var_is_a_buffer(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        state = network.state_dict()
        assert {"lif.u", "lif.v", "lif.vth", "dense.weights", "clock.time_step"} <= set(state)
        assert state["lif.v"].shape == (5,)
        assert isinstance(network.lif, lt.TorchProcessModel)

    def test_compiling_leaves_the_processes_alone(self, chain) -> None:
        lt.compile(chain.lif, chain.cfg())
        lt.compile(chain.lif, chain.cfg())
        assert not chain.lif.is_compiled
        assert chain.lif.runtime is None

    def test_load_state_dict_restores_a_run(self, chain) -> None:
        chain.lif.run(lt.RunSteps(8), run_cfg=chain.cfg())
        network = chain.lif.runtime.network
        saved = copy.deepcopy(network.state_dict())
        chain.lif.run(lt.RunSteps(8))
        v, data = chain.lif.v.get(), chain.sink.data.get()
        network.load_state_dict(saved)
        chain.lif.run(lt.RunSteps(8))
        np.testing.assert_array_equal(chain.lif.v.get(), v)
        np.testing.assert_array_equal(chain.sink.data.get(), data)

    def test_deepcopy_is_independent(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        other = copy.deepcopy(network)
        other.lif.v.fill_(7)
        other.clock.time_step.fill_(3)
        assert int(network.lif.v.abs().max()) == 0
        assert int(network.lif.time_step) == 0
        assert int(other.lif.time_step) == 3

    def test_double_gives_float64(self, make_chain) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg()).double()
        assert network(steps=3)["sink"].dtype == torch.float64

    def test_name_that_a_module_has_already(self) -> None:
        lif = lt.LIF(shape=(2,), name="forward")
        network = lt.compile(lif, lt.Loihi2SimCfg())
        assert set(network(steps=1)) == {"forward_1"}

    def test_equal_names_are_numbered(self) -> None:
        a, b = lt.LIF(shape=(2,), name="x"), lt.Dense(weights=np.eye(2), name="x")
        a.s_out.connect(b.s_in)
        assert list(lt.compile(a, lt.Loihi2SimCfg()).models) == ["x", "x_1"]


class TestUnroll:
    def test_equals_a_run(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        out = network(steps=20)["sink"]
        chain.lif.run(lt.RunSteps(20), run_cfg=chain.cfg())
        np.testing.assert_array_equal(out.numpy().T, chain.sink.data.get())

    def test_leaves_the_state_as_it_was(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        network.prepare()
        before = {k: v.clone() for k, v in network.state_dict().items()}
        first, second = network(steps=9), network(steps=9)
        assert torch.equal(first["sink"], second["sink"])
        for key, value in network.state_dict().items():
            assert torch.equal(value, before[key]), key

    def test_inputs_take_the_place_of_a_source(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        data = torch.tensor(chain.spikes.T)
        assert torch.equal(network({"source": data})["sink"], network(steps=20)["sink"])

    def test_inputs_of_an_unconnected_port(self, make_chain) -> None:
        chain = make_chain()
        dense = lt.Dense(weights=np.asarray(chain.dense.weights.init), name="d")
        lif = lt.LIF(shape=(5,), du=0.3, dv=0.1, vth=1.0, name="n")
        dense.a_out.connect(lif.a_in)
        out = lt.compile(lif, chain.cfg())({"d": torch.tensor(chain.spikes.T)})
        assert list(out) == ["n"]
        assert torch.equal(out["n"], lt.compile(chain.lif, chain.cfg())(steps=20)["sink"])

    def test_batch_axis_comes_from_the_inputs(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        data = torch.tensor(np.random.default_rng(1).random((20, 3, 7)) < 0.5).int()
        out = network({"source": data})["sink"]
        assert out.shape == (20, 3, 5)
        for item in range(3):
            alone = network({"source": data[:, item]})["sink"]
            assert torch.equal(out[:, item], alone)

    def test_record_returns_vars_and_ports(self, chain) -> None:
        network = lt.compile(chain.lif, chain.cfg())
        out = network(steps=4, record=["lif.v", "dense.a_out"])
        assert out["lif.v"].shape == out["dense.a_out"].shape == (4, 5)

    def test_continues_from_where_a_run_stands(self, chain) -> None:
        whole = lt.compile(chain.lif, chain.cfg())(steps=20)["sink"]
        chain.lif.run(lt.RunSteps(8), run_cfg=chain.cfg())
        rest = chain.lif.runtime.network(steps=12)["sink"]
        assert torch.equal(whole[8:], rest)

    @pytest.mark.parametrize(
        ("inputs", "steps", "message"),
        [
            ({"nobody": torch.zeros(3, 7)}, None, "no Process 'nobody'"),
            ({"source": torch.zeros(3, 6)}, None, r"source.s_out.*\(3, 6\)"),
            ({"source": torch.zeros(3, 7)}, 4, "4 steps.*'source': 3"),
            ({"source.nothing": torch.zeros(3, 7)}, None, "must name one port"),
            ({}, None, "Give `steps`"),
            ({"source": torch.zeros(3, 2, 7), "lif": torch.zeros(3, 4, 5)}, None, "batch size"),
        ],
        ids=["unknown", "shape", "short", "port", "no-steps", "batch"],
    )
    def test_bad_inputs(self, make_chain, inputs, steps, message) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg())
        with pytest.raises(ValueError, match=message):
            network(inputs, steps)

    def test_unknown_record(self, make_chain) -> None:
        chain = make_chain()
        with pytest.raises(ValueError, match="record 'lif.w'"):
            lt.compile(chain.lif, chain.cfg())(steps=1, record=["lif.w"])


class TestBatch:
    def test_items_equal_single_runs(self, make_chain) -> None:
        for fixed in (False, True):
            spikes = np.random.default_rng(3).integers(0, 2, (4, 7, 20))
            batched = make_chain(fixed=fixed)
            batched.source.data.init = spikes
            batched.lif.run(lt.RunSteps(20), run_cfg=batched.cfg(batch_size=4))
            data, v = batched.sink.data.get(), batched.lif.v.get()
            assert data.shape == (4, 5, 20) and v.shape == (4, 5)
            assert batched.dense.weights.get().shape == (5, 7)
            for item in range(4):
                single = make_chain(fixed=fixed)
                single.source.data.init = spikes[item]
                single.lif.run(lt.RunSteps(20), run_cfg=single.cfg())
                if fixed:
                    np.testing.assert_array_equal(v[item], single.lif.v.get())
                else:
                    np.testing.assert_allclose(v[item], single.lif.v.get(), rtol=1e-4, atol=1e-5)
                np.testing.assert_array_equal(data[item], single.sink.data.get())

    def test_init_and_set_for_each_item(self, make_chain) -> None:
        chain = make_chain()
        chain.lif.v.init = np.arange(10.0).reshape(2, 5) / 100
        chain.lif.create_runtime(chain.cfg(batch_size=2))
        np.testing.assert_allclose(chain.lif.v.get(), np.arange(10).reshape(2, 5) / 100)
        chain.lif.v.set(np.ones((2, 5)))
        chain.lif.v.set(np.zeros(5), idx=1)
        np.testing.assert_array_equal(chain.lif.v.get().sum(axis=1), [5, 0])


class TestGradients:
    def test_agree_with_finite_differences(self, make_chain) -> None:
        chain = make_chain(steps=6, n=3, m=4)
        smooth = lt.surrogate.Smooth(lt.surrogate.ArcTan(alpha=1.0))
        cfg = chain.cfg(
            trainable=["*.weights", "lif.vth", "lif.d*"], dtype="float64", surrogate=smooth
        )
        network = lt.compile(chain.lif, cfg)
        names = [name for name, _ in network.named_parameters()]
        assert names == ["dense.weights", "lif.du", "lif.dv", "lif.vth"]

        def unroll(*parameters):
            tensors = dict(zip(names, parameters, strict=True))
            return torch.func.functional_call(network, tensors, kwargs={"steps": 6})["sink"]

        parameters = tuple(p.detach().clone().requires_grad_() for p in network.parameters())
        assert torch.autograd.gradcheck(unroll, parameters, eps=1e-6, atol=1e-6)

    def test_reach_the_inputs(self, make_chain) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg(trainable=True))
        x = torch.tensor(chain.spikes.T, dtype=torch.float32, requires_grad=True)
        network({"source": x})["sink"].sum().backward()
        assert x.grad.abs().sum() > 0
        assert network.dense.weights.grad.abs().sum() > 0

    def test_functional_gradients(self, make_chain) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg(trainable=True))
        network(steps=20)["sink"].sum().backward()

        def total(weights):
            tensors = {"dense.weights": weights}
            return torch.func.functional_call(network, tensors, kwargs={"steps": 20})["sink"].sum()

        gradient = torch.func.grad(total)(network.dense.weights.detach())
        torch.testing.assert_close(gradient, network.dense.weights.grad)

    def test_surrogate_matters(self, make_chain) -> None:
        grads = []
        for name in ("arctan", "fast_sigmoid", "triangle"):
            chain = make_chain()
            network = lt.compile(chain.lif, chain.cfg(trainable=True, surrogate=name))
            network(steps=20)["sink"].sum().backward()
            grads.append(network.dense.weights.grad.clone())
        assert not torch.allclose(grads[0], grads[1])
        assert not torch.allclose(grads[1], grads[2])

    def test_training_reduces_the_loss(self, make_chain) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg(trainable=True))
        optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
        target = torch.tensor([0.0, 1, 5, 10, 15])
        losses = []
        for _ in range(60):
            loss = (network(steps=20)["sink"].sum(0) - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert min(losses[-10:]) < 0.25 * losses[0]


class TestTrainable:
    def test_true_takes_the_weights(self, make_chain) -> None:
        chain = make_chain()
        network = lt.compile(chain.lif, chain.cfg(trainable=True))
        assert [name for name, _ in network.named_parameters()] == ["dense.weights"]

    def test_parameters_keep_their_values(self, make_chain) -> None:
        chain = make_chain()
        plain = lt.compile(chain.lif, chain.cfg())(steps=20, record=["lif.v"])
        cfg = chain.cfg(trainable=["dense.weights", "lif.d*", "lif.vth"])
        trained = lt.compile(chain.lif, cfg)(steps=20, record=["lif.v"])
        assert plain["sink"].any()
        for name, value in plain.items():
            torch.testing.assert_close(trained[name].detach(), value)

    def test_a_pattern_that_matches_nothing(self, make_chain) -> None:
        chain = make_chain()
        with pytest.raises(lt.CompileError, match="matches no Var.*dense.weights"):
            lt.compile(chain.lif, chain.cfg(trainable=["dense.wieghts"]))

    def test_state_is_refused(self, make_chain) -> None:
        chain = make_chain()
        with pytest.raises(lt.VarValueError, match="'v' of Process 'lif' is state"):
            lt.compile(chain.lif, chain.cfg(trainable=["lif.v"]))


class TestVirtualPorts:
    @pytest.mark.parametrize("batch", [None, 3], ids=["single", "batch"])
    def test_views(self, batch) -> None:
        data = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
        source = lt.io.source.RingBuffer(data=data, name="source")
        flat = lt.io.sink.RingBuffer(shape=(6,), buffer=4, name="flat")
        turned = lt.io.sink.RingBuffer(shape=(3, 2), buffer=4, name="turned")
        joined = lt.io.sink.RingBuffer(shape=(4, 3), buffer=4, name="joined")
        source.s_out.flatten().connect(flat.a_in)
        source.s_out.transpose().connect(turned.a_in)
        other = lt.io.source.RingBuffer(data=-data, name="other")
        source.s_out.concat_with(other.s_out, axis=0).connect(joined.a_in)
        source.run(lt.RunSteps(4), run_cfg=lt.Loihi2SimCfg(batch_size=batch))
        lead = () if batch is None else (batch,)
        for sink, want in (
            (flat, data.reshape(6, 4)),
            (turned, data.transpose(1, 0, 2)),
            (joined, np.concatenate([data, -data])),
        ):
            np.testing.assert_array_equal(sink.data.get(), np.broadcast_to(want, lead + want.shape))
        source.stop()


class TestErrors:
    def test_cycle_names_the_processes(self) -> None:
        a, b = lt.LIF(shape=(2,), name="a"), lt.LIF(shape=(2,), name="b")
        a.s_out.connect(b.a_in)
        b.s_out.connect(a.a_in)
        with pytest.raises(lt.CycleError, match="'?a'? .*->.*b.*buffers"):
            lt.compile(a, lt.Loihi2SimCfg())

    def test_cycle_through_a_connection_runs(self) -> None:
        a, d = lt.LIF(shape=(2,), bias_mant=1.0), lt.Dense(weights=np.ones((2, 2)))
        a.s_out.connect(d.s_in)
        d.a_out.connect(a.a_in)
        a.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg())
        a.stop()

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_device_that_is_not_there(self) -> None:
        with pytest.raises(lt.DeviceUnavailableError, match="'cuda:7'.*cpu"):
            lt.compile(lt.LIF(shape=(1,)), lt.Loihi2SimCfg(device="cuda:7"))

    def test_init_that_cannot_broadcast(self) -> None:
        lif = lt.LIF(shape=(3,), v=np.zeros(2), name="lif")
        with pytest.raises(lt.VarInitError, match=r"'v' of Process 'lif'.*\(3,\).*\(2,\)"):
            lt.compile(lif, lt.Loihi2SimCfg())

    def test_unknown_stepper(self) -> None:
        with pytest.raises(lt.CompileError, match="no stepper 'fast'.*eager"):
            lt.LIF(shape=(1,)).run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(stepper="fast"))

    def test_run_config_of_another_type(self) -> None:
        with pytest.raises(TypeError, match="RunConfig"):
            lt.compile(lt.LIF(shape=(1,)), "floating_pt")

    def test_message_of_a_wrong_shape(self) -> None:
        class Wrong(lt.AbstractProcess):
            def __init__(self):
                super().__init__(name="wrong")
                self.s_out = lt.OutPort((3,))

        @implements(Wrong)
        @tag("floating_pt")
        class WrongModel(lt.TorchProcessModel):
            def emit(self):
                return torch.zeros(2)

        with pytest.raises(ValueError, match=r"'wrong.s_out' has shape \(3,\).*WrongModel.*\(2,\)"):
            lt.compile(Wrong(), lt.Loihi2SimCfg())(steps=1)

    @pytest.mark.parametrize("method", [(), ("step", "emit")], ids=["none", "both"])
    def test_model_without_a_clear_way(self, method) -> None:
        class Thing(lt.AbstractProcess):
            pass

        body = {name: lambda self: None for name in method} or {"learn": lambda self: None}
        model = implements(Thing)(type("ThingModel", (lt.TorchProcessModel,), body))
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Thing: model})
        with pytest.raises(lt.CompileError, match="ThingModel.*either step.*or"):
            lt.compile(Thing(), cfg)
