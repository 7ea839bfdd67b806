"""Recording what Vars hold and OutPorts send, step by step."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from lava_torch.core.ports import InPort, OutPort, RefPort
from lava_torch.core.process import AbstractProcess
from lava_torch.core.variable import Var


class Monitor(AbstractProcess):
    """Records Vars and OutPorts of other Processes.

    A Var is recorded as it is at the end of each step, an OutPort's message as it was sent in it.
    The record lies on the network's device; nothing is copied to the host before `get_data`. Beyond
    Lava, one Monitor may probe several targets. It belongs to `run`: an unroll (`network(...)`)
    leaves it out and has `record=` instead.

        monitor = Monitor()
        monitor.probe(lif.v, num_steps=100)
        lif.run(RunSteps(100), run_cfg=Loihi2SimCfg())
        v = monitor.get_data()["lif"]["v"]        # (100, *lif.v.shape)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(probes={}, **kwargs)
        #: By record. The model must not hold them: a copy of a network would copy its Processes.
        self._targets: dict[str, Var | OutPort] = {}
        #: Lava's name for what `get_data` returns; filled by it.
        self.data: dict[str, dict[str, np.ndarray]] = {}

    def probe(self, target: Var | OutPort, num_steps: int) -> None:
        """Record `target` for `num_steps` steps, from the first run after this on.

        Raises
        ------
        TypeError : `target` is neither a Var of numbers nor an OutPort, or `num_steps` not a whole
            number.
        ValueError : `num_steps` is negative, or the target (or one of its name) is probed already.
        RuntimeError : the Monitor has recorded already: make another one.

        A run past `num_steps` steps is refused with a RuntimeError before it starts.
        """
        if not isinstance(target, (Var, OutPort)):
            raise TypeError(
                f"Monitor '{self.name}' can probe a Var or an OutPort; got {target!r}. Probe the "
                f"OutPort that feeds an InPort."
            )
        if isinstance(target, Var) and isinstance(target.init, str):
            raise TypeError(
                f"Monitor '{self.name}' cannot probe '{target.label}': it is a string, not numbers."
            )
        steps = operator.index(num_steps)
        if steps < 0:
            raise ValueError(f"Monitor '{self.name}': num_steps must not be negative; got {steps}.")
        if self.is_compiled:
            raise RuntimeError(
                f"Monitor '{self.name}' cannot probe '{target.label}' as well: its network is "
                "compiled. Make another Monitor, or stop() the network first."
            )
        probes = self.proc_params["probes"]
        if any(probed is target for probed in self._targets.values()):
            raise ValueError(f"Monitor '{self.name}' probes '{target.label}' already.")
        if any(probed.label == target.label for probed in self._targets.values()):
            raise ValueError(
                f"Monitor '{self.name}' probes another '{target.label}' already, and get_data() "
                f"could not tell them apart: give the Processes different names."
            )
        number = len(probes)
        record = f"record_{number}"
        port = self._make_port(target, number)
        setattr(self, record, Var(shape=(steps, *target.shape), init=0))
        probes[record] = {"port": port, "label": target.label, "num_steps": steps}
        self._targets[record] = target
        self._post_init()

    def _make_port(self, target: Var | OutPort, number: int) -> str:
        if isinstance(target, Var):
            name, port = f"ref_port_{number}", RefPort(target.shape)
        else:
            name, port = f"in_port_{number}", InPort(target.shape)
        setattr(self, name, port)
        self._post_init()
        if isinstance(target, Var):
            port.connect_var(target)
        else:
            target.connect(port)
        return name

    def get_extra_state(self) -> dict[str, Var | OutPort]:
        """What is probed, by record, for checkpoints."""
        return dict(self._targets)

    def set_extra_state(self, state: dict[str, Var | OutPort]) -> None:
        self._targets = dict(state)

    def get_data(self) -> dict[str, dict[str, np.ndarray]]:
        """What was recorded: `{process name: {Var or OutPort name: float64 array}}`.

        Each array has shape (num_steps, *target.shape), or (num_steps, batch_size, *target.shape)
        in a batched run; row t - 1 belongs to step t (counted from the first that is recorded),
        and rows not reached are 0. Of a sparse Var
        the stored values are recorded, (num_steps, synapses), by presynaptic neuron.

        Raises RuntimeError after `stop()`, and while a run is on.
        """
        data: dict[str, dict[str, np.ndarray]] = {}
        for record, target in self._targets.items():
            data.setdefault(target.process.name, {})[target.name] = self._rows(record)
        self.data = data
        return data

    def _rows(self, record: str) -> np.ndarray:
        var = getattr(self, record)
        if self.runtime is not None and self.runtime.is_stopped:
            raise RuntimeError(
                f"The records of Monitor '{self.name}' went with stop(): call get_data() before it."
            )
        rows = var.get()
        if rows is None:
            raise RuntimeError(
                f"Monitor '{self.name}' cannot be read while a run is on: wait() or pause() first."
            )
        # Before a run a record is its init, a scalar.
        return np.array(rows if np.ndim(rows) else np.broadcast_to(rows, var.shape), dtype=float)

    def plot(self, ax: Any, target: Var | OutPort, *args: Any, **kwargs: Any) -> None:
        """Plot the record of one target over time on matplotlib axes, a line for each element.

        Further arguments go to `ax.plot`. Raises ValueError if the target is not probed.
        """
        data = self.get_data().get(target.process.name, {})
        if target.name not in data:
            raise ValueError(f"Monitor '{self.name}' does not probe '{target.label}'.")
        values = data[target.name]
        ax.plot(values.reshape(len(values), -1), *args, **kwargs)
        ax.set_xlabel("time step")
        ax.set_ylabel(f"{target.process.name}.{target.name}")
