"""Models without phases, beside those with them."""

from __future__ import annotations

import numpy as np
import pytest

import lava_torch as lt
from lava_torch.core import CPU, AsyncProtocol, LoihiProtocol, implements, requires
from lava_torch.model.hosted import PyLoihiModelToPyAsyncModel

CFG = lt.Loihi2SimCfg()
SHAPE = (2,)


class Source(lt.AbstractProcess):
    def __init__(self, name="source"):
        super().__init__(name=name)
        self.out = lt.OutPort(SHAPE)


@implements(Source, AsyncProtocol)
@requires(CPU)
class SourceModel(lt.PyAsyncProcessModel):
    """Sends its rounds, a run."""

    out: lt.PyOutPort = lt.LavaPyType(lt.PyOutPort.VEC_DENSE, int)

    def run_async(self):
        for i in range(self.num_steps):
            self.out.send(np.full(SHAPE, i + 1))


class Sink(lt.AbstractProcess):
    def __init__(self, name="sink"):
        super().__init__(name=name)
        self.inp = lt.InPort(SHAPE)
        self.total = lt.Var(SHAPE, 0)


@implements(Sink, AsyncProtocol)
@requires(CPU)
class SinkModel(lt.PyAsyncProcessModel):
    inp: lt.PyInPort = lt.LavaPyType(lt.PyInPort.VEC_DENSE, int)
    total: np.ndarray = lt.LavaPyType(np.ndarray, int)

    def run_async(self):
        for _ in range(self.num_steps):
            self.total += self.inp.recv().astype(int)


@implements(Sink, LoihiProtocol)
@requires(CPU)
class SteppedSink(lt.PyLoihiProcessModel):
    inp: lt.PyInPort = lt.LavaPyType(lt.PyInPort.VEC_DENSE, int)
    total: np.ndarray = lt.LavaPyType(np.ndarray, int)

    def run_spk(self):
        self.total += self.inp.recv().astype(int)


MODELS = [SinkModel, SteppedSink, PyLoihiModelToPyAsyncModel(SteppedSink)]


@pytest.mark.parametrize("steps", [5, 200])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_source_and_sink(model, steps):
    source, sink = Source(), Sink()
    source.out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={sink: model})
    for run in (1, 2):
        source.run(lt.RunSteps(steps), run_cfg=cfg)
        assert sink.total.get().tolist() == [run * steps * (steps + 1) / 2] * 2
        assert source.runtime.time_step == run * steps
    source.stop()


def test_into_a_compiled_process():
    source = Source()
    lif = lt.LIF(shape=SHAPE, vth=1000, du=0.0, dv=0.0)
    source.out.connect(lif.a_in)
    source.run(lt.RunSteps(4), run_cfg=CFG)
    assert lif.u.get().tolist() == [10, 10]
    source.stop()


def test_from_a_compiled_process():
    ring = lt.io.source.RingBuffer(data=np.arange(10).reshape(2, 5))
    sink = Sink()
    ring.s_out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={sink: SinkModel})
    sink.run(lt.RunSteps(5), run_cfg=cfg)
    assert sink.total.get().tolist() == [10, 35]
    sink.stop()


class Endless(SourceModel):
    """Sends until it is told to end."""

    def run_async(self):
        while not self.check_for_stop_cmd():
            self.out.send(np.ones(SHAPE))


def test_one_that_sends_faster_than_others_receive():
    source, sink = Source(), Sink()
    source.out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={source: Endless, sink: SteppedSink})
    source.run(lt.RunSteps(100), run_cfg=cfg)
    assert sink.total.get().tolist() == [100, 100]
    source.stop()


class Waiting(SinkModel):
    """Receives more than comes."""

    def run_async(self):
        while True:
            self.total += self.inp.recv().astype(int)


def test_one_that_waits_for_more_ends_with_the_run():
    ring = lt.io.source.RingBuffer(data=np.ones((2, 1)))
    sink = Sink()
    ring.s_out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={sink: Waiting})
    for steps in (3, 4):
        sink.run(lt.RunSteps(steps), run_cfg=cfg)
    assert sink.total.get().tolist() == [7, 7]
    sink.stop()


class Polling(SinkModel):
    def run_async(self):
        while not self.check_for_pause_cmd():
            if self.inp.probe():
                self.total += self.inp.recv().astype(int)


def test_a_run_without_an_end():
    source, sink = Source(), Sink()
    source.out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={source: Endless, sink: Polling})
    source.run(lt.RunContinuous(), run_cfg=cfg)
    source.pause()
    first = sink.total.get()[0]
    source.run(lt.RunContinuous(), run_cfg=cfg)
    source.pause()
    assert sink.total.get()[0] >= first
    source.stop()


def test_waiting_for_each_other_is_reported():
    source, sink = Source(), Sink()
    source.out.connect(sink.inp)

    class Silent(SourceModel):
        def run_async(self):
            pass

    cfg = lt.Loihi2SimCfg(exception_proc_model_map={source: Silent, sink: SinkModel})
    with pytest.raises(RuntimeError, match="a message of 'source.out' at 'sink.inp'"):
        source.run(lt.RunSteps(3), run_cfg=cfg)
    source.stop()


def test_its_vars_can_be_read_but_not_set():
    source, sink = Source(), Sink()
    source.out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={sink: SinkModel})
    source.run(lt.RunSteps(3), run_cfg=cfg)
    assert sink.total.get().tolist() == [6, 6]
    with pytest.raises(RuntimeError, match="'total' of Process 'sink' belongs to an asynchronous"):
        sink.total.set(np.zeros(2))
    source.stop()


def test_it_is_saved_between_runs_only(tmp_path):
    source, sink = Source(), Sink()
    source.out.connect(sink.inp)
    cfg = lt.Loihi2SimCfg(exception_proc_model_map={sink: SinkModel})
    with pytest.raises(lt.CheckpointError, match="'source' has the asynchronous model SourceModel"):
        source.run(lt.RunSteps(3), run_cfg=cfg, checkpoint_every=1, checkpoint=tmp_path / "run")
    source.run(lt.RunSteps(3))
    source.save(tmp_path / "net")
    again = lt.AbstractProcess.load(tmp_path / "net")
    for process in (source, again):
        process.run(lt.RunSteps(4))
    (copy,) = (p for p in again.runtime.network.graph.node_of if p.name == "sink")
    assert sink.total.get().tolist() == copy.total.get().tolist() == [16, 16]
    source.stop(), again.stop()


def test_the_class_that_makes_asynchronous_ones():
    made = MODELS[2]
    assert made.__name__ == "SteppedSinkAsync"
    assert made.implements_process is Sink and made.implements_protocol is AsyncProtocol
    with pytest.raises(TypeError, match="PyLoihiProcessModel class"):
        PyLoihiModelToPyAsyncModel(SinkModel)
