"""Saving and loading whole systems of Processes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lava_torch.compiler import Network
from lava_torch.core.checkpoints import Path as AnyPath
from lava_torch.core.process import AbstractProcess
from lava_torch.core.run_configs import RunConfig
from lava_torch.io.checkpoint import container
from lava_torch.io.checkpoint.arrays import Array, Loaded
from lava_torch.io.checkpoint.build import Topology
from lava_torch.io.checkpoint.classes import Classes
from lava_torch.io.checkpoint.decoding import Decoder, expect, fields_of, resolve
from lava_torch.io.checkpoint.describe import Description, Setup
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.folder import checkpoints_in
from lava_torch.io.checkpoint.settings import RunCfgNode
from lava_torch.io.checkpoint.state import NetworkState, describe_state
from lava_torch.runtime import Executable


@dataclass(frozen=True, eq=False)
class System:
    """What a checkpoint held.

    Attributes
    ----------
    process : the Process that was saved, or that stands for what was; `roots`: all that were.
    processes : every Process by name, those of a name that was there before numbered.
    run_cfg : the run config that it ran under, or None.
    time_step : how many steps it had run.
    executable : the compiled network, where one was saved without a runtime.
    is_list : whether a list of Processes was saved, or one.
    """

    process: AbstractProcess
    roots: list[AbstractProcess]
    processes: dict[str, AbstractProcess]
    run_cfg: RunConfig | None
    time_step: int
    executable: Executable | None = None
    is_list: bool = False


@dataclass(frozen=True)
class Form:
    """How a system is saved: with a runtime or without, as a list or one Process, and by which
    Process it is compiled."""

    compiled: AbstractProcess
    has_runtime: bool = True
    is_list: bool = False


# -- saving ---------------------------------------------------------------------------------------


def save(process: AbstractProcess, path: AnyPath) -> None:
    """Save all that `process` is connected with in one file; see `AbstractProcess.save`."""
    if not isinstance(process, AbstractProcess):
        raise TypeError(f"save() needs a Process; got {process!r}.")
    runtime = process._network_runtime
    if runtime is not None and runtime.is_stopped:
        raise RuntimeError(
            f"Process '{process.name}' cannot be saved: its network was stopped, and its state is "
            f"gone. Save it before stop(), or run it again."
        )
    if runtime is not None and runtime.is_running:
        raise RuntimeError(
            f"Process '{process.name}' cannot be saved while a run is on: wait() or pause() first, "
            f"or give run() checkpoint_every and checkpoint."
        )
    network = None if runtime is None else runtime.network
    description = Description([process], setup_of(process, network))
    write(description, network, Path(path), Form(process))


def setup_of(process: AbstractProcess, network: Network | None) -> Setup | None:
    """How a network was compiled, or how its Processes were the last time."""
    run_cfg, config = process._setup or (None, None)
    run_cfg = run_cfg if network is None else network.graph.run_cfg
    return None if run_cfg is None else (run_cfg, config)


def write(description: Description, network: Network | None, path: Path, form: Form) -> None:
    """Write a description, and the state of a network, to a file."""
    encoder = description.encoder()
    state = None if network is None else describe_state(network, encoder)
    structure = {
        **description.structure,
        "objects": encoder.objects,
        "state": state,
        "form": [encoder.numbers[id(form.compiled)], form.has_runtime, form.is_list],
    }
    container.write(path, structure, encoder.arrays.arrays)


# -- loading --------------------------------------------------------------------------------------


def load(path: AnyPath, *, classes: Iterable[type] = (), device: Any = None) -> System:
    """Make a saved system again, with its runtime if it had one.

    Parameters and errors as of `AbstractProcess.load`.
    """
    path, known = Path(path), Classes(classes)
    file, (structure, arrays) = _newest(path) if path.is_dir() else (path, container.read(path))
    with naming(file):
        return _System(structure, arrays, known, device).make()


def _newest(folder: Path) -> tuple[Path, tuple[dict[str, Any], dict[str, Array]]]:
    """The newest checkpoint of a folder that is whole."""
    broken: list[str] = []
    for file in reversed(checkpoints_in(folder)):
        try:
            found = container.read(file)
        except CheckpointError as error:
            broken.append(str(error))
            continue
        for text in broken:
            warnings.warn(f"{text} '{file.name}', which is older, is taken.", stacklevel=4)
        return file, found
    reasons = " ".join(broken) or "It holds no file step-<time step>.safetensors."
    raise CheckpointError(f"There is no checkpoint in '{folder}' that can be loaded. {reasons}")


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Errors while a file is made into Processes are CheckpointErrors that name it."""
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"'{file}' cannot be loaded: {error}.") from error.__cause__
    except Exception as error:  # of constructors, of the compiler, of a file that lies
        raise CheckpointError(
            f"'{file}' cannot be loaded: {type(error).__name__}: {error}"
        ) from error


