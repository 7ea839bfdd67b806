"""Processes: what a network is made of."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any

from lava_torch.core.checkpoints import Path, get_checkpoints
from lava_torch.core.collection import Collection
from lava_torch.core.compilation import (
    extended_network,
    fresh_network,
    runtime_of_network,
    track_sub_processes,
    undo_on_error,
)
from lava_torch.core.engine import Runtime, get_engine
from lava_torch.core.log_config import LogConfig, make_logger
from lava_torch.core.making import note_part, noting_parts
from lava_torch.core.member import MemberOwner
from lava_torch.core.model import AbstractProcessModel, is_sub_process_model
from lava_torch.core.parameters import ProcessParameters
from lava_torch.core.port_base import connections_made
from lava_torch.core.ports import InPort, OutPort, RefPort, VarPort
from lava_torch.core.process_graph import find_processes, with_sub_processes
from lava_torch.core.run_conditions import AbstractRunCondition, RunContinuous, RunSteps
from lava_torch.core.run_configs import RunConfig
from lava_torch.core.servers import ObjectServer
from lava_torch.core.variable import Var

CompileConfig = Mapping[str, Any]


class ProcessPostInitCaller(type):
    """Metaclass of the Processes.

    After the constructor it keeps the constructor's arguments in `_init_args`, a pair of positional
    and keyword arguments, and the Processes that it made in `_parts`, and lets the Process find its
    members (`_post_init`).
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        """That of the constructor, which `__call__` would hide from help() and from editors."""
        signature = inspect.signature(cls.__init__)
        return signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        with noting_parts() as parts:
            process = super().__call__(*args, **kwargs)
        if "proc_params" not in vars(process):
            raise TypeError(f"{cls.__name__}.__init__ must call super().__init__().")
        process._init_args = (args, kwargs)
        process._parts = parts
        note_part(process)
        process._post_init()
        return process


