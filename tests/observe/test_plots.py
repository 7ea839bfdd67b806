"""Raster and membrane plots."""

from __future__ import annotations

import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from lava_torch.observe.plots import membrane_plot, raster_plot


def marks(figure: Figure) -> set[tuple[float, float]]:
    """(time, neuron) of each mark."""
    (line,) = figure.axes[0].lines
    return set(zip(*(values.tolist() for values in line.get_data()), strict=True))


class TestRasterPlot:
    def test_a_mark_for_each_spike(self, rng) -> None:
        spikes = (rng.random((5, 30)) < 0.2).astype(int)
        figure = raster_plot(spikes)
        assert marks(figure) == {(t, n) for n, t in np.argwhere(spikes).tolist()}
        assert figure.axes[0].get_xlim() == (-1, 30)
        low, high = figure.axes[0].get_ylim()
        assert low < 0 and high > 4
        assert figure.axes[0].get_xlabel() == "Time Steps"
        assert figure.axes[0].get_ylabel() == "Neurons"
        assert tuple(figure.get_size_inches()) == (10, 5)

    @pytest.mark.parametrize(
        ("neurons", "stride", "shown"),
        [
            (20, None, [0, 6, 12, 18]),
            (6, None, [0]),
            (5, None, [0, 1, 2, 3, 4]),
            (5, 1, [0, 1, 2, 3, 4]),
            (5, 2, [0, 2, 4]),
            (5, 5, [0]),
        ],
    )
    def test_stride(self, neurons, stride, shown) -> None:
        figure = raster_plot(np.ones((neurons, 2)), stride)
        assert sorted({neuron for _, neuron in marks(figure)}) == shown

    def test_lavas_parameters_in_lavas_order(self) -> None:
        figure = raster_plot(np.eye(2), 1, None, (4, 3), "s", 2.5, "r", 0.5, "x", "y")
        (line,) = figure.axes[0].lines
        assert (line.get_marker(), line.get_markersize()) == ("s", 2.5)
        assert (line.get_color(), line.get_alpha(), line.get_linestyle()) == ("r", 0.5, "None")
        assert figure.axes[0].get_xlabel() == "x" and figure.axes[0].get_ylabel() == "y"
        assert tuple(figure.get_size_inches()) == (4, 3)

    def test_times_and_neurons(self) -> None:
        figure = raster_plot(np.eye(3), 1, times=[10, 20, 30], neurons=[7, 3, 5])
        assert marks(figure) == {(10, 7), (20, 3), (30, 5)}
        assert figure.axes[0].get_xlim() == (9, 31)
        low, high = figure.axes[0].get_ylim()
        assert low < 3 and high > 7

    def test_on_a_given_figure_or_axes(self) -> None:
        figure = Figure()
        left, right = figure.subplots(1, 2)
        assert raster_plot(np.eye(2), ax=left) is figure
        assert left.lines and not right.lines
        figure.sca(right)
        assert raster_plot(np.eye(2), fig=figure) is figure
        assert right.lines and len(figure.axes) == 2

    def test_spikes_of_any_dtype(self) -> None:
        for spikes in (np.eye(2, dtype=bool), np.eye(2).tolist(), np.eye(2, dtype=np.float32)):
            assert marks(raster_plot(spikes)) == {(0, 0), (1, 1)}

    @pytest.mark.parametrize(
        ("spikes", "options", "message"),
        [
            (np.ones(3), {}, "neurons, time steps"),
            (np.ones((2, 2, 2)), {}, "neurons, time steps"),
            (np.ones((0, 3)), {}, "not empty"),
            (np.ones((3, 0)), {}, "not empty"),
            (np.full((2, 2), 2), {}, "0 and 1"),
            (np.full((2, 2), np.nan), {}, "0 and 1"),
            (np.eye(2), {"stride": 3}, r"stride must be in \[1, 2\]"),
            (np.eye(2), {"stride": 0}, r"stride must be in \[1, 2\]"),
            (np.eye(2), {"fig": Figure(), "figsize": (1, 1)}, "at most one"),
            (np.eye(2), {"fig": Figure(), "ax": Figure().add_subplot()}, "at most one"),
            (np.eye(2), {"times": [1]}, r"times must have shape \(2,\)"),
            (np.eye(2), {"neurons": [1, 2, 3]}, r"neurons must have shape \(2,\)"),
        ],
    )
    def test_bad_input(self, spikes, options, message) -> None:
        with pytest.raises(ValueError, match=message):
            raster_plot(spikes, **options)


