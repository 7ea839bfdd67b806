"""TensorBoardLogger: what arrives in the event file, when, and what is refused."""

from __future__ import annotations

import copy
import gc
import io
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

import lava_torch as lt
from lava_torch.core import VarNotSharableError, implements, tag
from lava_torch.observe import tensorboard_models
from lava_torch.observe.event_thread import WAITING_JOBS, Raster


class Events:
    """What is in the event files of a folder."""

    def __init__(self, logdir: Path) -> None:
        everything = {"scalars": 0, "histograms": 0, "images": 0}
        self._found = EventAccumulator(str(logdir), size_guidance=everything)
        self._found.Reload()

    def tags(self, kind: str) -> list[str]:
        return sorted(self._found.Tags()[kind])

    def steps(self, name: str) -> list[int]:
        return [event.step for event in self._found.Scalars(name)]

    def curve(self, name: str) -> list[float]:
        return [event.value for event in self._found.Scalars(name)]

    def curves(self, name: str, indices: range | list[int]) -> np.ndarray:
        """(steps, len(indices))"""
        return np.array([self.curve(f"{name}/{i}") for i in indices]).T

    def histograms(self, name: str) -> list:
        return self._found.Histograms(name)

    def images(self, name: str) -> list[tuple[int, np.ndarray]]:
        return [
            (event.step, np.asarray(Image.open(io.BytesIO(event.encoded_image_string))))
            for event in self._found.Images(name)
        ]


@pytest.fixture
def logger(tmp_path: Path):
    with lt.TensorBoardLogger(tmp_path) as made:
        yield made


class Cell(lt.AbstractProcess):
    """`v` counts the steps, in `shape`; its model can be told to fail."""

    def __init__(self, shape=(3,), fail_at: int = 0, phase: str = "spiking", name="cell") -> None:
        super().__init__(fail_at=fail_at, phase=phase, name=name)
        self.s_out = lt.OutPort(shape)
        self.v = lt.Var(shape, 0)
        self.hidden = lt.Var(shape, 0, shareable=False)
        self.text = lt.Var((1,), "text")


@implements(Cell)
@tag("floating_pt", "fixed_pt")
class CellModel(lt.TorchProcessModel):
    def emit(self):
        self.v = self.v + 1
        self.fail("spiking")
        return self.v

    def manage(self):
        self.fail("post-management")

    def fail(self, phase):
        params = self.proc_params
        if params["phase"] == phase and int(self.time_step) == params["fail_at"]:
            raise KeyError("deliberate")


CFG = lt.Loihi2SimCfg()


@pytest.fixture
def cell():
    process = Cell()
    yield process
    process.stop()


