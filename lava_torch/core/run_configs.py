"""Which ProcessModel each Process gets, and how the network runs."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lava_torch.core.exceptions import ModelSelectionError, UnsupportedModelError
from lava_torch.core.member import MemberOwner
from lava_torch.core.model import (
    STEP_METHODS,
    AbstractProcessModel,
    is_leaf_model,
    is_sub_process_model,
)
from lava_torch.core.run_options import RunOptions
from lava_torch.core.sync import SyncDomain

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess

ModelClass = type[AbstractProcessModel]


class RunConfig(RunOptions):
    """Base of the run configs. A subclass overrides `select`.

    Parameters
    ----------
    custom_sync_domains : SyncDomains, as a list.
    loglevel : level of the config's log.
    device, dtype, batch_size, seed, trainable, surrogate, stepper : see `lava_torch.RunOptions`.
        Whether the device exists is checked when a network is compiled.

    Raises
    ------
    AssertionError : `custom_sync_domains` is not a list of SyncDomains.
    TypeError, ValueError : an option of the wrong type, or out of range.
    """

    custom_sync_domains: Sequence[SyncDomain] = ()
    log: logging.Logger = logging.getLogger(__name__)

    def __init__(
        self,
        custom_sync_domains: list[SyncDomain] | None = None,
        loglevel: int = logging.WARNING,
        *,
        device: Any = None,
        dtype: Any = None,
        batch_size: int | None = None,
        seed: int | None = None,
        trainable: bool | str | Sequence[str] = False,
        surrogate: Any = None,
        stepper: str = "auto",
    ) -> None:
        self._set_options(device, dtype, batch_size, seed, trainable, surrogate, stepper)
        self.custom_sync_domains = _checked_domains(custom_sync_domains)
        self.log = logging.Logger(__name__, loglevel)
        self.log.parent = logging.getLogger("lava_torch")

    def select(self, process: AbstractProcess, proc_models: list[ModelClass]) -> ModelClass:
        """The model class for `process`, out of the candidates `proc_models`; to be overridden."""
        raise ModelSelectionError(
            f"{type(self).__name__} does not override select(), so it has no ProcessModel for "
            f"{_named(process)}. Use Loihi2SimCfg, or define select(self, process, proc_models)."
        )


class AbstractLoihiRunCfg(RunConfig):
    """Selects models by tag.

    `select` takes, in this order:

    1. what `exception_proc_model_map` has for the Process or its class;
    2. of one candidate: that one, if no tag is asked for, or it has the tag or no tags at all;
    3. of several, with `select_sub_proc_model`: a sub-process model, if there is one: the only one,
       whatever its tags; else the first, or with a tag the first that has it;
    4. of several: the first leaf model, or with a tag the first that has it.

    Parameters
    ----------
    custom_sync_domains : SyncDomains, as a list.
    select_tag : the tag that models must have, such as "floating_pt" or "fixed_pt".
    select_sub_proc_model : whether sub-process models are preferred.
    exception_proc_model_map : model classes by Process or Process class, chosen before all else.
    loglevel : level of the config's log.
    device, dtype, batch_size, seed, trainable, surrogate, stepper : see `lava_torch.RunOptions`.

    Raises
    ------
    AssertionError : `custom_sync_domains` is not a list of SyncDomains.
    TypeError, ValueError : an option of the wrong type, or out of range.
    """

    def __init__(
        self,
        custom_sync_domains: list[SyncDomain] | None = None,
        select_tag: str | None = None,
        select_sub_proc_model: bool = False,
        exception_proc_model_map: Mapping[Any, ModelClass] | None = None,
        loglevel: int = logging.WARNING,
        *,
        device: Any = None,
        dtype: Any = None,
        batch_size: int | None = None,
        seed: int | None = None,
        trainable: bool | str | Sequence[str] = False,
        surrogate: Any = None,
        stepper: str = "auto",
    ) -> None:
        super().__init__(
            custom_sync_domains, loglevel, device=device, dtype=dtype, batch_size=batch_size,
            seed=seed, trainable=trainable, surrogate=surrogate, stepper=stepper,
        )  # fmt: skip
        if select_tag is not None and not isinstance(select_tag, str):
            raise TypeError(f"select_tag must be None or a str; got {select_tag!r}.")
        self.select_tag = select_tag
        self.select_sub_proc_model = bool(select_sub_proc_model)
        self.exception_proc_model_map = _checked_exceptions(exception_proc_model_map)

    def select(self, process: AbstractProcess, proc_models: list[ModelClass]) -> ModelClass:
        """The model class for `process`, out of the candidates `proc_models`.

        Raises
        ------
        AssertionError : no candidate has the tag, or there is none; the message lists them.
        NotImplementedError : the only candidate is no model that this backend can run.
        """
        exceptions = self.exception_proc_model_map
        for key in (process, type(process)):
            if key in exceptions:
                return exceptions[key]
        if not proc_models:
            raise ModelSelectionError(f"There is no ProcessModel for {_named(process)}.")
        if len(proc_models) == 1:
            return self._select_only(process, proc_models[0])
        sub_models = [model for model in proc_models if is_sub_process_model(model)]
        if self.select_sub_proc_model and len(sub_models) == 1:
            return sub_models[0]
        prefer_sub = self.select_sub_proc_model and sub_models
        leaf_models = [model for model in proc_models if is_leaf_model(model)]
        return self._first(process, sub_models if prefer_sub else leaf_models, proc_models)

    def _select_only(self, process: AbstractProcess, model: ModelClass) -> ModelClass:
        if not (is_sub_process_model(model) or is_leaf_model(model)):
            raise UnsupportedModelError(
                f"{model.__name__}, the only ProcessModel of {_named(process)}, cannot run on this "
                f"backend: it is no AbstractSubProcessModel and defines none of {STEP_METHODS}."
            )
        if model.tags:
            return self._first(process, [model], [model])
        return model

    def _first(
        self, process: AbstractProcess, models: list[ModelClass], candidates: list[ModelClass]
    ) -> ModelClass:
        for model in models:
            if self.select_tag is None or self.select_tag in model.tags:
                self.log.info("%s gets %s", _named(process), model.__name__)
                return model
        wanted = "" if self.select_tag is None else f" with tag '{self.select_tag}'"
        raise ModelSelectionError(
            f"No ProcessModel{wanted} for {_named(process)}. Candidates: {_listed(candidates)}. "
            f"Change select_tag or select_sub_proc_model, or name a model in "
            f"exception_proc_model_map."
        )


class AbstractLoihiSimRunCfg(AbstractLoihiRunCfg):
    __doc__ = AbstractLoihiRunCfg.__doc__


class Loihi1SimCfg(AbstractLoihiSimRunCfg):
    __doc__ = AbstractLoihiRunCfg.__doc__


class Loihi2SimCfg(Loihi1SimCfg):
    __doc__ = AbstractLoihiRunCfg.__doc__


class AbstractLoihiHWRunCfg(AbstractLoihiRunCfg):
    """For Loihi chips: scripts that choose between chip and simulation can name it, but making one
    raises UnsupportedModelError, a NotImplementedError."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UnsupportedModelError(
            f"{type(self).__name__} is for Loihi chips, which lava_torch does not run on. "
            "Loihi2SimCfg(select_tag='fixed_pt') simulates their arithmetic."
        )


