"""Pictures of spikes and membrane voltages, with matplotlib.

In a script that has imported `matplotlib.pyplot` a new figure is one of pyplot's, so that
`plt.show()` shows it, as Lava's scripts expect; elsewhere no global state changes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Lava's default: of many neurons, every sixth is drawn.
STRIDE = 6
FIGSIZE = (10.0, 5.0)


def raster_plot(
    spikes: ArrayLike,
    stride: int | None = None,
    fig: Figure | None = None,
    figsize: tuple[float, float] | None = None,
    marker: str = "o",
    markersize: float = 1.5,
    color: Any = "b",
    alpha: float = 1.0,
    xlabel: str = "Time Steps",
    ylabel: str = "Neurons",
    *,
    ax: Axes | None = None,
    times: ArrayLike | None = None,
    neurons: ArrayLike | None = None,
) -> Figure:
    """A mark for each spike: time steps along x, neurons along y. Returns the figure.

    The parameters before `ax` are those of `lava.utils.plots.raster_plot`.

    Parameters
    ----------
    spikes : array (neurons, time steps) of 0 and 1.
    stride : draw every `stride`-th neuron; None: every sixth, or all if there are fewer than six.
    fig, figsize, ax : the figure to draw on (its current axes), the size in inches of a new one, or
        the axes; at most one of them. None: a new figure of 10 x 5 inches.
    marker, markersize (in points), color, alpha : of the marks.
    times, neurons : where the columns and rows of `spikes` lie on x (increasing) and on y; by
        default 0, 1, 2, ...

    Raises
    ------
    ValueError : `spikes` is not 2-D, is empty or holds anything but 0 and 1; `stride` is below 1 or
        above the number of neurons; several of fig, figsize and ax; `times` or `neurons` of another
        length.
    """
    from matplotlib.ticker import MaxNLocator

    spikes = _checked_spikes(spikes)
    times = _positions("times", times, spikes.shape[1])
    neurons = _positions("neurons", neurons, spikes.shape[0])
    stride = _checked_stride(stride, len(neurons))
    ax = _axes(ax, fig, figsize)
    row, column = np.nonzero(spikes[::stride])
    ax.plot(
        times[column],
        neurons[::stride][row],
        linestyle=" ",
        marker=marker,
        markersize=markersize,
        color=color,
        alpha=alpha,
    )
    ax.set_xlim(times[0] - 1, times[-1] + 1)
    ax.set_ylim(neurons.min() - 0.7, neurons.max() + 0.7)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    _label(ax, xlabel, ylabel)
    return ax.figure


def membrane_plot(
    v: ArrayLike,
    vth: ArrayLike | None = None,
    ax: Axes | None = None,
    *,
    times: ArrayLike | None = None,
    xlabel: str = "Time Steps",
    ylabel: str = "Membrane Voltage",
    **kwargs: Any,
) -> Figure:
    """Membrane voltages over time, with the threshold as a dashed line. Returns the figure.

    Parameters
    ----------
    v : array (time steps,) of one neuron, or (neurons, time steps).
    vth : the threshold: one number, or one for each neuron, drawn in the neuron's colour. In fixed
        point the voltage is compared with `64 * vth`: give that.
    ax : axes to draw on; None: a new figure of 10 x 5 inches.
    times : where the time steps lie on x, increasing; by default 0, 1, 2, ...
    kwargs : go to `ax.plot`.

    Raises
    ------
    ValueError : `v` is neither 1-D nor 2-D, or is empty; `vth` or `times` of another length.
    """
    traces = np.asarray(v)
    if traces.ndim not in (1, 2) or traces.size == 0:
        raise ValueError(
            f"v must be (time steps,) or (neurons, time steps) and not empty; got {traces.shape}."
        )
    traces = np.atleast_2d(traces)
    times = _positions("times", times, traces.shape[1])
    thresholds = _thresholds(vth, len(traces))
    ax = _axes(ax, None, None)
    lines = ax.plot(times, traces.T, **kwargs)
    for number, (threshold, line) in enumerate(zip(thresholds, lines, strict=False)):
        color = "gray" if np.ndim(vth) == 0 else line.get_color()
        label = "threshold" if number == 0 else None
        ax.axhline(threshold, linestyle="--", linewidth=1, color=color, label=label)
    if len(thresholds):
        ax.legend(loc="upper right")
    _label(ax, xlabel, ylabel)
    return ax.figure


def _thresholds(vth: ArrayLike | None, neurons: int) -> np.ndarray:
    found = np.atleast_1d([] if vth is None else np.asarray(vth, dtype=float))
    if found.ndim != 1 or (np.ndim(vth) == 1 and len(found) != neurons):
        raise ValueError(
            f"vth must be one number or one for each of the {neurons} neurons; got shape "
            f"{found.shape}."
        )
    return found


def _checked_spikes(spikes: ArrayLike) -> np.ndarray:
    spikes = np.asarray(spikes)
    if spikes.ndim != 2 or spikes.size == 0:
        raise ValueError(
            f"spikes must be (neurons, time steps) and not empty; got shape {spikes.shape}."
        )
    if not np.isin(spikes, (0, 1)).all():
        raise ValueError("spikes must hold 0 and 1 only; plot `spikes != 0` for graded spikes.")
    return spikes != 0


def _checked_stride(stride: int | None, neurons: int) -> int:
    if stride is None:
        return STRIDE if neurons >= STRIDE else 1
    if not 1 <= stride <= neurons:
        raise ValueError(f"stride must be in [1, {neurons}], the number of neurons; got {stride}.")
    return stride


def _positions(name: str, values: ArrayLike | None, length: int) -> np.ndarray:
    found = np.arange(length) if values is None else np.asarray(values)
    if found.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), as the data has; got {found.shape}.")
    return found


def _axes(ax: Axes | None, fig: Figure | None, figsize: tuple[float, float] | None) -> Axes:
    given = [n for n, x in (("ax", ax), ("fig", fig), ("figsize", figsize)) if x is not None]
    if len(given) > 1:
        raise ValueError(f"Give at most one of fig, figsize and ax; got {' and '.join(given)}.")
    if ax is not None:
        return ax
    return (fig or _script_figure(figsize or FIGSIZE)).gca()


def _script_figure(figsize: tuple[float, float]) -> Figure:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return new_figure(figsize) if pyplot is None else pyplot.figure(figsize=figsize)


def new_figure(figsize: tuple[float, float]) -> Figure:
    """A figure that belongs to no window, with a canvas that renders to pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _label(ax: Axes, xlabel: str, ylabel: str) -> None:
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