class TestScalars:
    def test_curves_are_what_a_monitor_records(self, chain, logger, tmp_path) -> None:
        monitor = lt.Monitor()
        for target in (chain.lif.v, chain.lif.s_out):
            monitor.probe(target, 20)
            logger.probe(target)
        for steps in (1, 12, 7):
            chain.lif.run(lt.RunSteps(steps), run_cfg=chain.cfg())
        logger.flush()
        events, seen = Events(tmp_path), monitor.get_data()["lif"]
        assert np.any(seen["s_out"]) and np.any(seen["v"])
        for name in ("v", "s_out"):
            curves = events.curves(f"lif.{name}", range(5))
            np.testing.assert_array_equal(curves, seen[name].astype(np.float32))
            assert events.steps(f"lif.{name}/0") == list(range(1, 21))

    @pytest.mark.parametrize("every", [1, 3, 20, 21])
    def test_every(self, cell, logger, tmp_path, every) -> None:
        logger.probe(cell.v, every=every, index=0)
        logger.probe(cell.v, tag="other")
        cell.run(lt.RunSteps(20), run_cfg=CFG)
        logger.flush()
        due = list(range(every, 21, every))
        events = Events(tmp_path)
        assert ("cell.v/0" in events.tags("scalars")) == bool(due)
        if due:
            assert events.steps("cell.v/0") == events.curve("cell.v/0") == due

    @pytest.mark.parametrize(
        ("index", "elements"),
        [
            (1, [1]),
            (-1, [11]),
            ([4, 0], [0, 4]),
            (slice(2, 9, 3), [2, 5, 8]),
            (np.array([7]), [7]),
        ],
        ids=["int", "negative", "list", "slice", "array"],
    )
    def test_index_counts_flat_elements(self, logger, tmp_path, index, elements) -> None:
        source = lt.io.source.RingBuffer(data=np.arange(12).reshape(3, 4, 1), name="in")
        logger.probe(source.s_out, index=index)
        source.run(lt.RunSteps(2), run_cfg=CFG)
        source.stop()
        logger.flush()
        events = Events(tmp_path)
        assert events.tags("scalars") == sorted(f"in.s_out/{i}" for i in elements)
        assert events.curves("in.s_out", elements).tolist() == [elements, elements]

    @pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
    def test_many_elements_give_their_mean(self, logger, tmp_path, tag) -> None:
        data = np.arange(18).reshape(9, 2)
        source = lt.io.source.RingBuffer(data=data, name="in")
        for target in (source.s_out, source.data):
            logger.probe(target)
        source.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
        source.stop()
        logger.flush()
        events = Events(tmp_path)
        assert events.curve("in.s_out/mean") == data.mean(axis=0).tolist()
        assert events.curve("in.data/mean") == [data.mean()] * 2

    def test_a_parameter_given_as_an_array_counts_all_its_elements(self, logger, tmp_path) -> None:
        lif = lt.LIF(shape=(3,), vth=np.array([1.0, 2.0, 3.0]), name="lif")
        logger.probe(lif.vth)
        lif.run(lt.RunSteps(1), run_cfg=CFG)
        lif.stop()
        logger.flush()
        assert Events(tmp_path).curves("lif.vth", range(3)).tolist() == [[1, 2, 3]]

    def test_several_probes_of_one_var(self, cell, logger, tmp_path) -> None:
        monitor = lt.Monitor()
        monitor.probe(cell.v, 3)
        logger.probe(cell.v, index=0)
        logger.probe(cell.v, index=1, tag="second")
        logger.probe(cell.v, kind="histogram")
        cell.run(lt.RunSteps(3), run_cfg=CFG)
        logger.flush()
        events = Events(tmp_path)
        assert events.tags("scalars") == ["cell.v/0", "second/1"]
        assert events.curve("second/1") == monitor.get_data()["cell"]["v"][:, 1].tolist()
        assert [h.step for h in events.histograms("cell.v/histogram")] == [1, 2, 3]


class TestHistograms:
    def test_all_values_each_time(self, chain, logger, tmp_path) -> None:
        monitor = lt.Monitor()
        monitor.probe(chain.lif.v, 20)
        logger.probe(chain.lif.v, kind="histogram", every=4)
        chain.lif.run(lt.RunSteps(20), run_cfg=chain.cfg())
        logger.flush()
        found = Events(tmp_path).histograms("lif.v/histogram")
        assert [event.step for event in found] == [4, 8, 12, 16, 20]
        for event in found:
            v = monitor.get_data()["lif"]["v"][event.step - 1]
            value = event.histogram_value
            assert (value.num, sum(value.bucket)) == (5, 5)
            np.testing.assert_allclose([value.min, value.max], [v.min(), v.max()], rtol=1e-6)

    def test_values_that_are_not_finite_are_left_out(self, logger, tmp_path) -> None:
        data = np.array([[1.0, np.nan], [np.inf, np.nan]])
        source = lt.io.source.RingBuffer(data=data, name="in")
        logger.probe(source.s_out, kind="histogram")
        source.run(lt.RunSteps(2), run_cfg=CFG)
        source.stop()
        logger.flush()
        (event,) = Events(tmp_path).histograms("in.s_out/histogram")
        assert (event.step, event.histogram_value.num, event.histogram_value.max) == (1, 1, 1)


def dark(picture: np.ndarray) -> np.ndarray:
    return picture.max(axis=-1) < 128


