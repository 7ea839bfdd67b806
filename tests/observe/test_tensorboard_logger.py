"""TensorBoardLogger: training loops, its end, and bad input."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from tensorboard_cases import CFG, Cell, Events, dark
from torch.utils.tensorboard import SummaryWriter

import lava_torch as lt
from lava_torch.core import VarNotSharableError


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


def test_a_probe_between_runs_logs_from_then_on(cell, logger, tmp_path) -> None:
    cell.run(lt.RunSteps(3), run_cfg=CFG)
    logger.probe(cell.v, index=0)
    cell.run(lt.RunSteps(4))
    cell.stop()
    logger.flush()
    events = Events(tmp_path)
    (tag,) = events.tags("scalars")
    assert events.steps(tag) == events.curve(tag) == [4, 5, 6, 7]


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
