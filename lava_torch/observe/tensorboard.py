"""Watching runs and training in TensorBoard."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from lava_torch.core.ports import InPort, OutPort, RefPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var
from lava_torch.observe.event_thread import EventSink, EventWriter, Fetch, Job, hold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Kind = Literal["scalar", "histogram", "raster"]
Index = int | slice | Sequence[int]

#: A target of at most this many elements gets a curve for each of them without being asked.
MAX_CURVES = 8
#: The most neurons that a raster shows without being asked: there are not more pixels.
MAX_NEURONS = 1000


@dataclass
class Stream:
    """Where the rows of one probe go, and in which form.

    `last` is the global step that was reached. It outlives the compiled network, so that the curves
    go on behind those of an earlier run.
    """

    writer: EventWriter
    tag: str
    kind: Kind
    every: int
    index: Index | None
    item: int
    last: int = 0

    def __deepcopy__(self, memo: dict) -> Stream:
        return self  # a copy of a network writes to the same curves

    def elements(self, size: int) -> np.ndarray:
        """The flat elements, of `size`, to record; none: their mean.

        Raises TypeError or ValueError if `index` does not select elements.
        """
        if self.index is not None:
            return select(self.index, size)
        if self.kind == "scalar" and size > MAX_CURVES:
            return np.arange(0)
        if self.kind == "raster" and size > MAX_NEURONS:
            return np.linspace(0, size - 1, MAX_NEURONS).astype(np.int64)
        return np.arange(size)

    def write(self, elements: np.ndarray, steps: list[int], fetch: Fetch) -> None:
        """Hand on rows (len(steps), number of elements); dropped if the file is closed."""
        self.writer.submit(self._job(elements, steps, fetch))

    def finish(self) -> None:
        """Draw the raster, without waiting for it."""
        self.writer.submit(EventSink.flush)

    def _job(self, elements: np.ndarray, steps: list[int], fetch: Fetch) -> Job:
        tag = f"{self.tag}/{self.kind}"
        if self.kind == "histogram":
            return partial(EventSink.histograms, tag=tag, steps=steps, fetch=fetch)
        if self.kind == "raster":
            return partial(EventSink.raster, tag=tag, neurons=elements, steps=steps, fetch=fetch)
        tags = [f"{self.tag}/{element}" for element in elements] or [f"{self.tag}/mean"]
        return partial(EventSink.scalars, tags=tags, steps=steps, fetch=fetch)


def select(index: Index, size: int) -> np.ndarray:
    """The flat elements of an index, ascending for a slice, negative ones counted from the end."""
    if isinstance(index, slice):
        found = np.arange(size)[index]
    else:
        found = np.atleast_1d(np.asarray(index))
    if found.size == 0:
        raise ValueError(f"index={index!r} selects none of {size} elements.")
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise TypeError(f"index must be an int, a slice or a list of ints; got {index!r}.")
    if found.min() < -size or found.max() >= size:
        raise ValueError(f"index={index!r} is out of range: there are {size} elements.")
    found = found % size
    if len(np.unique(found)) != len(found):
        raise ValueError(f"index={index!r} selects an element twice.")
    return found


class Probe(AbstractProcess):
    """The Process through which a TensorBoardLogger watches one Var or OutPort."""

    #: It writes to a file that is open, and to a thread.
    in_checkpoints = False

    def __init__(self, target: Var | OutPort, stream: Stream) -> None:
        super().__init__(stream=stream, name=f"tensorboard_{target.process.name}_{target.name}")
        self.target = (RefPort if isinstance(target, Var) else InPort)(target.shape)


class TensorBoardLogger:
    """Writes events for `tensorboard --logdir`, on a thread that all loggers share.

        with lt.TensorBoardLogger("runs/first") as logger:
            logger.probe(lif.v, index=[0, 1])
            logger.probe(lif.s_out, kind="raster")
            lif.run(RunSteps(100), run_cfg=Loihi2SimCfg())
            logger.scalar("loss", loss, step=epoch)

    A probe records on the network's device; after each chunk of at most 1000 steps its rows are
    copied to the host and handed to the thread. Neither a run nor a training loop waits for the
    disk, unless it is far ahead. Probes belong to `run`: an unroll, `network(...)`, leaves them
    out.

    Events are on disk after `flush`, `close` or the end of the `with` block, otherwise within some
    ten seconds. An exception on the thread is logged, and raised there as a RuntimeError. What is
    closed records no more, though its probes stay in their network.

    Parameters
    ----------
    logdir : the folder for the event file; made if it is not there.
    raster_steps : the most rows, each of one step, that a raster shows: the last ones.

    Raises
    ------
    TypeError : `logdir` is no path.
    ValueError : `logdir` is a file, or cannot be written; `raster_steps` is below 1.
    """

    def __init__(self, logdir: str | os.PathLike[str], *, raster_steps: int = 1000) -> None:
        raster_steps = _at_least(1, "raster_steps", raster_steps)
        self._writer = EventWriter(_made_folder(logdir), raster_steps)
        self._probes: dict[tuple[str, str], Probe] = {}

    @property
    def logdir(self) -> str:
        """The folder of the event file."""
        return self._writer.logdir

    # -- runs -------------------------------------------------------------------------------------

    def probe(
        self,
        target: Var | OutPort,
        every: int = 1,
        kind: Kind = "scalar",
        index: Index | None = None,
        tag: str | None = None,
        item: int = 0,
    ) -> None:
        """Watch a Var, as it is at the end of a step, or the messages of an OutPort.

        The global step of an event is the network's time step. It goes on over `runtime.reset()`,
        and over a `stop()` and a new `run`, so that no curve runs back over itself.

        Parameters
        ----------
        target : of a Process that is not compiled yet. A sparse Var counts as its stored values, in
            the order of its columns.
        every : record the steps t with t % every == 0.
        kind : "scalar": a curve "<tag>/<i>" for each element i of `index`; without `index`, for
            each element if there are at most 8, else "<tag>/mean", the mean of all.
            "histogram": "<tag>/histogram", the distribution of the (finite) values.
            "raster": "<tag>/raster", a picture of time steps along x and neurons along y, with a
            mark where the value is not 0: the last `raster_steps` rows, drawn at `flush`, `close`
            and the network's `stop`. Of more than 1000 neurons, 1000 evenly spread ones are shown.
        index : which elements of the flattened target: an int, a slice or a list of ints.
        tag : "<process>.<name>" if it is not given.
        item : which item of a batched run.

        Raises
        ------
        TypeError : `target` is neither a Var nor an OutPort, or holds a str; `every`, `item` or
            `index` are not ints.
        ValueError : `target` belongs to no Process or has no elements; an unknown kind; `every`
            below 1; `index` out of range; the same tag and kind again. An `item` that the batch
            does not have is refused when the network is compiled.
        VarNotSharableError : the Var is not shareable.
        RuntimeError : the logger is closed.
        """
        self._check_open()
        _check_target(target)
        stream = Stream(
            self._writer,
            target.label if tag is None else _checked_tag(tag),
            _checked_kind(kind),
            _at_least(1, "every", every),
            index,
            _at_least(0, "item", item),
        )
        stream.elements(_size(target))
        if (stream.tag, stream.kind) in self._probes:
            raise ValueError(
                f"There is a {kind} probe with the tag '{stream.tag}' already: pass another tag=."
            )
        self._probes[stream.tag, stream.kind] = _attach(target, stream)

    # -- training loops ---------------------------------------------------------------------------

    def scalar(self, tag: str, value: float | Tensor, step: int) -> None:
        """Add a point to a curve: a number, or a tensor of one element.

        It does not wait for the device. Raises TypeError for what is no number, ValueError for
        several, RuntimeError after `close`.
        """
        fetch, shape = hold(value)
        if np.prod(shape) != 1:
            raise ValueError(f"scalar('{tag}') needs one number; got shape {shape}.")
        tags, steps = [_checked_tag(tag)], [operator.index(step)]

        def row() -> np.ndarray:
            return fetch().reshape(1, 1)

        self._submit(partial(EventSink.scalars, tags=tags, steps=steps, fetch=row))

    def histogram(self, tag: str, values: ArrayLike | Tensor, step: int) -> None:
        """Add the distribution of `values`, of any shape; what is not finite is left out.

        It does not wait for the device. Raises TypeError for what holds no numbers, ValueError if
        there are none, RuntimeError after `close`.
        """
        fetch, shape = hold(values)
        if 0 in shape:
            raise ValueError(f"histogram('{tag}') needs at least one value; got shape {shape}.")
        tag, steps = _checked_tag(tag), [operator.index(step)]

        def row() -> np.ndarray:
            return fetch().reshape(1, -1)

        self._submit(partial(EventSink.histograms, tag=tag, steps=steps, fetch=row))

    def image(
        self, tag: str, image: ArrayLike | Tensor, step: int, dataformats: str | None = None
    ) -> None:
        """Add a picture: uint8 in [0, 255], or floats in [0, 1].

        `dataformats` names the axes: "HW", "CHW" or "HWC", with 1, 3 or 4 channels; by default "HW"
        for 2-D and "CHW" for 3-D. It does not wait for the device. Raises TypeError for what holds
        no numbers, ValueError for another shape, RuntimeError after `close`.
        """
        fetch, shape = hold(image)
        axes = dataformats or ("HW" if len(shape) == 2 else "CHW")
        known = axes in ("HW", "CHW", "HWC") and len(axes) == len(shape) and 0 not in shape
        if not known or dict(zip(axes, shape, strict=True)).get("C", 1) not in (1, 3, 4):
            raise ValueError(
                f"image('{tag}') needs the shape (H, W), (C, H, W) or, with dataformats='HWC', "
                f"(H, W, C), with 1, 3 or 4 channels; got {shape} with dataformats={dataformats!r}."
            )
        tag, step = _checked_tag(tag), operator.index(step)
        self._submit(partial(EventSink.image, tag=tag, fetch=fetch, step=step, dataformats=axes))

    def figure(self, tag: str, figure: Figure, step: int) -> None:
        """Add a matplotlib figure as it is now; it is rendered at once and stays open.

        Raises TypeError for what is no figure, RuntimeError after `close`.
        """
        if not callable(getattr(figure, "savefig", None)):
            raise TypeError(f"figure('{tag}') needs a matplotlib Figure; got {figure!r}.")
        self._check_open()
        png = BytesIO()
        figure.savefig(png, format="png", transparent=False)
        tag, step = _checked_tag(tag), operator.index(step)
        fetch = partial(_decoded, png.getvalue())
        self._submit(partial(EventSink.image, tag=tag, fetch=fetch, step=step, dataformats="HWC"))

    # -- the end ----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Draw the rasters, and return when all events are on disk.

        Raises RuntimeError if events were lost, from the first exception on the thread.
        """
        self._writer.flush()

    def close(self) -> None:
        """`flush`, then close the file; nothing happens the second time."""
        self._writer.close()

    def __enter__(self) -> TensorBoardLogger:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except RuntimeError:
            # The exception of the block says more; this one was logged on the thread.
            if exc_type is None:
                raise

    def _check_open(self) -> None:
        if self._writer.closed:
            raise RuntimeError(f"TensorBoardLogger of '{self.logdir}' is closed: make a new one.")

    def _submit(self, job: Job) -> None:
        if not self._writer.submit(job):
            self._check_open()


