"""The thread that writes TensorBoard events, so that neither a run nor a training loop waits."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch
from torch import Tensor

log = logging.getLogger("lava_torch")

#: Jobs that may wait. A caller that is further ahead waits, so that memory stays bounded.
WAITING_JOBS = 64
#: Seconds after which events reach the disk without a flush.
FLUSH_SECONDS = 10

#: Gives an array once it has arrived on the host.
Fetch = Callable[[], np.ndarray]
Job = Callable[["EventSink"], None]


def to_host(x: Tensor) -> Fetch:
    """Start to copy `x` to the host, without waiting for the device, and return how to get it.

    A CPU tensor is handed on as it is: it must not change any more.
    """
    x = x.detach()
    if x.dtype == torch.bfloat16:
        x = x.float()
    if not x.is_cuda:
        return x.cpu().numpy
    host = torch.empty(x.shape, dtype=x.dtype, pin_memory=True)
    host.copy_(x, non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(x.device))

    def fetch() -> np.ndarray:
        copied.synchronize()
        return host.numpy()

    return fetch


def hold(value: Any) -> tuple[Fetch, tuple[int, ...]]:
    """Keep numbers as they are now: how to get them, and their shape.

    Raises TypeError for what holds no real numbers.
    """
    held = value.detach() if isinstance(value, Tensor) else np.array(value)
    real = not held.is_complex() if isinstance(held, Tensor) else held.dtype.kind in "biuf"
    if not real:
        raise TypeError(f"Only real numbers can be logged; got {value!r}.")
    fetch = to_host(held.clone()) if isinstance(held, Tensor) else partial(np.asarray, held)
    return fetch, tuple(held.shape)


class EventSink:
    """What the thread owns: the event file, and the rows of the rasters that are not drawn yet.

    All methods but `take_failure` are called on the thread.

    Attributes
    ----------
    logdir : the folder.
    room : one permit for each job that may wait.
    closed : set when the file is closed.
    """

    def __init__(self, logdir: str, raster_steps: int) -> None:
        # Slow to import, and of no use to a program that logs nothing.
        from torch.utils.tensorboard import SummaryWriter

        self.logdir = logdir
        self.closed = threading.Event()
        self.room = threading.Semaphore(WAITING_JOBS)
        self._writer = SummaryWriter(logdir, max_queue=1000, flush_secs=FLUSH_SECONDS)
        self._raster_steps = raster_steps
        self._rasters: dict[str, Raster] = {}
        self._failure: Exception | None = None

    def scalars(self, tags: Sequence[str], steps: Sequence[int], fetch: Fetch) -> None:
        """One event a step with the values of all tags: far cheaper than `add_scalar` for each."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        for step, row in zip(steps, fetch(), strict=True):
            pairs = zip(tags, row, strict=True)
            values = [Summary.Value(tag=tag, simple_value=float(x)) for tag, x in pairs]
            self._writer.file_writer.add_summary(Summary(value=values), step)

    def histograms(self, tag: str, steps: Sequence[int], fetch: Fetch) -> None:
        for step, row in zip(steps, fetch(), strict=True):
            finite = row[np.isfinite(row)]
            if finite.size:
                self._writer.add_histogram(tag, finite, step)

    def image(self, tag: str, fetch: Fetch, step: int, dataformats: str) -> None:
        self._writer.add_image(tag, fetch(), step, dataformats=dataformats)

    def raster(self, tag: str, neurons: np.ndarray, steps: Sequence[int], fetch: Fetch) -> None:
        if tag not in self._rasters:
            self._rasters[tag] = Raster(tag, neurons, self._raster_steps)
        self._rasters[tag].extend(steps, fetch() != 0)

    def flush(self) -> None:
        for tag, raster in self._rasters.items():
            if raster.is_new:
                self._writer.add_image(tag, raster.draw(), raster.last_step, dataformats="HWC")
        self._writer.flush()

    def do(self, job: Job) -> None:
        """Do a job that was given room; an exception is kept for `take_failure`."""
        self._attempt(lambda: job(self))
        self.room.release()

    def close(self) -> None:
        if not self.closed.is_set():
            self._attempt(self.flush)
            self._attempt(self._writer.close)
            self.closed.set()

    def _attempt(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            if self._failure is None:
                log.error("TensorBoard events for '%s' are lost: %r", self.logdir, error)
                self._failure = error

    def take_failure(self) -> Exception | None:
        """The first exception since the last call."""
        failure, self._failure = self._failure, None
        return failure


class Raster:
    """The last rows of a spike raster, and its picture."""

    def __init__(self, title: str, neurons: np.ndarray, limit: int) -> None:
        self.title = title
        self.is_new = False
        self._neurons = neurons
        self._steps: deque[int] = deque(maxlen=limit)
        self._rows: deque[np.ndarray] = deque(maxlen=limit)

    @property
    def last_step(self) -> int:
        return self._steps[-1]

    def extend(self, steps: Sequence[int], rows: np.ndarray) -> None:
        self._steps.extend(steps)
        self._rows.extend(rows)
        self.is_new = True

    def draw(self) -> np.ndarray:
        """The picture as uint8 (height, width, 3): time to the right, black on white."""
        from lava_torch.observe.plots import new_figure, raster_plot

        self.is_new = False
        height = float(np.clip(len(self._neurons) / 25, 3, 9))
        figure = new_figure((10, height))
        ax = figure.add_subplot(title=self.title)
        raster_plot(
            np.stack(self._rows).T,
            stride=1,
            ax=ax,
            marker="|",
            markersize=float(np.clip(0.8 * height * 72 / (len(self._neurons) + 2), 1, 12)),
            color="black",
            xlabel="time step",
            ylabel="neuron",
            times=np.asarray(self._steps),
            neurons=self._neurons,
        )
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[..., :3]


class EventWriter:
    """Writes events to a folder on the background thread, in the order in which they are given.

    An exception on the thread is logged, and raised by the next `flush` or `close`. The file is
    closed with `close`, when this object is no longer used, or with the program.
    """

    def __init__(self, logdir: str, raster_steps: int) -> None:
        self._thread, self._jobs = _running_thread()
        self._sink = EventSink(logdir, raster_steps)
        self._lock = threading.Lock()
        self._closed = False
        _open_sinks[self._sink] = self._jobs
        # _close_all sees to the end of the program, and waits.
        weakref.finalize(self, self._jobs.put, (self._sink, None)).atexit = False

    @property
    def logdir(self) -> str:
        return self._sink.logdir

    @property
    def closed(self) -> bool:
        """True after `close`, at the end of the program, and in a forked child of it."""
        return self._closed or self._sink.closed.is_set() or not self._thread.is_alive()

    def submit(self, job: Job) -> bool:
        """Let the thread do `job`; False, and nothing is done, if the file is closed.

        A job must not refer to this object, which is to be freed while jobs still wait.
        """
        self._sink.room.acquire()
        with self._lock:
            if self.closed:
                self._sink.room.release()
                return False
            self._jobs.put((self._sink, job))
        return True

    def flush(self) -> None:
        """Return when all is on disk, rasters included; RuntimeError if something was lost."""
        done = threading.Event()
        if self.submit(EventSink.flush) and self.submit(lambda sink: done.set()):
            done.wait()
        self._raise_failure()

    def close(self) -> None:
        """`flush`, then close the file; nothing happens the second time."""
        with self._lock:
            if not self.closed:
                self._jobs.put((self._sink, None))
            self._closed = True
        if self._thread.is_alive():
            self._sink.closed.wait()
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure = self._sink.take_failure()
        if failure is not None:
            raise RuntimeError(
                f"TensorBoard events for '{self.logdir}' are lost: {failure!r}. If the disk is the "
                f"cause, make room or choose another folder."
            ) from failure


#: A job of None closes the sink. This is the one kind of queue that a finalizer may use, whatever
#: the thread that it interrupts is doing.
Jobs = SimpleQueue[tuple[EventSink, Job | None]]

_thread_lock = threading.Lock()
_threads: list[tuple[threading.Thread, Jobs]] = []
_open_sinks: dict[EventSink, Jobs] = {}


def _running_thread() -> tuple[threading.Thread, Jobs]:
    """The one thread of this program, with its queue; a forked child gets its own.

    It is one for all folders because matplotlib keeps font files open for each thread that draws.
    """
    with _thread_lock:
        if not _threads or not _threads[0][0].is_alive():
            jobs: Jobs = SimpleQueue()
            thread = threading.Thread(target=_work, args=(jobs,), name="TensorBoard", daemon=True)
            thread.start()
            _threads[:] = [(thread, jobs)]
        return _threads[0]


def _work(jobs: Jobs) -> None:
    while True:
        sink, job = jobs.get()
        if job is None:
            sink.close()
            _open_sinks.pop(sink, None)
        else:
            sink.do(job)
        del sink, job  # they may hold much memory, and the next may be long in coming


@atexit.register
def _close_all() -> None:
    still_open = dict(_open_sinks)
    for sink, jobs in still_open.items():
        jobs.put((sink, None))
    for sink, jobs in still_open.items():
        if any(thread.is_alive() for thread, its_jobs in _threads if its_jobs is jobs):
            sink.closed.wait()
