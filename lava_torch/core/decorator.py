"""Decorators that say what a ProcessModel is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from lava_torch.core.model import AbstractProcessModel
from lava_torch.core.process import AbstractProcess
from lava_torch.core.resources import AbstractResource
from lava_torch.core.sync import AbstractSyncProtocol

M = TypeVar("M", bound=type[AbstractProcessModel])
Resource = type[AbstractResource]


def implements(
    proc: type[AbstractProcess] | None = None, protocol: type[AbstractSyncProtocol] | None = None
) -> Callable[[M], M]:
    """Say which Process a model implements, and under which protocol; None leaves it as inherited.

    Raises
    ------
    TypeError : an instance where a class is expected.
    AssertionError : another kind of class, or the model implements another Process or protocol
        already, perhaps by inheritance.
    """
    _check_class(proc, AbstractProcess, "proc")
    _check_class(protocol, AbstractSyncProtocol, "protocol")

    def decorate(model: M) -> M:
        _check_model(model, "implements")
        _set_once(model, "implements_process", proc)
        _set_once(model, "implements_protocol", protocol)
        return model

    return decorate


def requires(*resources: Resource | list[Resource]) -> Callable[[M], M]:
    """Add to the resources that a model needs; of a list, any one is enough.

    Raises
    ------
    TypeError : an instance where a class is expected.
    AssertionError : another kind of class, or the decorated class is no ProcessModel.
    """
    for resource in resources:
        for one in resource if isinstance(resource, (list, tuple)) else [resource]:
            _check_class(one, AbstractResource, "a resource", optional=False)

    def decorate(model: M) -> M:
        _check_model(model, "requires")
        model.required_resources = [*model.required_resources, *resources]
        return model

    return decorate


def tag(*tags: str) -> Callable[[M], M]:
    """Add to the tags of a model, by which a run config can select it.

    Raises AssertionError if a tag is not a str, or the decorated class is no ProcessModel.
    """
    for one in tags:
        if not isinstance(one, str):
            raise AssertionError(f"@tag takes words as @tag('a', 'b'); got {one!r}.")

    def decorate(model: M) -> M:
        _check_model(model, "tag")
        model.tags = [*model.tags, *tags]
        return model

    return decorate


def _check_class(value: object, base: type, what: str, optional: bool = True) -> None:
    if value is None and optional:
        return
    if not isinstance(value, type):
        raise TypeError(f"{what} must be a class, not an instance; got {value!r}.")
    if not issubclass(value, base):
        raise AssertionError(f"{what} must be a subclass of {base.__name__}; got {value.__name__}.")


def _check_model(model: object, decorator: str) -> None:
    if not isinstance(model, type):
        raise TypeError(f"@{decorator} decorates ProcessModel classes; got {model!r}.")
    if not issubclass(model, AbstractProcessModel):
        raise AssertionError(f"@{decorator} decorates ProcessModels; {model.__name__} is none.")


def _set_once(model: type, attribute: str, value: type | None) -> None:
    present = getattr(model, attribute)
    if value is None:
        return
    if present is not None and present is not value:
        raise AssertionError(
            f"{model.__name__} has {attribute} = {present.__name__} already (perhaps inherited); "
            f"it cannot become {value.__name__}."
        )
    setattr(model, attribute, value)