class TestRasters:
    def raster(self, spikes: np.ndarray, limit: int = 1000) -> np.ndarray:
        raster = Raster("title", np.arange(spikes.shape[1]), limit)
        raster.extend(range(1, len(spikes) + 1), spikes != 0)
        return raster.draw()

    def test_one_spike_is_one_mark_at_its_place(self) -> None:
        spikes = np.zeros((40, 10))
        blank = self.raster(spikes)
        spikes[29, 7] = 1
        rows, columns = np.nonzero(dark(self.raster(spikes)) & ~dark(blank))
        height, width = blank.shape[:2]
        assert rows.size and np.ptp(rows) < height / 10 and np.ptp(columns) < width / 40
        # Step 30 of 40 lies to the right of the middle, neuron 7 of 0..9 above it.
        assert 0.6 < columns.mean() / width < 0.85
        assert 0.1 < rows.mean() / height < 0.4

    def test_picture_is_large_enough_to_read(self) -> None:
        assert min(self.raster(np.ones((2, 1))).shape[:2]) >= 300
        assert max(self.raster(np.ones((3, 1000))).shape[:2]) <= 1000

    def test_only_the_last_rows_are_kept(self) -> None:
        spikes = np.zeros((20, 3))
        blank = self.raster(spikes, limit=5)
        spikes[:15] = 1
        np.testing.assert_array_equal(self.raster(spikes, limit=5), blank)
        spikes[15, 0] = 1
        assert np.any(self.raster(spikes, limit=5) != blank)

    def test_what_was_recorded_is_drawn_at_flush_once(self, chain, logger, tmp_path) -> None:
        logger.probe(chain.lif.s_out, kind="raster")
        for steps in (15, 5):
            chain.lif.run(lt.RunSteps(steps), run_cfg=chain.cfg())
        logger.flush()
        logger.flush()
        ((step, picture),) = Events(tmp_path).images("lif.s_out/raster")
        expected = Raster("lif.s_out/raster", np.arange(5), 1000)
        expected.extend(range(1, 21), chain.sink.data.get().T != 0)
        assert step == 20
        np.testing.assert_array_equal(picture, expected.draw())

    def test_drawn_at_stop(self, chain, logger, tmp_path) -> None:
        logger.probe(chain.lif.s_out, kind="raster", index=[3, 1])
        chain.lif.run(lt.RunSteps(4), run_cfg=chain.cfg())
        chain.lif.stop()
        logger.close()
        assert [step for step, _ in Events(tmp_path).images("lif.s_out/raster")] == [4]

    def test_of_many_neurons_a_thousand_are_shown(self, logger) -> None:
        source = lt.io.source.RingBuffer(data=np.ones((5000, 1)), name="in")
        logger.probe(source.s_out, kind="raster")
        network = lt.compile(source, CFG)
        (model,) = (m for m in network.models.values() if m.observer)
        chosen = model._elements
        assert (len(chosen), chosen[0], chosen[-1]) == (1000, 0, 4999)
        assert set(np.diff(chosen)) == {5, 6} or set(np.diff(chosen)) == {4, 5}