def _made_folder(logdir: str | os.PathLike[str]) -> str:
    folder = Path(logdir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if folder.is_file() else str(error)
        raise ValueError(
            f"logdir '{folder}' cannot be made a folder ({reason}): choose another."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"logdir '{folder}' cannot be written: choose another folder.")
    return str(folder)


def _check_target(target: Var | OutPort) -> None:
    if not isinstance(target, (Var, OutPort)):
        raise TypeError(
            f"A TensorBoardLogger can probe a Var or an OutPort; got {target!r}. Probe the OutPort "
            f"that feeds an InPort."
        )
    if target.process is None:
        raise ValueError(
            f"'{target.label}' belongs to no Process yet: probe it when its Process is made."
        )
    if isinstance(target, Var) and isinstance(target.init, str):
        raise TypeError(f"Var '{target.label}' holds a str, which cannot be probed.")
    if _size(target) == 0:
        raise ValueError(f"'{target.label}' of shape {target.shape} has no elements to probe.")


def _size(target: Var | OutPort) -> int:
    """The number of elements; a parameter of shape (1,) may have been given an array instead."""
    return max(target.size, np.size(target.init)) if isinstance(target, Var) else target.size


def _attach(target: Var | OutPort, stream: Stream) -> Probe:
    # A Process for each target: one for all would tie networks together that are not connected.
    probe = Probe(target, stream)
    if isinstance(target, Var):
        probe.target.connect_var(target)
    else:
        target.connect(probe.target)
    return probe


def _at_least(low: int, name: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an int; got {value!r}.") from None
    if number < low:
        raise ValueError(f"{name} must be at least {low}; got {value}.")
    return number


def _checked_kind(kind: Kind) -> Kind:
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {list(get_args(Kind))}; got {kind!r}.")
    return kind


def _checked_tag(tag: str) -> str:
    if not isinstance(tag, str):
        raise TypeError(f"A tag must be a str; got {tag!r}.")
    return tag


def _decoded(png: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(BytesIO(png)).convert("RGB"))
