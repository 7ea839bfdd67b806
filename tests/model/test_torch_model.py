"""What a user's own models can do."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
import torch

import lava_torch as lt
from lava_torch.core import implements


class Holder(lt.AbstractProcess):
    """Holds one Var of any kind."""

    def __init__(self, shape, init, **kwargs):
        super().__init__(name="holder", **kwargs)
        self.x = lt.Var(shape, init)
        self.s_out = lt.OutPort((1,))


@implements(Holder)
class HolderModel(lt.TorchProcessModel):
    def emit(self):
        return None


def held(shape, init, **options):
    process = Holder(shape, init)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={Holder: HolderModel}, **options)
    process.create_runtime(cfg)
    return process


def test_string_var() -> None:
    process = held((1,), "2^-1*x0")
    assert process.x.get() == "2^-1*x0"
    process.x.set("x0*y1")
    assert process.x.get() == "x0*y1"
    with pytest.raises(ValueError, match="is a string"):
        process.x.set(3)
    process.stop()


def test_sparse_var() -> None:
    matrix = scipy.sparse.random(6, 4, density=0.4, format="csr", random_state=0)
    process = held((6, 4), matrix)
    assert scipy.sparse.issparse(process.x.get())
    np.testing.assert_allclose(process.x.get().toarray(), matrix.toarray(), rtol=1e-6)
    assert process.runtime.network.holder.x.shape == (matrix.nnz,)
    process.x.set(matrix * 2)
    np.testing.assert_allclose(process.x.get().toarray(), 2 * matrix.toarray(), rtol=1e-6)
    with pytest.raises(ValueError, match="stored positions"):
        process.x.set(scipy.sparse.eye(6, 4, format="csr"))
    with pytest.raises(ValueError, match="Pass a scipy.sparse matrix"):
        process.x.set(np.ones((6, 4)))
    process.stop()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_the_run_configs(dtype) -> None:
    process = held((2,), 0.1, dtype=dtype)
    assert process.runtime.network.holder.x.dtype == getattr(torch, dtype)
    assert np.allclose(process.x.get(), np.array(0.1, dtype))
    process.stop()


def test_zero_size_var() -> None:
    process = held((0, 3), 0)
    assert process.x.get().shape == (0, 3)
    process.stop()


def test_scalar_parameter_may_be_an_array() -> None:
    lif = lt.LIF(shape=(3,), vth=np.array([1.0, 2.0, 3.0]), bias_mant=1.5)
    lif.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg())
    np.testing.assert_array_equal(lif.vth.get(), [1, 2, 3])
    np.testing.assert_array_equal(lif.v.get(), [0, 1.5, 1.5])
    lif.stop()


def test_ports_of_several_names() -> None:
    class Split(lt.AbstractProcess):
        def __init__(self):
            super().__init__(name="split")
            self.a_in = lt.InPort((2,))
            self.plus = lt.OutPort((2,))
            self.minus = lt.OutPort((2,))

    @implements(Split)
    class SplitModel(lt.TorchProcessModel):
        def step(self, a_in):
            return {"plus": a_in, "minus": -a_in}

    cfg = lt.Loihi2SimCfg(exception_proc_model_map={Split: SplitModel})
    out = lt.compile(Split(), cfg)({"split": torch.ones(3, 2)})
    assert set(out) == {"split.plus", "split.minus"}
    assert torch.equal(out["split.minus"], -torch.ones(3, 2))


def test_unknown_out_port() -> None:
    class Sends(lt.AbstractProcess):
        def __init__(self):
            super().__init__(name="sends")
            self.a = lt.OutPort((1,))
            self.b = lt.OutPort((1,))

    @implements(Sends)
    class SendsModel(lt.TorchProcessModel):
        def emit(self):
            return {"c": torch.zeros(1)} if self.proc_params.get("wrong") else torch.zeros(1)

    cfg = lt.Loihi2SimCfg(exception_proc_model_map={Sends: SendsModel})
    with pytest.raises(ValueError, match=r"OutPorts \['a', 'b'\].*dict"):
        lt.compile(Sends(), cfg)(steps=1)
    wrong = Sends()
    wrong.proc_params["wrong"] = True
    with pytest.raises(ValueError, match=r"sent to \['c'\].*\['a', 'b'\]"):
        lt.compile(wrong, cfg)(steps=1)


def test_read_through_a_ref_port() -> None:
    class Reader(lt.AbstractProcess):
        def __init__(self):
            super().__init__(name="reader")
            self.ref = lt.RefPort((2,))
            self.lonely = lt.RefPort((3,))
            self.seen = lt.Var((2,), 0)

    @implements(Reader)
    class ReaderModel(lt.TorchProcessModel):
        def manage(self):
            assert self.read("lonely").shape == (3,)
            self.seen = self.read("ref") + 1

    lif, reader = lt.LIF(shape=(2,), bias_mant=2.0), Reader()
    reader.ref.connect_var(lif.v)
    lif.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(exception_proc_model_map={Reader: ReaderModel}))
    np.testing.assert_array_equal(reader.seen.get(), lif.v.get() + 1)
    lif.stop()


class Accumulator(lt.AbstractProcess):
    def __init__(self):
        super().__init__(name="accumulator")
        self.a_in = lt.InPort((3,))
        self.x = lt.Var((3,), 2.7)
        self.gain = lt.Var((1,), 1)


class AccumulatorModel(lt.TorchProcessModel):
    def absorb(self, a_in):
        self.x = self.x + a_in


@pytest.mark.parametrize(
    ("tags", "dtype"),
    [
        (("fixed_pt",), torch.int32),
        (("floating_pt",), torch.float32),
        (("floating_pt", "fixed_pt"), torch.float32),
        ((), torch.float32),
    ],
    ids=["fixed", "floating", "both", "none"],
)
def test_the_tag_says_the_dtype(tags, dtype) -> None:
    model = type("Tagged", (AccumulatorModel,), {})
    model = lt.tag(*tags)(implements(Accumulator)(model))
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={Accumulator: model})
    network = lt.compile(Accumulator(), cfg)
    assert network.accumulator.x.dtype == dtype
    assert network.accumulator.x[0] == (2 if dtype == torch.int32 else 2.7)


def test_a_parameter_that_is_not_shared_cannot_be_trained() -> None:
    model = implements(Accumulator)(type("Plain", (AccumulatorModel,), {}))
    cfg = lt.Loihi2SimCfg(
        exception_proc_model_map={Accumulator: model}, trainable=["accumulator.gain"]
    )
    with pytest.raises(lt.VarValueError, match="add it to `shared` of Plain"):
        lt.compile(Accumulator(), cfg)


class TestLoadStateDict:
    @pytest.mark.parametrize(
        ("var", "value", "message"),
        [
            ("dense.weights", 0.5, "'weights' of Process 'dense'.*whole numbers"),
            ("dense.weights", 1000, r"'weights' of Process 'dense'.*\[-256, 255\]"),
            ("lif.vth", -1, r"'vth' of Process 'lif'.*\[0, 131071\]"),
        ],
        ids=["fraction", "range", "threshold"],
    )
    def test_values_that_do_not_fit(self, make_chain, var, value, message) -> None:
        chain = make_chain(fixed=True)
        network = lt.compile(chain.lif, chain.cfg())
        state = network.state_dict()
        before = state[var].clone()
        with pytest.raises(RuntimeError, match=message):
            network.load_state_dict({**state, var: torch.full(before.shape, float(value))})
        assert torch.equal(network.state_dict()[var], before)

    def test_of_another_process_of_python(self, chain) -> None:
        first, second = (lt.compile(chain.lif, chain.cfg()) for _ in range(2))
        first(steps=1)
        second.load_state_dict(first.state_dict())
        assert torch.equal(first(steps=20)["sink"], second(steps=20)["sink"])


class TestEquationModel:
    def test_number_of_results(self) -> None:
        @lt.equation
        def cell(v):
            return v, v

        class Cell(lt.AbstractProcess):
            def __init__(self):
                super().__init__(name="cell")
                self.v = lt.Var((1,), 0)

        model = type("CellModel", (lt.EquationModel,), {"equation": cell, "returns": ("v",)})
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Cell: implements(Cell)(model)})
        with pytest.raises(TypeError, match="'cell' gives 2 results, `returns` names 1"):
            lt.compile(Cell(), cfg)

    def test_parameters_of_another_shape(self) -> None:
        lif = lt.LIF(shape=(3,), du=np.zeros(4), name="lif")
        with pytest.raises(
            lt.VarInitError, match=r"'du' of Process 'lif' has shape \(4,\).*\(3,\)"
        ):
            lt.compile(lif, lt.Loihi2SimCfg())

    def test_unknown_argument(self) -> None:
        class Cell(lt.AbstractProcess):
            def __init__(self):
                super().__init__(name="cell")
                self.v = lt.Var((1,), 0)

        @lt.equation
        def cell(v, tau):
            return v - v / tau

        @implements(Cell)
        class CellModel(lt.EquationModel):
            equation = cell
            returns = ("v",)

        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Cell: CellModel})
        with pytest.raises(TypeError, match=r"'cell' takes \['tau'\].*\['v'\]"):
            lt.compile(Cell(), cfg)

    def test_unknown_result(self) -> None:
        class Cell(lt.AbstractProcess):
            def __init__(self):
                super().__init__(name="cell")
                self.v = lt.Var((1,), 0)

        @lt.equation
        def cell(v):
            return v, v

        @implements(Cell)
        class CellModel(lt.EquationModel):
            equation = cell
            returns = ("v", "w")

        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Cell: CellModel})
        with pytest.raises(TypeError, match=r"returns \['w'\]"):
            lt.compile(Cell(), cfg)
