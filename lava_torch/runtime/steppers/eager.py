"""The stepper that calls the models one after another: it runs every network of
them."""

from __future__ import annotations

import torch

from lava_torch.compiler.network import Network
from lava_torch.runtime.control import Control
from lava_torch.runtime.state import State
from lava_torch.runtime.steppers.base import Stepper


class EagerStepper(Stepper):
    """Calls each model in the order of the schedule, without autograd."""

    name = "eager"

    @classmethod
    def obstacle(cls, network: Network) -> str | None:
        if network.hosting is None:
            return None
        return f"the Processes {list(network.hosting.models)} have numpy models"

    @torch.no_grad()
    def advance(self, steps: int, control: Control) -> int:
        # Taken anew for each call: `.to()` or `load_state_dict` may have replaced the buffers.
        state = State(self.network)
        for done in range(steps):
            if control.requested:
                return done
            try:
                self.network.step()
                state.commit()
            except BaseException:
                state.rollback()
                raise
        return steps