class _System:
    """The structure of a file, checked; `make` makes what it says."""

    def __init__(
        self,
        structure: Mapping[str, Any],
        arrays: Mapping[str, Array],
        classes: Classes,
        device: Any,
    ) -> None:
        keys = "roots processes aliases wiring setup objects state form".split()
        fields = fields_of(structure, "the structure", *keys)
        count = len(expect(fields["processes"], list, "the Processes"))
        decoder = Decoder(Loaded(arrays), classes, fields["objects"], count)
        self.topology = Topology(fields, decoder)
        compiled, *flags = expect(fields["form"], list, "the form", 3)
        self.compiled = decoder.number(compiled)
        self.has_runtime, self.is_list = (expect(flag, bool, "a bool") for flag in flags)
        self.run_cfg, self.config = None, None
        if fields["setup"] is not None:
            setup = fields_of(fields["setup"], "the setup", "run_cfg", "compile_config")
            self.run_cfg = RunCfgNode(setup["run_cfg"], decoder, device)
            self.config = decoder.decode(setup["compile_config"])
            if not isinstance(self.config, dict | None):
                raise CheckpointError("the compile_config is no dict")
        self.state = None
        if fields["state"] is not None:
            if self.run_cfg is None:
                raise CheckpointError("it has a state but no run config")
            self.state = NetworkState(fields["state"], decoder, self.topology.nodes)
            self.state.check_batch(self.run_cfg.batch_size)

    def make(self) -> System:
        processes = self.topology.build()
        roots = [self.topology.made(number) for number in self.topology.roots]
        run_cfg = None if self.run_cfg is None else self.run_cfg.make(self.topology.made)
        config = resolve(self.config, self.topology.made)
        if run_cfg is not None:
            for process in processes:
                process._setup = (run_cfg, config)
        executable = None
        compiled = self.topology.made(self.compiled)
        if self.state is not None:
            executable = self._start(compiled, run_cfg, config, processes)
        return System(
            process=roots[0] if roots else compiled,
            roots=roots,
            processes=_by_name(processes),
            run_cfg=run_cfg,
            time_step=0 if self.state is None else self.state.time_step,
            executable=executable,
            is_list=self.is_list,
        )

    def _start(
        self,
        process: AbstractProcess,
        run_cfg: RunConfig,
        config: Mapping[str, Any] | None,
        processes: Sequence[AbstractProcess],
    ) -> Executable | None:
        """Compile, and bring the network to its saved state; the executable, or None where it has a
        runtime at once."""
        numbers = {id(member): number for number, member in enumerate(processes)}
        if not self.has_runtime:
            executable = process.compile(run_cfg, config)
            self.state.restore(executable.network, numbers)
            return executable
        process.create_runtime(run_cfg, compile_config=config)
        try:
            self.state.restore(process._network_runtime.network, numbers)
        except BaseException:
            process.stop()
            raise
        return None


def _by_name(processes: Sequence[AbstractProcess]) -> dict[str, AbstractProcess]:
    named: dict[str, AbstractProcess] = {}
    for process in processes:
        name, count = process.name, 1
        while name in named:
            name, count = f"{process.name}_{count}", count + 1
        named[name] = process
    return named
