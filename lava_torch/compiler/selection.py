"""Which ProcessModels a Process has, and which of them a run config selects."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from lava_torch.core.exceptions import NoProcessModelFound
from lava_torch.core.model import AbstractProcessModel
from lava_torch.core.process import AbstractProcess
from lava_torch.core.run_configs import RunConfig

ModelClass = type[AbstractProcessModel]


def select_model(process: AbstractProcess, run_cfg: RunConfig) -> ModelClass:
    """The model class that `run_cfg` selects for a Process, or the compiled one that it stands for.

    Raises NoProcessModelFound if there is no candidate, and what `run_cfg.select` raises:
    AssertionError if no candidate fits, or if it returns something that is not a model class.
    """
    candidates = find_models(type(process))
    named = {process, type(process)} & _exceptions(run_cfg).keys()
    if not candidates and not named:
        raise NoProcessModelFound(process, _hint(process))
    model = run_cfg.select(process, candidates)
    if not (isinstance(model, type) and issubclass(model, AbstractProcessModel)):
        raise AssertionError(
            f"{type(run_cfg).__name__}.select() must return a ProcessModel class for Process "
            f"'{process.name}'; it returned {model!r}."
        )
    # Of exactly this class: a subclass of a numpy model is to run as it is written.
    return vars(model).get("stands_for", model)


def find_models(process_class: type[AbstractProcess]) -> list[ModelClass]:
    """The models whose `@implements` names exactly this class.

    Those in the class's own module come first, in order of definition; then those in the other
    modules of its folder, in alphabetical order. Modules of its package are imported for that;
    beside a script, only modules that it has imported, and those with "model" in their names, of
    which none can have models of a Process that the script itself defines. One that needs a package
    which is not there is left out with a warning, or if no model is found, its ImportError is
    raised. Of models of one name that no module holds, the one defined last is found.
    """
    found: list[ModelClass] = []
    broken: list[ImportError] = []
    for module in _modules(process_class, broken):
        for value in list(vars(module).values()):
            if _implements(value, process_class, module) and value not in found:
                found.append(value)
    found = found or _held_by_no_module(process_class)
    if broken and not found:
        raise broken[0]
    return found


def _held_by_no_module(process_class: type) -> list[ModelClass]:
    """The models for this class wherever they are; a second definition replaces the first."""
    models = [m for m in _subclasses(AbstractProcessModel) if _is_for(m, process_class)]
    return list({(m.__module__, m.__qualname__): m for m in models}.values())


def _is_for(value: object, process_class: type[AbstractProcess]) -> bool:
    # What stands for another model is found as that one.
    is_one = getattr(value, "implements_process", None) is process_class
    return is_one and "stands_for" not in vars(value)


def _implements(value: object, process_class: type[AbstractProcess], module: ModuleType) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, AbstractProcessModel)
        and value.__module__ == module.__name__
        and _is_for(value, process_class)
    )


def _subclasses(cls: type) -> Iterator[ModelClass]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _subclasses(sub)


def _modules(process_class: type, broken: list[ImportError]) -> Iterator[ModuleType]:
    home = sys.modules.get(process_class.__module__)
    if home is None:
        return
    yield home
    file = getattr(home, "__file__", None)
    if not file:
        return
    folder = Path(file).parent
    package = home.__name__.rpartition(".")[0]
    for name in sorted(module.name for module in pkgutil.iter_modules([str(folder)])):
        full = f"{package}.{name}" if package else name
        if full != home.__name__ and _may_import(full, home.__name__, folder):
            module = _imported(full, process_class)
            if isinstance(module, ImportError):
                broken.append(module)
            else:
                yield module


#: Modules that could not be imported: each is tried, and warned of, once.
_broken: dict[str, ImportError] = {}


def _imported(full: str, process_class: type) -> ModuleType | ImportError:
    if full in _broken and full not in sys.modules:
        return _broken[full]
    try:
        return importlib.import_module(full)
    except Exception as error:
        error.add_note(f"Module '{full}' was imported to look for models of {process_class}.")
        if not isinstance(error, ImportError):
            raise
        warnings.warn(
            f"Module '{full}', beside that of {process_class.__name__}, cannot be imported: "
            f"{str(error).rstrip('.')}. If it has models, they are not candidates.",
            stacklevel=2,
        )
        _broken[full] = error
        return error


def _may_import(full: str, home: str, folder: Path) -> bool:
    """A script's folder may hold other scripts, which importing would run."""
    if "." in full:
        return True
    loaded = getattr(sys.modules.get(full), "__file__", None)
    if loaded:
        return Path(loaded).parent == folder
    # What imports the script by its name has classes of its own, not those of `__main__`.
    return home != "__main__" and "model" in full


def _exceptions(run_cfg: RunConfig) -> dict:
    return getattr(run_cfg, "exception_proc_model_map", None) or {}


def _hint(process: AbstractProcess) -> str:
    cls = type(process)
    for model in _subclasses(AbstractProcessModel):
        other = model.implements_process
        if other and (other.__module__, other.__qualname__) == (cls.__module__, cls.__qualname__):
            return (
                f"{model.__name__} implements another class {cls.__name__}, defined before this "
                f"one: define the model again too."
            )
    for base in cls.__mro__[1:]:
        models = find_models(base) if issubclass(base, AbstractProcess) else []
        if models:
            names = ", ".join(model.__name__ for model in models)
            name = cls.__name__
            return (
                f"Its base {base.__name__} has {names}, which a subclass does not inherit: derive "
                f"a model and decorate it with @implements({name}), or name one in "
                f"exception_proc_model_map={{{name}: ...}}."
            )
    return ""