class TestRuns:
    def test_results_stay_as_they_are(self, chain, make_chain, logger) -> None:
        plain = make_chain(fixed=chain.tag == "fixed_pt")
        logger.probe(chain.lif.v)
        logger.probe(chain.lif.s_out, kind="raster")
        logger.probe(chain.dense.weights, kind="histogram", every=2)
        for network in (chain, plain):
            network.lif.run(lt.RunSteps(20), run_cfg=network.cfg())
        watched, alone = chain.lif.runtime.network, plain.lif.runtime.network
        assert list(watched.state_dict()) == list(alone.state_dict())
        for name, value in alone.state_dict().items():
            assert torch.equal(watched.state_dict()[name], value), name

    def test_an_unroll_leaves_probes_out(self, make_chain, logger, tmp_path) -> None:
        chain = make_chain()
        logger.probe(chain.lif.v)
        logger.probe(chain.lif.s_out)
        network = lt.compile(chain.lif, chain.cfg())
        assert list(network(steps=3)) == ["sink"]
        logger.flush()
        assert Events(tmp_path).tags("scalars") == []

    @pytest.mark.parametrize("every", [1, 7])
    @pytest.mark.parametrize("ring_bytes", [1, 100, 1 << 22])
    def test_more_steps_than_the_ring_holds(
        self, cell, logger, tmp_path, monkeypatch, every, ring_bytes
    ) -> None:
        monkeypatch.setattr(tensorboard_models, "RING_BYTES", ring_bytes)
        monkeypatch.setattr(tensorboard_models, "RING_STEPS", 50)
        logger.probe(cell.v, every=every)
        for steps in (120, 1, 84):
            cell.run(lt.RunSteps(steps), run_cfg=CFG)
        logger.flush()
        due = list(range(every, 206, every))
        events = Events(tmp_path)
        assert events.steps("cell.v/2") == events.curve("cell.v/2") == due

    def test_reset_goes_on_with_the_steps(self, cell, logger, tmp_path) -> None:
        logger.probe(cell.v, index=0, every=2)
        for steps in (5, 4):
            cell.create_runtime(CFG) if cell.runtime is None else cell.runtime.reset()
            cell.run(lt.RunSteps(steps))
        logger.flush()
        events = Events(tmp_path)
        assert events.steps("cell.v/0") == [2, 4, 7, 9]
        assert events.curve("cell.v/0") == [2, 4, 2, 4]

    def test_a_run_after_stop_goes_on_with_the_steps(self, cell, logger, tmp_path) -> None:
        logger.probe(cell.v, index=0)
        for steps in (2, 3):
            cell.run(lt.RunSteps(steps), run_cfg=CFG)
            cell.stop()
        logger.flush()
        events = Events(tmp_path)
        assert events.steps("cell.v/0") == [1, 2, 3, 4, 5]
        assert events.curve("cell.v/0") == [1, 2, 1, 2, 3]

    def test_a_loaded_time_step_is_the_next_event(self, cell, logger, tmp_path) -> None:
        logger.probe(cell.v, index=0)
        cell.create_runtime(CFG)
        network = cell.runtime.network
        later = {**network.state_dict(), "clock.time_step": torch.tensor(90)}
        cell.run(lt.RunSteps(2))
        network.load_state_dict(later)
        cell.run(lt.RunSteps(2))
        logger.flush()
        assert Events(tmp_path).steps("cell.v/0") == [1, 2, 91, 92]

    @pytest.mark.parametrize("phase", ["spiking", "post-management"])
    @pytest.mark.parametrize("end", ["stop", "run", "reset"])
    def test_steps_before_an_exception_are_kept(self, logger, tmp_path, phase, end) -> None:
        cell = Cell(fail_at=4, phase=phase)
        logger.probe(cell.v, index=0)
        logger.probe(cell.s_out, index=0)
        with pytest.raises(RuntimeError, match="deliberate"):
            cell.run(lt.RunSteps(9), run_cfg=CFG)
        if end == "run":
            cell.proc_params.overwrite("fail_at", 0)
            cell.run(lt.RunSteps(2))
        if end == "reset":
            cell.runtime.reset()
        cell.stop()
        logger.flush()
        expected = [1, 2, 3, 4, 5] if end == "run" else [1, 2, 3]
        for name in ("v", "s_out"):
            assert Events(tmp_path).curve(f"cell.{name}/0")[: len(expected)] == expected
        if end != "reset":
            assert Events(tmp_path).steps("cell.v/0") == expected

    def test_a_paused_run_is_without_gaps(self, cell, logger, tmp_path) -> None:
        logger.probe(cell.v, index=0)
        cell.run(lt.RunContinuous(), run_cfg=CFG)
        while not cell.runtime.time_step:
            pass
        cell.pause()
        cell.run(lt.RunSteps(3))
        logger.flush()
        done = cell.runtime.time_step
        assert Events(tmp_path).steps("cell.v/0") == list(range(1, done + 1))

    @pytest.mark.parametrize("item", [0, 2])
    def test_item_of_a_batch(self, logger, tmp_path, item) -> None:
        data = np.arange(24).reshape(3, 2, 4)
        source = lt.io.source.RingBuffer(data=data, batched=True, name="in")
        dense = lt.Dense(weights=np.eye(2), name="dense", num_message_bits=8)
        source.s_out.connect(dense.s_in)
        logger.probe(source.s_out, item=item)
        logger.probe(dense.a_buff, item=item)
        logger.probe(dense.weights, item=item)  # shared: it has no batch axis
        source.run(lt.RunSteps(4), run_cfg=lt.Loihi2SimCfg(batch_size=3))
        source.stop()
        logger.flush()
        events = Events(tmp_path)
        for name in ("in.s_out", "dense.a_buff"):
            assert events.curves(name, range(2)).tolist() == data[item].T.tolist()
        assert events.curves("dense.weights", range(4))[-1].tolist() == [1, 0, 0, 1]

    def test_copies_of_a_network_record_too(self, cell, logger, tmp_path) -> None:
        logger.probe(cell.v, index=0)
        network = copy.deepcopy(lt.compile(cell, CFG))
        cell.create_runtime(CFG, executable=network)
        cell.run(lt.RunSteps(2))
        logger.flush()
        assert Events(tmp_path).curve("cell.v/0") == [1, 2]

    def test_two_networks_stay_apart(self, logger, tmp_path) -> None:
        first, second = Cell(name="first"), Cell(name="second")
        for cell in (first, second):
            logger.probe(cell.v, index=0)
        first.run(lt.RunSteps(2), run_cfg=CFG)
        assert second.runtime is None
        first.stop()
        logger.flush()
        assert Events(tmp_path).tags("scalars") == ["first.v/0"]

    def test_a_run_does_not_wait_for_the_thread(self, cell, logger, tmp_path) -> None:
        logger.probe(cell.v, index=0)
        held = threading.Event()
        logger._writer.submit(lambda sink: held.wait(60))
        cell.run(lt.RunSteps(2500), run_cfg=CFG)
        logger.scalar("loss", 1.0, 0)
        assert not held.is_set()
        held.set()
        logger.flush()
        events = Events(tmp_path)
        assert len(events.steps("cell.v/0")) == 2500
        assert events.curve("loss") == [1.0]

    def test_a_caller_far_ahead_waits(self, logger, tmp_path) -> None:
        held = threading.Event()
        logger._writer.submit(lambda sink: held.wait(60))

        def log() -> None:
            for step in range(WAITING_JOBS + 1):
                logger.scalar("loss", 0.0, step)

        ahead = threading.Thread(target=log)
        ahead.start()
        ahead.join(timeout=0.3)
        assert ahead.is_alive()
        held.set()
        ahead.join()
        logger.flush()
        assert len(Events(tmp_path).steps("loss")) == WAITING_JOBS + 1

    @pytest.mark.gpu
    def test_on_a_gpu(self, chain, make_chain, tmp_path) -> None:
        networks = {"cpu": chain, "cuda": make_chain(fixed=chain.tag == "fixed_pt")}
        for device, network in networks.items():
            with lt.TensorBoardLogger(tmp_path / device) as logger:
                logger.probe(network.lif.s_out)
                logger.probe(network.lif.v, kind="histogram")
                logger.scalar("sum", torch.ones(5, device=device).sum(), 1)
                network.lif.run(lt.RunSteps(20), run_cfg=network.cfg(device=device))
        curves = [Events(tmp_path / d).curves("lif.s_out", range(5)) for d in networks]
        np.testing.assert_array_equal(*curves)
        assert Events(tmp_path / "cuda").curve("sum") == [5.0]