class Loihi1HwCfg(AbstractLoihiHWRunCfg):
    __doc__ = AbstractLoihiHWRunCfg.__doc__


class Loihi2HwCfg(AbstractLoihiHWRunCfg):
    __doc__ = AbstractLoihiHWRunCfg.__doc__


def _named(process: AbstractProcess) -> str:
    return f"Process '{process.name}' ({type(process).__name__})"


def _listed(models: Sequence[ModelClass]) -> str:
    def kind(model: ModelClass) -> str:
        return "sub-process model, " if is_sub_process_model(model) else ""

    return ", ".join(f"{m.__name__} ({kind(m)}tags {list(m.tags)})" for m in models) or "none"


def _checked_domains(domains: list[SyncDomain] | None) -> list[SyncDomain]:
    if not domains:
        return []
    if not isinstance(domains, list):
        raise AssertionError(f"custom_sync_domains must be a list of SyncDomains; got {domains!r}.")
    for domain in domains:
        if not isinstance(domain, SyncDomain):
            raise AssertionError(f"custom_sync_domains must hold SyncDomains; got {domain!r}.")
    return list(domains)


def _checked_exceptions(models: Mapping[Any, ModelClass] | None) -> dict[Any, ModelClass]:
    if models is not None and not isinstance(models, Mapping):
        raise TypeError(f"exception_proc_model_map must be a dict; got {models!r}.")
    for key, model in (models or {}).items():
        owner = key if isinstance(key, type) else type(key)
        if not issubclass(owner, MemberOwner):
            raise TypeError(f"exception_proc_model_map has {key!r}, which is no Process.")
        if not (isinstance(model, type) and issubclass(model, AbstractProcessModel)):
            raise TypeError(f"exception_proc_model_map has {model!r} for {key!r}: no ProcessModel.")
    return dict(models or {})