class AbstractProcess(MemberOwner, metaclass=ProcessPostInitCaller):
    """Base of all Processes: a part of a network, with state (Vars) and ports.

    A subclass makes its Vars and ports as attributes in its constructor; each takes the name of its
    attribute. What the Process does is up to its ProcessModels. `run` on any Process compiles, at
    first, and runs all Processes that are connected with it.

    A Process can be used in a `with` statement, which ends with `stop()` (and binds nothing: write
    `with process:`).

    Parameters
    ----------
    proc_params : what the ProcessModels are told beside the Vars, among it `name` (default
        `Process_<id>`) and `log_config` (a LogConfig).

    Attributes
    ----------
    id : number of the Process, counted from 0 (see ProcessServer).
    name : its name.
    proc_params : a ProcessParameters.
    in_ports, out_ports, ref_ports, var_ports, vars, procs : Collections of its members, in
        alphabetical order; `procs` are its sub-processes.
    parent_proc : the Process that contains it, or None.
    process : the Process that it is an attribute of, or None.
    folded_view, folded_view_inst_id : the Process class that it is folded into, or None, and which
        of the folded instances it belongs to, or -1.

    Raises
    ------
    TypeError : `name` is not a str, or `log_config` no LogConfig.
    """

    def __init__(self, **proc_params: Any) -> None:
        self.proc_params = ProcessParameters(proc_params)
        self.id: int = ProcessServer().register(self)
        self.name: str = _checked_name(proc_params.get("name"), self.id)
        self._log_config = _checked_log_config(proc_params.get("log_config"))
        self.in_ports = Collection(self, "InPort")
        self.out_ports = Collection(self, "OutPort")
        self.ref_ports = Collection(self, "RefPort")
        self.var_ports = Collection(self, "VarPort")
        self.vars = Collection(self, "Var")
        self.procs = Collection(self, "sub-process")
        self.parent_proc: AbstractProcess | None = None
        self.process: AbstractProcess | None = None
        self.folded_view: type[AbstractProcess] | None = None
        self.folded_view_inst_id = -1
        self._model: AbstractProcessModel | None = None
        self._model_class: type[AbstractProcessModel] | None = None
        self._is_compiled = False
        self._runtime: Runtime | None = None
        self._network_runtime: Runtime | None = None
        self._model_procs: list[AbstractProcess] = []
        self._setup: tuple[RunConfig, CompileConfig | None] | None = None

    # -- members --------------------------------------------------------------------------------

    def _post_init(self) -> None:
        """Find the members among the attributes and own them.

        Called after the constructor, and again by a Process that makes a port later. What another
        Process owns already is left alone.
        """
        for kind, collection in (
            (InPort, self.in_ports),
            (OutPort, self.out_ports),
            (RefPort, self.ref_ports),
            (VarPort, self.var_ports),
            (Var, self.vars),
            (AbstractProcess, self.procs),
        ):
            found = self._find_attributes(kind)
            for name, member in found.items():
                member.name, member.process = name, self
            collection.add_members(found)
            collection.sort()
        for var in self.vars:
            while var.waiting_ports:
                var.waiting_ports.pop(0).join_process()

    def _find_attributes(self, kind: type) -> dict[str, Any]:
        return {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, kind)
            and name not in ("parent_proc", "process")
            and value.process in (None, self)
        }

    def register_sub_procs(self, procs: Mapping[str, AbstractProcess]) -> None:
        """Make `procs`, by name, sub-processes of this Process.

        Raises AssertionError for what is no Process, and for this Process or one that contains it.
        """
        for proc in procs.values():
            if not isinstance(proc, AbstractProcess):
                raise AssertionError(f"'{self.name}' contains Processes only; got {proc!r}.")
            if proc is self or self.is_sub_proc_of(proc):
                raise AssertionError(f"'{proc.name}' contains '{self.name}', not the reverse.")
        for proc in procs.values():
            proc.parent_proc = self
        self.procs.add_members(procs)

    def is_sub_proc_of(self, proc: AbstractProcess) -> bool:
        """Whether `proc` contains this Process, at any depth; a Process does not contain itself."""
        parent = self.parent_proc
        return parent is not None and (parent is proc or parent.is_sub_proc_of(proc))

    def validate_var_aliases(self) -> None:
        """AssertionError if a Var aliases one that does not belong to a sub-process."""
        for var in self.vars:
            var.validate_alias()

    def propagate_folded_views(self) -> None:
        """Hand the folded view down to all sub-processes."""
        for proc in self.procs:
            proc.folded_view = self.folded_view
            proc.folded_view_inst_id = self.folded_view_inst_id
            proc.propagate_folded_views()

    # -- running --------------------------------------------------------------------------------

    def run(
        self,
        condition: AbstractRunCondition,
        run_cfg: RunConfig | None = None,
        compile_config: CompileConfig | None = None,
        *,
        checkpoint_every: int | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        """Run this Process and all that are connected with it, or go on after a run or a pause.

        The first run compiles the network. What is connected to it later joins it at the next run:
        its models are made then, and all others keep their state. After `stop()` the next run
        compiles the network afresh, from its initial values, with the `run_cfg` given then or else
        the last one.

        Parameters
        ----------
        condition : RunSteps or RunContinuous.
        run_cfg : selects the models; needed for the first run, ignored while the network stands.
        compile_config : options of the compiler.
        checkpoint_every, checkpoint : beyond Lava: at each time step that is a multiple of
            `checkpoint_every`, the network is saved in the folder `checkpoint`, which keeps the two
            newest. `load(folder)` goes on from there.

        Raises
        ------
        ValueError : another kind of condition, or no `run_cfg` for the first run; only one of the
            two options of checkpoints, or one that is out of range.
        CheckpointError (a ValueError) : the network cannot be saved, or not in this folder.
        TypeError : `run_cfg` is no RunConfig, or `compile_config` no dict.
        ProcessAlreadyCompiled : the network was compiled by `compile()` but has no runtime.
        RuntimeError : a model raised an exception during the run.
        """
        if not isinstance(condition, (RunSteps, RunContinuous)):
            raise ValueError(
                f"run() of Process '{self.name}' needs RunSteps(...) or RunContinuous(); got "
                f"{condition!r}."
            )
        rhythm = None
        if checkpoint_every is not None or checkpoint is not None:
            rhythm = get_checkpoints().rhythm(self, checkpoint_every, checkpoint)
        if (runtime := runtime_of_network(self)) is None:
            last_cfg, last_config = self._setup or (None, None)
            config = last_config if compile_config is None else compile_config
            self.create_runtime(run_cfg or last_cfg, compile_config=config)
        elif runtime.connections != connections_made() and not runtime.is_running:
            self._extend(runtime)
        if not (isinstance(condition, RunSteps) and condition.num_steps == 0):
            self._network_runtime.start(condition, *([] if rhythm is None else [rhythm]))

    def compile(self, run_cfg: RunConfig, compile_config: CompileConfig | None = None) -> Any:
        """Compile this Process and all that are connected with it, and return the executable.

        Raises
        ------
        ValueError : `run_cfg` is None.
        TypeError : `run_cfg` is no RunConfig, or `compile_config` no dict.
        ProcessAlreadyCompiled : one of the Processes belongs to a network that still stands.
        AssertionError, NoProcessModelFound : a Process has no model under this `run_cfg`.
        """
        self._check_setup(run_cfg, compile_config)
        network = fresh_network(self)
        executable = undo_on_error(
            network, lambda: get_engine().compile(self, run_cfg, compile_config)
        )
        for process in network:
            process._setup = (run_cfg, compile_config)
        return executable

    def create_runtime(
        self,
        run_cfg: RunConfig | None = None,
        executable: Any = None,
        compile_config: CompileConfig | None = None,
    ) -> None:
        """Make the runtime that `run` uses, compiling first unless an `executable` is given.

        Raises as `compile`, and RuntimeError if the network has a runtime already.
        """
        if self._live_runtime() is not None:
            raise RuntimeError(f"Process '{self.name}' has a runtime already: stop() it first.")
        if executable is not None:
            runtime = get_engine().create_runtime(self, run_cfg, executable, compile_config)
        else:
            executable = self.compile(run_cfg, compile_config)
            runtime = undo_on_error(
                find_processes(self),
                lambda: get_engine().create_runtime(self, run_cfg, executable, compile_config),
            )
        for process in with_sub_processes(find_processes(self)):
            process._join(runtime, is_caller=process is self)

    def _extend(self, runtime: Runtime) -> None:
        """Let what was connected to the network join it."""
        network = extended_network(self, runtime)
        callers = [p for p in with_sub_processes(network) if p._runtime is runtime]
        setup = next(p._setup for p in network if p._live_runtime() is runtime)
        if track_sub_processes(network, lambda: get_engine().extend(self, runtime)):
            for process in with_sub_processes(find_processes(self)):
                process._join(runtime, is_caller=process is self or process in callers)
                process._setup = setup
        runtime.connections = connections_made()

    def save(self, path: Path) -> None:
        """Save all Processes that this one is connected with in a file, and their state.

        `load` makes them again, and a run goes on bit by bit. See `lava_torch.io.checkpoint`.

        Raises
        ------
        CheckpointError (a ValueError) : an argument, a Var or an option that cannot be saved; the
            message names it, and nothing is written.
        RuntimeError : a run is on, or the network was stopped, and its state is gone.
        OSError : the file cannot be written.
        """
        get_checkpoints().save(self, path)

    @staticmethod
    def load(path: Path, *, classes: Iterable[type] = (), device: Any = None) -> AbstractProcess:
        """The Process that `save` was called on, with all that it was connected with, made anew.

        Parameters
        ----------
        path : a file, or a folder of checkpoints, of which the newest whole one is taken.
        classes : classes of Processes, models, run configs, learning rules and enums to make it of.
            Those in modules that are imported already need not be given.
        device : where it is to run; None: where it ran.

        Raises
        ------
        CheckpointError (a ValueError) : the file is damaged, or needs a class that is not known.
        OSError : there is no such file.
        """
        return get_checkpoints().load(path, classes, device)

    def wait(self) -> None:
        """Return when the current run is over; at once if none is on."""
        if (runtime := self._live_runtime()) is not None:
            runtime.wait()

    def pause(self) -> None:
        """End the current run after its current step; `run` goes on from there."""
        if (runtime := self._live_runtime()) is not None:
            runtime.pause()

    def stop(self) -> None:
        """End the run and release the runtime; nothing happens where there is none."""
        if (runtime := self._live_runtime()) is not None:
            runtime.stop()

    def __enter__(self) -> None:
        """Nothing is bound: `with process:`."""

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # The default argument outlives the module's globals when the interpreter shuts down.
    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if "_network_runtime" in self.__dict__ and not _is_finalizing():
            self.stop()

    def _check_setup(self, run_cfg: RunConfig | None, config: CompileConfig | None) -> None:
        if run_cfg is None:
            raise ValueError(
                f"Process '{self.name}' is not compiled yet and needs a run config: pass run_cfg, "
                f"for example Loihi2SimCfg(select_tag='floating_pt')."
            )
        if not isinstance(run_cfg, RunConfig):
            raise TypeError(f"Process '{self.name}' needs a RunConfig as run_cfg; got {run_cfg!r}.")
        if config is not None and not isinstance(config, Mapping):
            raise TypeError(
                f"Process '{self.name}' needs a dict as compile_config; got {config!r}."
            )

    def _live_runtime(self) -> Runtime | None:
        runtime = self._network_runtime
        return None if runtime is None or runtime.is_stopped else runtime

    def _join(self, runtime: Runtime, is_caller: bool) -> None:
        self._network_runtime = runtime
        # As in Lava, a Process made of others shows no runtime unless it is the one that is run.
        if is_caller or self._model_class is None or not is_sub_process_model(self._model_class):
            self._runtime = runtime

    # -- what the engine sets and others read -----------------------------------------------------

    def _set_compiled(
        self, model_class: type[AbstractProcessModel], model: AbstractProcessModel | None = None
    ) -> None:
        """Mark as compiled, with the model that was selected; called by the engine."""
        self._is_compiled = True
        self._model_class, self._model = model_class, model
        self._runtime = self._network_runtime = None

    def _clear_compiled(self) -> None:
        self._is_compiled = False
        self._model_class = self._model = self._runtime = self._network_runtime = None

    @property
    def is_compiled(self) -> bool:
        """Whether the Process belongs to a compiled network that was not stopped."""
        runtime = self._network_runtime
        return self._is_compiled and not (runtime is not None and runtime.is_stopped)

    @property
    def runtime(self) -> Runtime | None:
        """The runtime of its network, or None; after `stop()` the stopped one.

        A Process that is made of others has None unless it is the one that `run` was called on.
        """
        return self._runtime

    @runtime.setter
    def runtime(self, value: Runtime | None) -> None:
        self._runtime = value

    @property
    def model(self) -> AbstractProcessModel | None:
        """The model that the engine made for it, or None."""
        return self._model

    @model.setter
    def model(self, value: AbstractProcessModel | None) -> None:
        self._model = value

    @property
    def model_class(self) -> type[AbstractProcessModel] | None:
        """The model class that was selected for it, or None."""
        return self._model_class

    @cached_property
    def log(self) -> logging.Logger:
        """The Process's own logger, set up by its LogConfig."""
        return make_logger(self.name, self._log_config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.__dict__.get('name')}'>"


class ProcessServer(ObjectServer):
    """Numbers the Processes, from 0. There is one; `reset_server()` starts it anew."""

    @property
    def processes(self) -> list[AbstractProcess]:
        """The registered Processes that are still in use, in the order of their ids."""
        return self._alive()

    @property
    def num_processes(self) -> int:
        """How many Processes were registered."""
        return self._next_id

    def register(self, process: AbstractProcess) -> int:
        """Register a Process and return its id; AssertionError for anything else."""
        if not isinstance(process, AbstractProcess):
            raise AssertionError(f"Only a Process can be registered here; got {process!r}.")
        return self._add(process)


def _checked_name(name: Any, process_id: int) -> str:
    if not isinstance(name, (str, type(None))):
        raise TypeError(f"The name of a Process must be a str; got {name!r}.")
    return name or f"Process_{process_id}"


def _checked_log_config(config: Any) -> LogConfig:
    if not isinstance(config, (LogConfig, type(None))):
        raise TypeError(f"log_config must be a LogConfig; got {config!r}.")
    return config or LogConfig(file="lava.log")