class TestTrainingLoop:
    @pytest.mark.parametrize(
        "value",
        [0.5, np.float32(0.5), np.array([0.5]), torch.tensor(0.5), torch.full((1, 1), 0.5)],
        ids=["float", "numpy", "array", "tensor", "tensor-1x1"],
    )
    def test_scalar(self, logger, tmp_path, value) -> None:
        logger.scalar("train/loss", value, step=7)
        logger.flush()
        events = Events(tmp_path)
        assert (events.steps("train/loss"), events.curve("train/loss")) == ([7], [0.5])

    def test_tensors_are_kept_as_they_were(self, logger, tmp_path) -> None:
        held = threading.Event()
        logger._writer.submit(lambda sink: held.wait(60))
        weight = torch.ones(4, requires_grad=True)
        image = torch.zeros(2, 3)
        array = np.ones(4)
        logger.scalar("sum", weight.sum(), 0)
        logger.histogram("weight", weight, 0)
        logger.histogram("array", array, 0)
        logger.image("image", image, 0)
        with torch.no_grad():
            weight += 1
        image += 1
        array += 1
        held.set()
        logger.flush()
        events = Events(tmp_path)
        assert events.curve("sum") == [4.0]
        for name in ("weight", "array"):
            assert events.histograms(name)[0].histogram_value.max == 1
        assert not events.images("image")[0][1].any()

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int64])
    def test_dtypes(self, logger, tmp_path, dtype) -> None:
        values = torch.tensor([0, 1, 1]).to(dtype)
        logger.scalar("one", values[1], 0)
        logger.histogram("values", values.reshape(1, 3), 0)
        logger.flush()
        events = Events(tmp_path)
        assert events.curve("one") == [1.0]
        assert events.histograms("values")[0].histogram_value.sum == 2

    @pytest.mark.parametrize(
        ("shape", "dataformats"),
        [((4, 6), None), ((3, 4, 6), None), ((1, 4, 6), "CHW"), ((4, 6, 3), "HWC")],
        ids=["HW", "CHW", "gray", "HWC"],
    )
    def test_image(self, logger, tmp_path, shape, dataformats) -> None:
        logger.image("floats", np.full(shape, 0.5), 3, dataformats)
        logger.image("bytes", torch.full(shape, 127, dtype=torch.uint8), 3, dataformats)
        logger.flush()
        events = Events(tmp_path)
        for name in ("floats", "bytes"):
            ((step, picture),) = events.images(name)
            assert step == 3 and picture.shape[:2] == (4, 6)
            assert np.all(picture == 127)

    def test_figure_is_taken_as_it_is_now(self, logger, tmp_path) -> None:
        figure = Figure(figsize=(4, 3), dpi=100)
        canvas = figure.canvas
        logger.figure("empty", figure, 1)
        figure.add_subplot().fill_between([0, 1], [1, 1], color="black")
        logger.figure("plot", figure, 2)
        assert figure.canvas is canvas
        logger.flush()
        (empty,), (plot,) = (Events(tmp_path).images(name) for name in ("empty", "plot"))
        assert empty[1].shape == plot[1].shape == (300, 400, 3)
        assert empty[1].min() == 255 and dark(plot[1]).mean() > 0.3

    @pytest.mark.parametrize(
        ("call", "error"),
        [
            (lambda log: log.scalar("x", torch.ones(2), 0), ValueError),
            (lambda log: log.scalar("x", torch.ones(0), 0), ValueError),
            (lambda log: log.scalar("x", "1.0", 0), TypeError),
            (lambda log: log.scalar("x", torch.ones(1, dtype=torch.complex64), 0), TypeError),
            (lambda log: log.scalar(3, 1.0, 0), TypeError),
            (lambda log: log.scalar("x", 1.0, 0.5), TypeError),
            (lambda log: log.histogram("x", [], 0), ValueError),
            (lambda log: log.histogram("x", ["a"], 0), TypeError),
            (lambda log: log.image("x", torch.ones(3), 0), ValueError),
            (lambda log: log.image("x", torch.ones(2, 4, 4), 0), ValueError),
            (lambda log: log.image("x", torch.ones(5, 4, 3), 0, "CHW"), ValueError),
            (lambda log: log.image("x", torch.ones(4, 4, 3), 0, "HW"), ValueError),
            (lambda log: log.image("x", torch.ones(4, 4), 0, "WH"), ValueError),
            (lambda log: log.figure("x", np.ones((3, 3)), 0), TypeError),
        ],
    )
    def test_bad_input_is_refused_at_once(self, logger, call, error) -> None:
        with pytest.raises(error):
            call(logger)


