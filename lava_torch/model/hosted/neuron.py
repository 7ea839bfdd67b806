"""What numpy models of neurons that take part in learning are derived from."""

from __future__ import annotations

from typing import Any

import numpy as np

from lava_torch.learning import LoihiLearningRule
from lava_torch.model.hosted.models import PyLoihiProcessModel
from lava_torch.model.hosted.ports import PyInPort, PyOutPort
from lava_torch.model.hosted.types import LavaPyType


class LearningNeuronModel(PyLoihiProcessModel):
    """Base of the numpy models of a LearningNeuronProcess, to be named before the neuron's class.

        class Model(LearningNeuronModelFloat, AbstractPyLifModelFloat):
            def run_spk(self):
                super().run_spk()
                self.y2 = self.a_third_factor_in.recv()
                self.s_out_bap.send(self.s_out_buff)
                ...

    It declares the Process's ports and traces, and does nothing with them. In each step the model
    must send from `s_out_bap`, and under a three-factor rule from `s_out_y1`, `s_out_y2` and
    `s_out_y3`, where these are connected.

    `_shape` and `_learning_rule` are what the Process was given.
    """

    a_third_factor_in: Any = None
    s_out_bap: Any = None
    s_out_y1: Any = None
    s_out_y2: Any = None
    s_out_y3: Any = None
    y1: Any = None
    y2: Any = None
    y3: Any = None

    # Of `LearningLIF`, whose compiled models make y1 by themselves.
    dy1: np.ndarray = LavaPyType(np.ndarray, float, optional=True)
    y1_impulse: np.ndarray = LavaPyType(np.ndarray, float, optional=True)

    # No attributes: a checkpoint holds those, and could not hold a rule.
    @property
    def _shape(self) -> tuple[int, ...]:
        return self.proc_params["shape"]

    @property
    def _learning_rule(self) -> LoihiLearningRule | None:
        return self.proc_params["learning_rule"]


class LearningNeuronModelFloat(LearningNeuronModel):
    """LearningNeuronModel in float64."""

    a_third_factor_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out_bap: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool)
    s_out_y1: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    s_out_y2: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    s_out_y3: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    y1: np.ndarray = LavaPyType(np.ndarray, float)
    y2: np.ndarray = LavaPyType(np.ndarray, float)
    y3: np.ndarray = LavaPyType(np.ndarray, float)


class LearningNeuronModelFixed(LearningNeuronModel):
    """LearningNeuronModel in int32, of which traces are to use 7 bits."""

    a_third_factor_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32, precision=7)
    s_out_bap: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool, precision=1)
    s_out_y1: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=7)
    s_out_y2: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=7)
    s_out_y3: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=7)
    y1: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=7)
    y2: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=7)
    y3: np.ndarray = LavaPyType(np.ndarray, np.int32, precision=7)
