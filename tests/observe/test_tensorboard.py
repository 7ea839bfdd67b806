"""TensorBoardLogger: what arrives in the event file, when, and what is refused."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch
from tensorboard_cases import CFG, Cell, Events, dark

import lava_torch as lt
from lava_torch.observe import tensorboard_models
from lava_torch.observe.event_thread import WAITING_JOBS, Raster


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
    @pytest.mark.parametrize("end", ["stop", "run"])
    def test_steps_before_an_exception_are_kept(self, logger, tmp_path, phase, end) -> None:
        cell = Cell(fail_at=4, phase=phase)
        logger.probe(cell.v, index=0)
        logger.probe(cell.s_out, index=0)
        with pytest.raises(RuntimeError, match="deliberate"):
            cell.run(lt.RunSteps(9), run_cfg=CFG)
        if end == "run":
            cell.proc_params.overwrite("fail_at", 0)
            cell.run(lt.RunSteps(2))
        cell.stop()
        logger.flush()
        expected = [1, 2, 3, 4, 5] if end == "run" else [1, 2, 3]
        for name in ("v", "s_out"):
            assert Events(tmp_path).steps(f"cell.{name}/0") == expected
            assert Events(tmp_path).curve(f"cell.{name}/0") == expected

    def test_reset_after_an_exception(self, logger, tmp_path) -> None:
        cell = Cell(fail_at=4)
        logger.probe(cell.v, index=0)
        with pytest.raises(RuntimeError, match="deliberate"):
            cell.run(lt.RunSteps(9), run_cfg=CFG)
        cell.runtime.reset()
        cell.run(lt.RunSteps(2))
        cell.stop()
        logger.flush()
        assert Events(tmp_path).steps("cell.v/0") == [1, 2, 3, 4, 5]
        assert Events(tmp_path).curve("cell.v/0") == [1, 2, 3, 1, 2]

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
