"""What a ProcessModel is, whatever it is written in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lava_torch.core.member import MemberOwner
from lava_torch.core.resources import AbstractResource
from lava_torch.core.sync import AbstractSyncProtocol

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess

#: What a model can do in a time step: a leaf model defines one of these at least.
STEP_METHODS = ("step", "emit", "absorb", "learn", "manage", "run_spk", "run_async")


class AbstractProcessModel:
    """Base of the ProcessModels: the behaviours that a Process can have.

    Attributes
    ----------
    implements_process : the Process class, set by `@implements`.
    implements_protocol : the AbstractSyncProtocol class, set by `@implements`.
    required_resources : resource classes, or lists of them of which one is needed (`@requires`).
    tags : words that a run config can ask for (`@tag`).
    stands_for : of a numpy model of the library, the compiled model that runs where it is selected;
        a subclass stands for itself.
    """

    implements_process: ClassVar[type[AbstractProcess] | None] = None
    implements_protocol: ClassVar[type[AbstractSyncProtocol] | None] = None
    required_resources: ClassVar[list[type[AbstractResource] | list[type[AbstractResource]]]] = []
    tags: ClassVar[list[str]] = []
    stands_for: ClassVar[type[AbstractProcessModel]]


class AbstractSubProcessModel(AbstractProcessModel, ABC):
    """Base of the models that are made of other Processes.

    A subclass has a constructor that takes the Process, makes the sub-processes as attributes (or
    as fields of attributes that are dataclasses), connects them to each other and to the ports of
    the Process, and aliases its Vars. AbstractSubProcessModel itself cannot be instantiated
    (TypeError).
    """

    _implemented: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> AbstractSubProcessModel:
        model = super().__new__(cls)
        model._implemented = next(iter((*args, *kwargs.values())), None)
        return model

    @abstractmethod
    def __init__(self, proc: AbstractProcess) -> None: ...

    def find_sub_procs(self) -> dict[str, AbstractProcess]:
        """The sub-processes by attribute name; a dataclass field is named `<attribute>_<field>`."""
        found: dict[str, AbstractProcess] = {}
        for name, value in sorted(vars(self).items()):
            if self._is_sub_process(value):
                found[name] = value
            elif is_dataclass(value) and not isinstance(value, type):
                for part in fields(value):
                    if self._is_sub_process(getattr(value, part.name)):
                        found[f"{name}_{part.name}"] = getattr(value, part.name)
        return found

    def _is_sub_process(self, value: Any) -> bool:
        return isinstance(value, MemberOwner) and value is not self._implemented


def is_sub_process_model(model: type[AbstractProcessModel]) -> bool:
    """Whether a model class is made of other Processes."""
    return issubclass(model, AbstractSubProcessModel)


def is_leaf_model(model: type[AbstractProcessModel]) -> bool:
    """Whether a model class says itself what happens in a step, by one of STEP_METHODS."""
    return not is_sub_process_model(model) and any(
        callable(getattr(model, name, None)) for name in STEP_METHODS
    )
