"""LIF and Dense as numpy models and as plain torch models, beside the library's: the same in all
three, bit by bit, where weights and decays are small binary fractions."""

from __future__ import annotations

import numpy as np

import lava_torch as lt
from lava_torch.core import LoihiProtocol, implements, tag
from lava_torch.model.hosted import LavaPyType, PyInPort, PyLoihiProcessModel, PyOutPort


@implements(lt.LIF, LoihiProtocol)
@tag("floating_pt")
class NumpyLIF(PyLoihiProcessModel):
    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    u: np.ndarray = LavaPyType(np.ndarray, float)
    v: np.ndarray = LavaPyType(np.ndarray, float)
    bias_mant: np.ndarray = LavaPyType(np.ndarray, float)
    bias_exp: np.ndarray = LavaPyType(np.ndarray, float)
    du: float = LavaPyType(float, float)
    dv: float = LavaPyType(float, float)
    vth: float = LavaPyType(float, float)

    def run_spk(self) -> None:
        self.u[:] = self.u * (1 - self.du) + self.a_in.recv()
        self.v[:] = self.v * (1 - self.dv) + self.u + self.bias_mant
        spikes = self.v > self.vth
        self.v[spikes] = 0
        self.s_out.send(spikes)


@implements(lt.Dense, LoihiProtocol)
@tag("floating_pt")
class NumpyDense(PyLoihiProcessModel):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    a_buff: np.ndarray = LavaPyType(np.ndarray, float)
    weights: np.ndarray = LavaPyType(np.ndarray, float)
    num_message_bits: np.ndarray = LavaPyType(np.ndarray, int)

    def run_spk(self) -> None:
        self.a_out.send(self.a_buff)
        self.a_buff = self.weights @ (self.s_in.recv() > 0)


class TorchLIF(lt.TorchProcessModel):
    def step(self, a_in):
        self.u = self.u * (1 - self.du) + a_in
        v = self.v * (1 - self.dv) + self.u + self.bias_mant
        spikes = v > self.vth
        self.v = v * ~spikes
        return spikes.to(v.dtype)


class TorchDense(lt.TorchProcessModel):
    shared = ("weights", "num_message_bits")

    def emit(self):
        return self.a_buff

    def absorb(self, s_in):
        self.a_buff = (self.weights @ (s_in > 0).to(self.weights.dtype).unsqueeze(-1)).squeeze(-1)


NUMPY = {lt.LIF: NumpyLIF, lt.Dense: NumpyDense}
TORCH = {lt.LIF: TorchLIF, lt.Dense: TorchDense}


def neurons(rng: np.random.Generator, size: int, name: str) -> lt.LIF:
    return lt.LIF(
        shape=(size,), du=0.5, dv=0.25, vth=1.0, bias_mant=rng.integers(0, 4, size) / 8, name=name
    )


def dense(rng: np.random.Generator, source: lt.LIF, target: lt.LIF, name: str) -> lt.Dense:
    """A Dense from `source` to `target`."""
    weights = rng.integers(-4, 8, target.v.shape + source.v.shape) / 8
    connection = lt.Dense(weights=weights, name=name)
    source.s_out.connect(connection.s_in)
    connection.a_out.connect(target.a_in)
    return connection