class TestMembranePlot:
    def test_one_trace(self) -> None:
        v = np.linspace(0, 1, 9)
        figure = membrane_plot(v, 0.8)
        trace, threshold = figure.axes[0].lines
        np.testing.assert_array_equal(trace.get_data(), [np.arange(9), v])
        assert set(threshold.get_ydata()) == {0.8} and threshold.get_linestyle() == "--"
        (label,) = figure.axes[0].get_legend().get_texts()
        assert label.get_text() == "threshold"
        assert figure.axes[0].get_xlabel() == "Time Steps"
        assert figure.axes[0].get_ylabel() == "Membrane Voltage"

    def test_a_trace_for_each_neuron(self, rng) -> None:
        v = rng.normal(size=(3, 20))
        figure = membrane_plot(v, [1.0, 2.0, 3.0], times=np.arange(1, 21), linewidth=3)
        lines = figure.axes[0].lines
        traces, thresholds = lines[:3], lines[3:]
        np.testing.assert_array_equal([line.get_ydata() for line in traces], v)
        assert all(list(line.get_xdata()) == list(range(1, 21)) for line in traces)
        assert [line.get_ydata()[0] for line in thresholds] == [1, 2, 3]
        assert [line.get_color() for line in thresholds] == [line.get_color() for line in traces]
        assert {line.get_linewidth() for line in traces} == {3}

    def test_without_a_threshold(self) -> None:
        figure = membrane_plot(np.ones((2, 4)))
        assert len(figure.axes[0].lines) == 2 and figure.axes[0].get_legend() is None

    def test_one_threshold_for_all(self) -> None:
        assert len(membrane_plot(np.ones((2, 4)), 5).axes[0].lines) == 3

    def test_on_given_axes(self) -> None:
        ax = Figure().add_subplot()
        assert membrane_plot([1, 2, 3], ax=ax) is ax.figure
        assert len(ax.lines) == 1

    @pytest.mark.parametrize(
        ("v", "options", "message"),
        [
            (np.float64(3), {}, "v must be"),
            (np.ones((2, 2, 2)), {}, "v must be"),
            ([], {}, "not empty"),
            (np.ones((2, 5)), {"vth": [1, 2, 3]}, "each of the 2 neurons"),
            (np.ones((2, 5)), {"vth": [[1], [2]]}, "each of the 2 neurons"),
            (np.ones((2, 5)), {"times": [1, 2]}, r"times must have shape \(5,\)"),
        ],
    )
    def test_bad_input(self, v, options, message) -> None:
        with pytest.raises(ValueError, match=message):
            membrane_plot(v, **options)


def test_a_script_that_uses_pyplot_can_show_the_figure() -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    before = set(pyplot.get_fignums())
    figure = raster_plot(np.eye(3))
    assert figure.number in set(pyplot.get_fignums()) - before
    pyplot.close(figure)


def test_pictures_need_no_pyplot(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it would fail
    backend = matplotlib.rcParams._get("backend")
    for number, figure in enumerate((raster_plot(np.eye(3)), membrane_plot([0.0, 1.0], 0.5))):
        figure.savefig(tmp_path / f"{number}.png")
        figure.canvas.draw()
        assert np.asarray(figure.canvas.buffer_rgba()).shape == (500, 1000, 4)
    assert matplotlib.rcParams._get("backend") is backend
    assert len(list(tmp_path.iterdir())) == 2
