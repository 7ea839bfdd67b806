"""What numpy models are derived from."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

from lava_torch.core.log_config import LogConfig, make_logger
from lava_torch.core.model import AbstractProcessModel
from lava_torch.core.parameters import ProcessParameters
from lava_torch.core.sync import AsyncProtocol, Phase
from lava_torch.model.hosted.tasks import give_way


class AbstractPyProcessModel(AbstractProcessModel, ABC):
    """Base of the models that are plain Python and numpy.

    The runtime makes one for each Process, by its constructor, then gives it the Vars and ports
    that its class declares by LavaPyType, under the same names, and calls its methods. It runs on
    the CPU, beside compiled models in the same network.

    Parameters
    ----------
    proc_params : the Process's `proc_params`.
    loglevel : lowest level that `log` takes, where the Process has no `log_config`.
    """

    def __init__(
        self, proc_params: ProcessParameters | None = None, loglevel: int = logging.WARNING
    ) -> None:
        self.proc_params = ProcessParameters({}) if proc_params is None else proc_params
        self.model_id: int | None = None
        self._loglevel = loglevel

    @cached_property
    def log(self) -> logging.Logger:
        """The logger, as the Process's `log_config` says."""
        config = self.proc_params.get("log_config") or LogConfig(level_console=self._loglevel)
        return make_logger(self.proc_params.get("name") or type(self).__name__, config)

    def on_var_update(self) -> None:
        """Called after a Var was set from outside."""

    def __getstate__(self) -> dict[str, Any]:
        # A logger holds open files; a copy makes its own.
        return {name: value for name, value in vars(self).items() if name != "log"}


class PyLoihiProcessModel(AbstractPyProcessModel):
    """A model in the phases of `LoihiProtocol`.

    `run_spk` is called in each step, `run_pre_mgmt`, `run_lrn` and `run_post_mgmt` where the guards
    ask for their phases. Guards must be pure: they are called several times a step. A model may set
    `_req_pause` or `_req_stop` to True: the network then pauses or stops at the end of the step.

    Attributes
    ----------
    time_step : the number of the step, 1 in the first.
    phase : the phase that it is in, see `PyLoihiProcessModel.Phase`.
    """

    Phase: ClassVar[type[Phase]] = Phase

    def __init__(
        self, proc_params: ProcessParameters | None = None, loglevel: int = logging.WARNING
    ) -> None:
        super().__init__(proc_params, loglevel)
        self.time_step = 0
        self.phase = Phase.SPK
        self._req_pause = False
        self._req_stop = False

    def run_spk(self) -> None:
        """The spiking phase: receive and send."""

    def run_pre_mgmt(self) -> None:
        """Pre-management: before learning, in steps in which both guards are true."""

    def run_lrn(self) -> None:
        """The learning phase, if `lrn_guard()`."""

    def run_post_mgmt(self) -> None:
        """Post-management, if `post_guard()`."""

    def pre_guard(self) -> bool:
        """Whether this step has a pre-management phase, given that `lrn_guard()` is true too."""
        return False

    def lrn_guard(self) -> bool:
        """Whether this step has a learning phase."""
        return False

    def post_guard(self) -> bool:
        """Whether this step has a post-management phase."""
        return False

    def advance_to_time_step(self, time_step: int) -> None:
        """Nothing: receivers wait for messages, not for times."""


class PyAsyncProcessModel(AbstractPyProcessModel):
    """A model without phases: `run_async` is called once a run, and goes at its own speed.

    It should end after `num_steps` rounds, or when `check_for_pause_cmd()` or
    `check_for_stop_cmd()` is true; while it computes, others wait, until it receives from an empty
    channel, sends to a full one or calls one of these.

    Attributes
    ----------
    num_steps : the steps of the run; of a run without an end, a number that it does not reach.
    """

    def __init__(
        self, proc_params: ProcessParameters | None = None, loglevel: int = logging.WARNING
    ) -> None:
        super().__init__(proc_params, loglevel)
        self._begin()

    def _begin(self) -> None:
        self.num_steps = 0
        self._req_pause = False
        self._req_stop = False
        self._end_asked: Any = None

    @abstractmethod
    def run_async(self) -> None:
        """What the model does in a run."""

    def check_for_stop_cmd(self) -> bool:
        """Whether the run is to end. Others get their turn meanwhile."""
        return self._asked()

    def check_for_pause_cmd(self) -> bool:
        """Whether the run is to end. Others get their turn meanwhile."""
        return self._asked()

    def _asked(self) -> bool:
        give_way()
        return self._end_asked is not None and self._end_asked()


def PyLoihiModelToPyAsyncModel(model_class: type[PyLoihiProcessModel]) -> type[PyAsyncProcessModel]:
    """A class `<name>Async` that does what a PyLoihiProcessModel does, without phases.

    In each of `num_steps` rounds it calls `run_pre_mgmt` if `pre_guard()`, `run_spk`, and
    `run_post_mgmt` if `post_guard()`. Raises TypeError for another class.
    """
    if not (isinstance(model_class, type) and issubclass(model_class, PyLoihiProcessModel)):
        raise TypeError(f"A PyLoihiProcessModel class is needed; got {model_class!r}.")

    def __init__(self: Any, proc_params: ProcessParameters | None = None) -> None:
        # Not the constructor of PyAsyncProcessModel, whose super() is `model_class` here.
        model_class.__init__(self, proc_params)
        self._begin()

    def run_async(self: Any) -> None:
        for _ in range(self.num_steps):
            if self._asked():
                return
            self.time_step += 1
            if self.pre_guard():
                self.run_pre_mgmt()
            self.run_spk()
            if self.post_guard():
                self.run_post_mgmt()

    members = {
        "__init__": __init__,
        "run_async": run_async,
        "__module__": model_class.__module__,
        "__doc__": model_class.__doc__,
        "implements_process": model_class.implements_process,
        "implements_protocol": AsyncProtocol,
    }
    name = f"{model_class.__name__}Async"
    return type(name, (PyAsyncProcessModel, model_class), members)
