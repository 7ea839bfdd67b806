"""RefPorts and VarPorts, between numpy models, between compiled ones, and across."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import CPU, LoihiProtocol, implements, requires
from lava_torch.model.hosted import LavaPyType, PyLoihiProcessModel, PyRefPort, PyVarPort


class Holder(lt.AbstractProcess):
    """Counts up its Var in each step, by 1 in the spiking phase."""

    def __init__(self, shape=(2, 3), name="holder"):
        super().__init__(shape=shape, name=name)
        self.value = lt.Var(shape, np.arange(np.prod(shape)).reshape(shape))
        self.port = lt.VarPort(self.value)


@implements(Holder, LoihiProtocol)
@requires(CPU)
class NumpyHolder(PyLoihiProcessModel):
    value: np.ndarray = LavaPyType(np.ndarray, float)
    port: PyVarPort = LavaPyType(PyVarPort.VEC_DENSE, float)

    def run_spk(self):
        self.value = self.value + 1


class TorchHolder(lt.TorchProcessModel):
    def emit(self):
        self.value = self.value + 1
        return {}


class Visitor(lt.AbstractProcess):
    """Keeps what it reads in post-management, then writes ten times that in even steps."""

    def __init__(self, shape=(2, 3), name="visitor"):
        super().__init__(shape=shape, name=name)
        self.ref = lt.RefPort(shape)
        self.seen = lt.Var(shape, 0)


@implements(Visitor, LoihiProtocol)
@requires(CPU)
class NumpyVisitor(PyLoihiProcessModel):
    ref: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, float)
    seen: np.ndarray = LavaPyType(np.ndarray, float)

    def post_guard(self):
        return True

    def run_post_mgmt(self):
        self.seen = self.ref.read()
        if self.time_step % 2 == 0:
            self.ref.write(self.seen * 10)
            self.ref.wait()


class TorchVisitor(lt.TorchProcessModel):
    def manage(self):
        self.seen = self.read("ref")
        if int(self.time_step) % 2 == 0:
            self.write("ref", self.seen * 10)


def connected(link, holder=None, visitor=None):
    holder, visitor = holder or Holder(), visitor or Visitor()
    if link == "implicit":
        visitor.ref.connect_var(holder.value)
    elif link == "explicit":
        visitor.ref.connect(holder.port)
    else:
        visitor.ref.reshape((3, 2)).transpose((1, 0)).connect(holder.port)
    return holder, visitor


def values(link, holder_model, visitor_model, steps=5):
    holder, visitor = connected(link)
    cfg = lt.Loihi2SimCfg(
        dtype="float64", exception_proc_model_map={holder: holder_model, visitor: visitor_model}
    )
    found = []
    for _ in range(steps):
        visitor.run(lt.RunSteps(1), run_cfg=cfg)
        found.append((holder.value.get(), visitor.seen.get()))
    visitor.stop()
    return found


@pytest.mark.parametrize("holder", [NumpyHolder, TorchHolder])
@pytest.mark.parametrize("visitor", [NumpyVisitor, TorchVisitor])
@pytest.mark.parametrize("link", ["implicit", "explicit", "views"])
def test_read_and_write(link, holder, visitor):
    value = np.arange(6.0).reshape(2, 3)
    for step, (held, seen) in enumerate(values(link, holder, visitor), start=1):
        value = value + 1
        read = value.T.reshape(2, 3) if link == "views" else value
        np.testing.assert_array_equal(seen, read)
        value = value * 10 if step % 2 == 0 else value
        np.testing.assert_array_equal(held, value)


class TestConcatenated:
    """Several RefPorts that reach one Var, each a part of it."""

    @pytest.mark.parametrize("holder_model", [NumpyHolder, TorchHolder])
    @pytest.mark.parametrize("visitor_model", [NumpyVisitor, TorchVisitor])
    def test_each_reaches_its_part(self, holder_model, visitor_model):
        holder = Holder()
        parts = [Visitor((2, 1), "one"), Visitor((2, 2), "two")]
        parts[0].ref.concat_with([parts[1].ref], axis=1).connect(holder.port)
        models = {holder: holder_model, parts[0]: visitor_model, parts[1]: visitor_model}
        cfg = lt.Loihi2SimCfg(dtype="float64", exception_proc_model_map=models)
        holder.run(lt.RunSteps(2), run_cfg=cfg)
        value = np.arange(6.0).reshape(2, 3) + 2
        np.testing.assert_array_equal(parts[0].seen.get(), value[:, :1])
        np.testing.assert_array_equal(parts[1].seen.get(), value[:, 1:])
        np.testing.assert_array_equal(holder.value.get(), value * 10)
        holder.stop()


class Other(lt.AbstractProcess):
    def __init__(self, name="other", shape=(2, 3)):
        super().__init__(name=name)
        self.ref = lt.RefPort(shape)
        self.seen = lt.Var(shape, -1)


@implements(Other, LoihiProtocol)
@requires(CPU)
class NumpyOther(PyLoihiProcessModel):
    """Writes in the spiking phase, and reads in pre-management of every third step."""

    ref: PyRefPort = LavaPyType(PyRefPort.VEC_DENSE, int)
    seen: np.ndarray = LavaPyType(np.ndarray, float)

    def run_spk(self):
        if self.time_step == 2:
            self.ref.write(np.full((2, 3), 100.9))

    def pre_guard(self):
        return self.time_step % 3 == 0

    def lrn_guard(self):
        return self.time_step % 3 == 0

    def run_pre_mgmt(self):
        self.seen = self.ref.read()


@pytest.mark.parametrize("holder_model", [NumpyHolder, TorchHolder])
class TestWhen:
    def test_what_is_written_in_spiking_arrives_with_the_next_phase_that_serves(self, holder_model):
        holder, other = connected("explicit", visitor=Other())
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Holder: holder_model})
        other.run(lt.RunSteps(4), run_cfg=cfg)
        # Written in step 2; step 3 adds 1, then pre-management lets it in: cast to int.
        np.testing.assert_array_equal(other.seen.get(), np.full((2, 3), 100))
        np.testing.assert_array_equal(holder.value.get(), np.full((2, 3), 101))
        other.stop()

    def test_or_at_the_end_of_the_run(self, holder_model):
        holder, other = connected("explicit", visitor=Other())
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={Holder: holder_model})
        other.run(lt.RunSteps(2), run_cfg=cfg)
        np.testing.assert_array_equal(holder.value.get(), np.full((2, 3), 100))
        other.stop()


def test_unconnected_reads_zeros_and_writes_to_nobody():
    for model in (NumpyVisitor, TorchVisitor):
        visitor = Visitor()
        visitor.run(
            lt.RunSteps(2),
            run_cfg=lt.Loihi2SimCfg(exception_proc_model_map={visitor: model}),
        )
        np.testing.assert_array_equal(visitor.seen.get(), np.zeros((2, 3)))
        visitor.stop()


def test_a_compiled_writer_in_a_batch():
    holder, visitor = connected("implicit")
    models = {holder: TorchHolder, visitor: TorchVisitor}
    cfg = lt.Loihi2SimCfg(batch_size=2, exception_proc_model_map=models)
    visitor.run(lt.RunSteps(2), run_cfg=cfg)
    one = (np.arange(6.0).reshape(2, 3) + 2) * 10
    np.testing.assert_array_equal(holder.value.get(), [one, one])
    visitor.stop()


class SharedHolder(TorchHolder):
    shared = ("value",)

    def emit(self):
        return {}


class TestRefused:
    def run(self, visitor, **options):
        visitor.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(**options))

    def test_one_value_an_item_for_a_var_that_all_share(self):
        holder, visitor = connected("implicit")
        models = {holder: SharedHolder, visitor: TorchVisitor}

        class PerItem(TorchVisitor):
            def manage(self):
                self.write("ref", torch.ones(4, 2, 3))

        with pytest.raises(RuntimeError, match="'value' of Process 'holder' has one value for all"):
            self.run(visitor, batch_size=4, exception_proc_model_map={**models, visitor: PerItem})
        assert visitor.runtime.time_step == 0
        visitor.stop()

    @pytest.mark.parametrize("kind", ["array", "tensor"])
    def test_another_shape(self, kind):
        class NumpyWrong(NumpyVisitor):
            def run_post_mgmt(self):
                self.ref.write(np.zeros((3, 2)))

        class TorchWrong(TorchVisitor):
            def manage(self):
                self.write("ref", torch.zeros(3, 2))

        model = NumpyWrong if kind == "array" else TorchWrong
        holder, visitor = connected("implicit")
        wanted = rf"'visitor.ref' has shape \(2, 3\); its model wrote an? {kind} of shape \(3, 2\)"
        with pytest.raises(RuntimeError, match=wanted):
            self.run(visitor, exception_proc_model_map={holder: NumpyHolder, visitor: model})
        visitor.stop()
