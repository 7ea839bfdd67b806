"""Where Processes and Vars get their ids."""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar
from weakref import WeakValueDictionary


class IdGeneratorSingleton(ABC):
    """Base of the singletons that number the objects registered with them, from 0.

    Every subclass has one instance, kept in its class attribute `instance`; `reset_singleton()`
    forgets it, so that the next call makes a new one.
    """

    instance: ClassVar[IdGeneratorSingleton | None] = None
    is_not_initialized: ClassVar[bool] = True
    _next_id: int

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.reset_singleton()

    def __new__(cls) -> IdGeneratorSingleton:
        if cls is IdGeneratorSingleton:
            raise TypeError("IdGeneratorSingleton is a base class: instantiate a subclass of it.")
        if cls.instance is None:
            cls.instance = super().__new__(cls)
        return cls.instance

    def __init__(self) -> None:
        if type(self).is_not_initialized:
            self._next_id = 0
            type(self).is_not_initialized = False

    @classmethod
    def reset_singleton(cls) -> None:
        """Forget the instance; the next call of the class makes a new one, counting from 0."""
        cls.instance = None
        cls.is_not_initialized = True

    def get_next_id(self) -> int:
        """The next id: 0, 1, 2, ..."""
        next_id = self._next_id
        self._next_id += 1
        return next_id


class ObjectServer(IdGeneratorSingleton):
    """A singleton that also lists what it numbered.

    It holds weak references only: a Process that nobody uses any more is freed, and its runtime
    with it.
    """

    def __init__(self) -> None:
        if type(self).is_not_initialized:
            self._objects: WeakValueDictionary[int, Any] = WeakValueDictionary()
        super().__init__()

    def _add(self, item: Any) -> int:
        next_id = self.get_next_id()
        self._objects[next_id] = item
        return next_id

    def _alive(self) -> list[Any]:
        return [item for _, item in sorted(self._objects.items())]

    def reset_server(self) -> None:
        """Forget everything: ids count from 0 again."""
        self._objects = WeakValueDictionary()
        self._next_id = 0
        self.reset_singleton()