class TestTheEnd:
    def test_close_twice_and_use_after(self, cell, tmp_path) -> None:
        logger = lt.TensorBoardLogger(tmp_path)
        logger.probe(cell.v, index=0)
        logger.scalar("loss", 1.0, 0)
        logger.close()
        logger.close()
        logger.flush()
        assert Events(tmp_path).curve("loss") == [1.0]
        for use in (
            lambda: logger.scalar("loss", 1.0, 1),
            lambda: logger.histogram("w", [1.0], 1),
            lambda: logger.figure("f", Figure(), 1),
            lambda: logger.probe(cell.v, kind="histogram"),
        ):
            with pytest.raises(RuntimeError, match="closed"):
                use()
        cell.run(lt.RunSteps(3), run_cfg=CFG)  # its probe is still there, and writes nothing
        cell.stop()
        assert Events(tmp_path).tags("scalars") == ["loss"]

    def test_an_exception_on_the_thread_reaches_the_caller(self, tmp_path, monkeypatch) -> None:
        def full(*args, **kwargs):
            raise OSError("no space left")

        logger = lt.TensorBoardLogger(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(SummaryWriter, "add_histogram", full)
            logger.histogram("w", [1.0], 0)
            with pytest.raises(RuntimeError, match="no space left") as caught:
                logger.flush()
            assert isinstance(caught.value.__cause__, OSError)
            logger.flush()  # told once
            logger.scalar("loss", 1.0, 0)
            logger.histogram("w", [1.0], 1)
            with pytest.raises(RuntimeError, match="no space left"):
                logger.close()
        assert Events(tmp_path).curve("loss") == [1.0]

    def test_with_block(self, tmp_path, monkeypatch) -> None:
        def full(*args, **kwargs):
            raise OSError("no space left")

        monkeypatch.setattr(SummaryWriter, "add_histogram", full)
        with pytest.raises(RuntimeError, match="no space left"):
            with lt.TensorBoardLogger(tmp_path) as logger:
                logger.histogram("w", [1.0], 0)
        with pytest.raises(KeyError, match="of the block"):
            with lt.TensorBoardLogger(tmp_path) as logger:
                logger.histogram("w", [1.0], 0)
                raise KeyError("of the block")
        assert logger._writer.closed

    def test_a_forgotten_logger_closes_its_file(self, tmp_path) -> None:
        logger = lt.TensorBoardLogger(tmp_path)
        logger.scalar("loss", 1.0, 0)
        closed = logger._writer._sink.closed
        del logger
        gc.collect()
        assert closed.wait(timeout=30)
        assert Events(tmp_path).curve("loss") == [1.0]

    def test_a_probe_keeps_its_file_open(self, cell, tmp_path) -> None:
        lt.TensorBoardLogger(tmp_path).probe(cell.v, index=0)
        gc.collect()
        cell.run(lt.RunSteps(2), run_cfg=CFG)
        (probe,) = (port.out_connections or port.in_connections for port in cell.var_ports)
        probe[0].process.proc_params["stream"].writer.flush()
        assert Events(tmp_path).curve("cell.v/0") == [1, 2]

    def test_the_end_of_the_program_writes_all(self, tmp_path) -> None:
        script = (
            "import sys, numpy as np, lava_torch as lt\n"
            "logger = lt.TensorBoardLogger(sys.argv[1])\n"
            "source = lt.io.source.RingBuffer(data=np.ones((1, 1)), name='in')\n"
            "logger.probe(source.s_out)\n"
            "logger.probe(source.s_out, kind='raster')\n"
            "source.run(lt.RunSteps(50), run_cfg=lt.Loihi2SimCfg())\n"
        )
        run = [sys.executable, "-c", script, str(tmp_path)]
        done = subprocess.run(run, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and not done.stderr, done.stderr
        events = Events(tmp_path)
        assert len(events.steps("in.s_out/0")) == 50
        assert [step for step, _ in events.images("in.s_out/raster")] == [50]

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts /proc/self/fd")
    def test_no_file_stays_open(self, tmp_path) -> None:
        def use(folder: Path) -> None:
            cell = Cell()
            with lt.TensorBoardLogger(folder) as logger:
                logger.probe(cell.v)
                logger.probe(cell.v, kind="raster")
                cell.run(lt.RunSteps(2), run_cfg=CFG)
                cell.stop()

        use(tmp_path / "warm")
        handles = Path("/proc/self/fd")
        before, threads = len(list(handles.iterdir())), threading.active_count()
        for number in range(3):
            use(tmp_path / str(number))
        assert len(list(handles.iterdir())) == before
        assert threading.active_count() == threads


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"every": 0}, ValueError, "every must be at least 1; got 0"),
            ({"every": 1.5}, TypeError, "every must be an int"),
            ({"kind": "curve"}, ValueError, "kind must be one of"),
            ({"index": 3}, ValueError, "there are 3 elements"),
            ({"index": -4}, ValueError, "there are 3 elements"),
            ({"index": [0, 7]}, ValueError, "there are 3 elements"),
            ({"index": []}, ValueError, "selects none"),
            ({"index": slice(5, 9)}, ValueError, "selects none"),
            ({"index": [1, 1]}, ValueError, "twice"),
            ({"index": [1, -2]}, ValueError, "twice"),
            ({"index": 0.5}, TypeError, "index must be"),
            ({"index": [True, False, True]}, TypeError, "index must be"),
            ({"index": [[0], [1]]}, TypeError, "index must be"),
            ({"item": -1}, ValueError, "item must be at least 0"),
            ({"tag": 5}, TypeError, "tag must be a str"),
        ],
        ids=str,
    )
    def test_options(self, cell, logger, options, error, message) -> None:
        with pytest.raises(error, match=message):
            logger.probe(cell.v, **options)
        assert len(list(cell.var_ports)) == 0  # nothing was attached

    @pytest.mark.parametrize(
        ("target", "error"),
        [
            (lambda cell: "cell.v", TypeError),
            (lambda cell: cell, TypeError),
            (lambda cell: lt.LIF(shape=(1,)).a_in, TypeError),
            (lambda cell: cell.s_out.reshape((1, 3)), TypeError),
            (lambda cell: cell.text, TypeError),
            (lambda cell: lt.Var((1,)), ValueError),
            (lambda cell: lt.OutPort((1,)), ValueError),
            (lambda cell: Cell(shape=(0,)).s_out, ValueError),
            (lambda cell: cell.hidden, VarNotSharableError),
        ],
        ids=["str", "process", "InPort", "view", "str-Var", "Var", "OutPort", "empty", "hidden"],
    )
    def test_targets(self, cell, logger, target, error) -> None:
        with pytest.raises(error):
            logger.probe(target(cell))

    def test_the_same_tag_and_kind_again(self, cell, logger) -> None:
        logger.probe(cell.v)
        logger.probe(cell.v, kind="raster")
        with pytest.raises(ValueError, match="scalar probe with the tag 'cell.v'"):
            logger.probe(cell.v, index=0)

    def test_after_compile(self, cell, logger) -> None:
        cell.run(lt.RunSteps(1), run_cfg=CFG)
        with pytest.raises(RuntimeError, match=r"cell\.v.*compiled"):
            logger.probe(cell.v)
        cell.stop()
        logger.probe(cell.v)

    @pytest.mark.parametrize(("batch_size", "item"), [(None, 1), (2, 2)])
    def test_an_item_that_the_batch_lacks(self, cell, logger, batch_size, item) -> None:
        logger.probe(cell.v, item=item)
        with pytest.raises(ValueError, match=rf"cell\.v.*item={item}"):
            cell.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(batch_size=batch_size))
        assert not cell.is_compiled

    def test_logdir_that_is_a_file(self, tmp_path) -> None:
        (tmp_path / "file").write_text("")
        for folder in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(ValueError, match="cannot be made a folder"):
                lt.TensorBoardLogger(folder)

    def test_logdir_that_cannot_be_written(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anywhere
        with pytest.raises(ValueError, match="cannot be written"):
            lt.TensorBoardLogger(tmp_path)

    @pytest.mark.parametrize("logdir", [None, 3])
    def test_logdir_that_is_no_path(self, logdir) -> None:
        with pytest.raises(TypeError):
            lt.TensorBoardLogger(logdir)

    @pytest.mark.parametrize(("steps", "error"), [(0, ValueError), (2.5, TypeError)])
    def test_raster_steps(self, tmp_path, steps, error) -> None:
        with pytest.raises(error, match="raster_steps"):
            lt.TensorBoardLogger(tmp_path, raster_steps=steps)

    def test_logdir_is_made(self, tmp_path) -> None:
        with lt.TensorBoardLogger(str(tmp_path / "a" / "b")) as logger:
            assert logger.logdir == str(tmp_path / "a" / "b")
        assert list((tmp_path / "a" / "b").iterdir())
