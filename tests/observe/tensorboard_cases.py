"""What the tests of TensorBoardLogger share."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lava_torch as lt
from lava_torch.core import implements, tag


class Events:
    """What is in the event files of a folder."""

    def __init__(self, logdir: Path) -> None:
        everything = {"scalars": 0, "histograms": 0, "images": 0}
        self._found = EventAccumulator(str(logdir), size_guidance=everything)
        self._found.Reload()

    def tags(self, kind: str) -> list[str]:
        return sorted(self._found.Tags()[kind])

    def steps(self, name: str) -> list[int]:
        return [event.step for event in self._found.Scalars(name)]

    def curve(self, name: str) -> list[float]:
        return [event.value for event in self._found.Scalars(name)]

    def curves(self, name: str, indices: range | list[int]) -> np.ndarray:
        """(steps, len(indices))"""
        return np.array([self.curve(f"{name}/{i}") for i in indices]).T

    def histograms(self, name: str) -> list:
        return self._found.Histograms(name)

    def images(self, name: str) -> list[tuple[int, np.ndarray]]:
        return [
            (event.step, np.asarray(Image.open(io.BytesIO(event.encoded_image_string))))
            for event in self._found.Images(name)
        ]


class Cell(lt.AbstractProcess):
    """`v` counts the steps, in `shape`; its model can be told to fail."""

    def __init__(self, shape=(3,), fail_at: int = 0, phase: str = "spiking", name="cell") -> None:
        super().__init__(fail_at=fail_at, phase=phase, name=name)
        self.s_out = lt.OutPort(shape)
        self.v = lt.Var(shape, 0)
        self.hidden = lt.Var(shape, 0, shareable=False)
        self.text = lt.Var((1,), "text")


@implements(Cell)
@tag("floating_pt", "fixed_pt")
class CellModel(lt.TorchProcessModel):
    def emit(self):
        self.v = self.v + 1
        self.fail("spiking")
        return self.v

    def manage(self):
        self.fail("post-management")

    def fail(self, phase):
        params = self.proc_params
        if params["phase"] == phase and int(self.time_step) == params["fail_at"]:
            raise KeyError("deliberate")


CFG = lt.Loihi2SimCfg()


def dark(picture: np.ndarray) -> np.ndarray:
    return picture.max(axis=-1) < 128
