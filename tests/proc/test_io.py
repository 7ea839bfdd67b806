"""Sources and sinks."""

from __future__ import annotations

import numpy as np
import pytest

import lava_torch as lt


def pair(data, buffer, **kwargs):
    source = lt.io.source.RingBuffer(data=data, **kwargs)
    shape = source.s_out.shape
    sink = lt.io.sink.RingBuffer(shape=shape, buffer=buffer)
    source.s_out.connect(sink.a_in)
    return source, sink


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize("tag", ["floating_pt", "fixed_pt"])
def test_rows_repeat_and_wrap(rng, shape, tag) -> None:
    data = rng.integers(-9, 9, (*shape, 4))
    source, sink = pair(data, 3)
    source.run(lt.RunSteps(10), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
    # steps 8, 9, 10 sent rows 3, 0, 1 and were written to columns 1, 2, 0
    np.testing.assert_array_equal(sink.data.get(), np.stack([data[..., k] for k in (1, 3, 0)], -1))
    source.stop()


def test_fixed_point_truncates() -> None:
    source, sink = pair(np.array([[1.9, -1.9, 0.5]]), 3)
    source.run(lt.RunSteps(3), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    np.testing.assert_array_equal(sink.data.get(), [[1, -1, 0]])
    source.stop()


def test_batched_source(rng) -> None:
    data = rng.normal(size=(3, 2, 5)).astype(np.float32)
    source, sink = pair(data, 5, batched=True)
    assert source.s_out.shape == (2,)
    source.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg(batch_size=3))
    np.testing.assert_array_equal(sink.data.get(), data)
    source.stop()


def test_batched_source_needs_that_batch_size(rng) -> None:
    source, _ = pair(rng.normal(size=(3, 2, 5)), 5, batched=True)
    with pytest.raises(lt.VarInitError, match="'data'.*holds 3 items.*batch_size=4"):
        source.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(batch_size=4))


@pytest.mark.parametrize("data", [np.zeros((3, 0)), np.float64(1)], ids=["no-steps", "no-axis"])
def test_source_without_time(data) -> None:
    with pytest.raises(ValueError, match="at least one time step"):
        lt.io.source.RingBuffer(data=data)


@pytest.mark.parametrize("buffer", [0, -1, 2.5])
def test_sink_without_room(buffer) -> None:
    with pytest.raises(ValueError, match="buffer must be a positive whole number"):
        lt.io.sink.RingBuffer(shape=(2,), buffer=buffer)


def test_two_connections_are_summed_and_none_gives_zeros() -> None:
    a, _ = pair(np.ones((2, 3)), 3)
    b, _ = pair(np.full((2, 3), 10.0), 3)
    sink = lt.io.sink.RingBuffer(shape=(2,), buffer=3)
    a.s_out.connect(sink.a_in)
    b.s_out.connect(sink.a_in)
    a.run(lt.RunSteps(3), run_cfg=lt.Loihi2SimCfg())
    np.testing.assert_array_equal(sink.data.get(), np.full((2, 3), 11))
    a.stop()
    alone = lt.io.sink.RingBuffer(shape=(2,), buffer=2)
    alone.run(lt.RunSteps(2), run_cfg=lt.Loihi2SimCfg())
    assert not alone.data.get().any()
    alone.stop()
