"""Classes by name: which of them a checkpoint may make objects of."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Any

from lava_torch.io.checkpoint.errors import CheckpointError

_OWN = "lava_torch"


def name_of(cls: type) -> list[str]:
    """Module and qualified name, as a checkpoint has a class."""
    return [cls.__module__, cls.__qualname__]


class Classes:
    """Finds classes: those that were given, those of modules that are imported already, and those
    of lava_torch. Nothing else is imported.

    Raises TypeError if what is given are not classes.
    """

    def __init__(self, given: Iterable[type] = ()) -> None:
        self._given = list(given) if isinstance(given, Iterable) else [given]
        for cls in self._given:
            if not isinstance(cls, type):
                raise TypeError(f"classes must be an iterable of classes; got {cls!r} in it.")

    def find(self, name: Any, *bases: type) -> type:
        """The class of that name; CheckpointError unless it derives from one of `bases`."""
        if not (isinstance(name, list) and len(name) == 2 and all(type(n) is str for n in name)):
            raise CheckpointError(f"{name!r} is not the name of a class")
        cls = self._search(*name)
        module, qualname = name
        if cls is None:
            raise CheckpointError(
                f"the class {qualname} of module '{module}' is not known here: import the module "
                f"first, or pass classes=[{qualname.split('.')[-1]}]"
            )
        if not issubclass(cls, bases):
            wanted = " or ".join(base.__name__ for base in bases)
            raise CheckpointError(f"{module}.{qualname} is no {wanted}")
        return cls

    def _search(self, module: str, qualname: str) -> type | None:
        exact = [cls for cls in self._given if name_of(cls) == [module, qualname]]
        if exact:
            return exact[0]
        if module not in sys.modules and module.split(".")[0] == _OWN:
            _import_own(module)
        found = _looked_up(module, qualname)
        if found is None:
            # A script is '__main__' where it runs, and a module where it is imported.
            alike = [cls for cls in self._given if cls.__qualname__ == qualname]
            found = alike[0] if len(alike) == 1 else None
        return found


def _looked_up(module: str, qualname: str) -> type | None:
    """By what the namespaces hold: an attribute may be made, or imported, when it is asked for."""
    found: Any = sys.modules.get(module)
    for part in qualname.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found if isinstance(found, type) else None


def _import_own(module: str) -> None:
    if not all(part.isidentifier() for part in module.split(".")):
        return
    try:
        importlib.import_module(module)
    except ImportError:
        return
