"""Saving Processes with what they were compiled to, by the names that Lava has for it.

    executable = lif.compile(run_cfg)
    save(lif, "network", executable)
    lif, executable = load("network.pickle")
    lif.create_runtime(run_cfg, executable)
    lif.run(RunSteps(100))

The file is a checkpoint (`lava_torch.io.checkpoint`), no pickle, in spite of the name that it gets
as in Lava. `AbstractProcess.save` keeps a running network with its state.
"""

from __future__ import annotations

from pathlib import Path

from lava_torch.compiler import Network
from lava_torch.core.process import AbstractProcess
from lava_torch.io.checkpoint.describe import Description
from lava_torch.io.checkpoint.system import Form, setup_of, write
from lava_torch.io.checkpoint.system import load as load_system
from lava_torch.runtime import Executable

__all__ = ["load", "save"]


def save(
    processes: AbstractProcess | list[AbstractProcess],
    filename: str,
    executable: Executable | None = None,
) -> None:
    """Save Processes, all that they are connected with, and an executable with its state.

    Parameters
    ----------
    processes : a Process, or a list of them, in one network or several; an empty list for the
        executable alone.
    filename : of the file; ".pickle" is added to a name without a dot.
    executable : what `compile` of one of them returned.

    Raises
    ------
    TypeError : an argument of another type.
    ValueError : neither Processes nor an executable; an executable of other Processes.
    CheckpointError (a ValueError) : something that cannot be saved.
    RuntimeError : the executable's network is running.
    """
    given = processes if isinstance(processes, list) else [processes]
    for process in given:
        if not isinstance(process, AbstractProcess):
            raise TypeError(f"save() needs a Process or a list of Processes; got {process!r}.")
    if not isinstance(filename, str):
        raise TypeError(f"save() needs a str as filename; got {filename!r}.")
    if not isinstance(executable, Executable | None):
        raise TypeError(f"save() needs what compile() returns as executable; got {executable!r}.")
    if not given and executable is None:
        raise ValueError("save() needs one Process or more, or an executable; got an empty list.")
    path = Path(filename if "." in Path(filename).name else f"{filename}.pickle")
    network = None if executable is None else executable.network
    compiled = given[0] if network is None else _compiled(given or _outermost(network), network)
    description = Description(given or [compiled], setup_of(compiled, network))
    if not given:
        description.structure["roots"] = []
    form = Form(is_list=isinstance(processes, list), has_runtime=False, compiled=compiled)
    write(description, network, path, form)


def _outermost(network: Network) -> list[AbstractProcess]:
    """The Processes of a network that no other is made of."""
    graph = network.graph
    return [p for p in (*graph.containers, *graph.node_of) if p.parent_proc is None]


def _compiled(processes: list[AbstractProcess], network: Network) -> AbstractProcess:
    """One of the Processes that the network is of."""
    for process in processes:
        runtime = process._network_runtime
        if runtime is not None and runtime.network is network and runtime.is_running:
            raise RuntimeError(
                f"The executable of Process '{process.name}' cannot be saved while it runs: wait() "
                f"or pause() first."
            )
    known = network.graph.node_of.keys() | network.graph.containers.keys()
    found = [process for process in processes if process in known]
    if not found:
        raise ValueError(
            f"The executable is not of the Processes that are saved with it: it holds "
            f"{list(network.models)}, they are {[process.name for process in processes]}."
        )
    return found[0]


def load(
    filename: str, *, classes: tuple[type, ...] = ()
) -> tuple[AbstractProcess | list[AbstractProcess], Executable | None]:
    """The Processes that were saved, one or a list as they were given, and the executable, if one
    was saved. `classes` as of `AbstractProcess.load`.

    Raises TypeError for a filename that is no str, OSError where there is no such file, and
    CheckpointError for one that is damaged, or needs classes that are not known.
    """
    if not isinstance(filename, str):
        raise TypeError(f"load() needs a str as filename; got {filename!r}.")
    system = load_system(filename, classes=classes)
    return (system.roots if system.is_list else system.process), system.executable
