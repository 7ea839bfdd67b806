"""What a Var may be given to hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch.core import implements

CFG = lt.Loihi2SimCfg()
NOT_NUMBERS = {
    "none": None,
    "object": object(),
    "complex": 1 + 2j,
    "texts": np.array(["a", "b"]),
    "ragged": [1, [2, 3]],
}


@pytest.mark.parametrize("value", NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_init_that_is_no_number(value) -> None:
    lif = lt.LIF(shape=(2,), v=value, name="lif")
    with pytest.raises(lt.VarInitError, match="'v' of Process 'lif'.*real numbers"):
        lif.run(lt.RunSteps(1), run_cfg=CFG)
    lif.v.init = 0
    lif.run(lt.RunSteps(1), run_cfg=CFG)
    lif.stop()


@pytest.mark.parametrize("value", NOT_NUMBERS.values(), ids=NOT_NUMBERS)
def test_setting_what_is_no_number(value) -> None:
    lif = lt.LIF(shape=(2,), v=[0.1, 0.2], name="lif")
    lif.create_runtime(CFG)
    with pytest.raises(lt.VarValueError, match=r"'v' of Process 'lif' of shape \(2,\).*real"):
        lif.v.set(value)
    np.testing.assert_allclose(lif.v.get(), [0.1, 0.2], rtol=1e-6)
    lif.stop()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_integer_is_finite(value) -> None:
    source = lt.io.source.RingBuffer(data=np.array([[0, value]]), name="source")
    with pytest.raises(lt.VarValueError, match="'data' of Process 'source'.*finite.*int32"):
        source.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))


class Scalar(lt.AbstractProcess):
    def __init__(self) -> None:
        super().__init__(name="scalar")
        self.s_out = lt.OutPort(())
        self.total = lt.Var((), 5)


@implements(Scalar)
class ScalarModel(lt.TorchProcessModel):
    def emit(self):
        self.total = self.total.sum() + 1
        return self.total


@pytest.mark.parametrize("batch", [None, 1], ids=["single", "batch"])
def test_a_var_of_no_axes(batch) -> None:
    scalar, monitor = Scalar(), lt.Monitor()
    monitor.probe(scalar.total, 3)
    if batch is None:
        scalar.run(lt.RunSteps(2), run_cfg=CFG)
        assert scalar.total.get().shape == () and scalar.total.get() == 7
        np.testing.assert_array_equal(monitor.get_data()["scalar"]["total"], [6, 7, 0])
        scalar.total.set(9)
        scalar.run(lt.RunSteps(1))
        assert scalar.total.get() == 10
    else:
        scalar.create_runtime(lt.Loihi2SimCfg(batch_size=batch))
        assert scalar.total.get().shape == (1,)
    scalar.stop()


@pytest.mark.parametrize(
    "weights", [[["a"]], [[None]], [[1 + 2j]]], ids=["text", "none", "complex"]
)
def test_weights_that_are_no_numbers(weights) -> None:
    with pytest.raises(ValueError, match="Dense 'dense'.*real numbers"):
        lt.Dense(weights=weights, name="dense")


def test_unknown_sign_mode() -> None:
    dense = lt.Dense(weights=[[1, 2]], sign_mode="both", name="dense")
    with pytest.raises(lt.VarValueError, match="'sign_mode' of Process 'dense'.*both.*MIXED"):
        dense.run(lt.RunSteps(1), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))


def test_the_sign_mode_is_that_of_the_weights_at_the_first_step() -> None:
    dense = lt.Dense(weights=np.zeros((1, 2)), name="dense")
    dense.create_runtime(lt.Loihi2SimCfg(select_tag="fixed_pt"))
    dense.weights.set(np.array([[-7, 5]]))
    dense.run(lt.RunSteps(1))
    np.testing.assert_array_equal(dense.weights.get(), [[-8, 4]])
    dense.runtime.reset()
    dense.weights.set(np.array([[-7, 5]]))
    dense.run(lt.RunSteps(1))
    np.testing.assert_array_equal(dense.weights.get(), [[-7, 5]])
    assert dense.runtime.network.dense.weights.dtype == torch.int32
    dense.stop()
