"""The stepper of networks with numpy models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from lava_torch.compiler.hosting import Hosting
from lava_torch.compiler.network import Network
from lava_torch.compiler.stages import make_stages
from lava_torch.compiler.wiring import Key
from lava_torch.core.sync import Phase
from lava_torch.model.hosted import PyLoihiProcessModel
from lava_torch.model.hosted.adapter import HostedModel
from lava_torch.runtime.control import Control, interrupts_deferred
from lava_torch.runtime.crew import Call, Crew, Place
from lava_torch.runtime.free import FreeRunners
from lava_torch.runtime.steppers.base import Stepper
from lava_torch.runtime.steppers.crossing import as_memory, compiled_stages


class HostedStepper(Stepper):
    """Calls numpy models in the phases of each step, and compiled ones in stages between them."""

    name = "hosted"
    #: Signals are looked after here.
    chunk = 1 << 30
    transactional = False

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        hosting = self._hosting = network.hosting
        self._models = [m for m in hosting.models.values() if not m.is_async]
        self._instances = [m.hosted for m in self._models]
        self._free = FreeRunners([m for m in hosting.models.values() if m.is_async], network)
        self._stages = make_stages(network._wires, hosting.given)
        compiled = len(network.models) > len(hosting.models)
        self._compiled = compiled_stages(network, self._stages) if compiled else None
        self._crossing = _Crossing(hosting, self)
        self._channels = hosting.channels()
        self._guarded = {guard: _overriding(self._models, guard) for guard in _GUARDS}
        self._servers = _servers(hosting)
        self._order: list[Call] = [_Method(m, network, "run_spk", "spiking") for m in self._models]
        self._order += [_StageCall(self, number) for number in range(len(self._stages))]

    @classmethod
    def obstacle(cls, network: Network) -> str | None:
        return None if network.hosting is not None else "no Process of it has a numpy model"

    @torch.no_grad()
    def advance(self, steps: int, control: Control) -> int:
        self.network._place[0] = None
        self.stop_asked = False
        self._free.begin(steps, control)
        try:
            with interrupts_deferred(control):
                if not self._models and self._compiled is None:
                    return self._free.run_alone(steps)
                return self._advance(steps, control)
        except BaseException:
            self._free.abandon()
            raise

    def _advance(self, steps: int, control: Control) -> int:
        with self._running():
            done = 0
            while done < steps and not control.requested:
                self._step()
                done += 1
                self._free.turn()
                if self._asked_to_end():
                    control.request()
            return done

    def end_run(self) -> None:
        self._free.end()

    @contextmanager
    def _running(self) -> Iterator[None]:
        hosting, compiled = self._hosting, self._compiled
        for model in self._models:
            model.refresh()
        self._crew = Crew(self._free.turn)
        self._clock = as_memory(self.network.clock.time_step)
        self._time_step = int(self._clock)
        try:
            if compiled is not None:
                compiled.begin_run()
                hosting.before_read, hosting.after_write = (
                    compiled.before_read, compiled.after_write,
                )  # fmt: skip
            yield
            self._serve_host()
        finally:
            hosting.before_read = hosting.after_write = None
            for server in self._servers:
                server.close()
            if compiled is not None:
                compiled.end_run()
            self._crew.close()

    def _serve_host(self) -> None:
        """After a run Vars are open: what was written arrives."""
        for server in self._servers:
            server.open()

    # -- one step ---------------------------------------------------------------------------------

    def _step(self) -> None:
        self._time_step += 1
        for instance in self._instances:
            instance.time_step = self._time_step
        try:
            self._begin()
            self._spike()
            if self._guarded["lrn_guard"]:
                self._manage_before_learning()
            self._learn()
            self._manage()
        except BaseException:
            self._drop()
            raise
        self._end()

    def _begin(self) -> None:
        self._crossing.arrived.clear()
        self._held = [(c, tuple(c.items)) for c in self._channels if c.items]
        self._asked_before = [(server, tuple(server.waiting)) for server in self._servers]
        if self._compiled is not None:
            self._compiled.begin()

    def _end(self) -> None:
        if self._compiled is None:
            self._clock[...] = self._time_step
        else:
            self._compiled.end()

    def _drop(self) -> None:
        """The step is to be done again: what it sent, and the writes that it left, must not come
        twice."""
        for channel in self._channels:
            channel.items.clear()
        for channel, items in self._held:
            channel.items.extend(items)
        for server, requests in self._asked_before:
            server.close()
            server.keep(requests)
        if self._compiled is not None:
            self._compiled.drop()

    def _spike(self) -> None:
        order = self._crew.run(self._order)
        if self._crew.switched:
            self._order = order

    def _manage_before_learning(self) -> None:
        asked = self._asking("lrn_guard", "pre_guard")
        if any(model in asked["pre_guard"] for model in asked["lrn_guard"]):
            self._phase(Phase.PRE_MGMT, "pre-management", "run_pre_mgmt", asked["pre_guard"])

    def _learn(self) -> None:
        if self._guarded["lrn_guard"]:
            learning = self._asking("lrn_guard")["lrn_guard"]
            self._phase(Phase.LRN, "learning", "run_lrn", learning)
        if self._compiled is not None:
            self._compiled.learn()

    def _manage(self) -> None:
        if self._guarded["post_guard"]:
            managing = self._asking("post_guard")["post_guard"]
            self._phase(Phase.POST_MGMT, "post-management", "run_post_mgmt", managing)
        if self._compiled is not None:
            for model in self._models:
                model.refresh()
            self._compiled.manage()

    def _asking(self, *guards: str) -> dict[str, list[HostedModel]]:
        """The models that ask for a phase, by guard; but none that wants the run to end."""
        return {
            guard: [m for m in self._guarded[guard] if not _ends(m) and self._asks(m, guard)]
            for guard in guards
        }

    def _asks(self, model: HostedModel, guard: str) -> bool:
        try:
            return bool(getattr(model.hosted, guard)())
        except Exception:
            self.network._place[0] = (model.binding.name, f"{guard} of the {_GUARDS[guard]}")
            raise

    def _phase(self, phase: Phase, words: str, method: str, models: list[HostedModel]) -> None:
        """Call a method of these models; Vars are open as soon as their Process is done."""
        if not models:
            return
        serves = phase != Phase.LRN and bool(self._servers)
        if serves:
            busy = {id(model.server) for model in models}
            for server in self._servers:
                if id(server) not in busy:
                    server.open()
        for instance in self._instances:
            instance.phase = phase
        self._crew.run([_Method(m, self.network, method, words, serves) for m in models])
        for server in self._servers if serves else ():
            server.close()
        for instance in self._instances:
            instance.phase = Phase.SPK

    def _asked_to_end(self) -> bool:
        """Whether a model asks to pause or to stop; asked once."""
        ending = [i for i in self._instances if i._req_pause or i._req_stop]
        for instance in ending:
            self.stop_asked |= bool(instance._req_stop and not instance._req_pause)
            instance._req_pause = instance._req_stop = False
        return bool(ending)


#: By guard, the phase that it asks for.
_GUARDS = {
    "pre_guard": "pre-management",
    "lrn_guard": "learning",
    "post_guard": "post-management",
}


def _ends(model: HostedModel) -> bool:
    return model.hosted._req_pause or model.hosted._req_stop


def _overriding(models: list[HostedModel], guard: str) -> list[HostedModel]:
    """The models whose guard is not the one that is always false."""
    plain = getattr(PyLoihiProcessModel, guard)
    return [
        m for m in models if getattr(type(m.hosted), guard) is not plain or guard in vars(m.hosted)
    ]


def _servers(hosting: Hosting) -> list:
    """Of the Processes whose Vars RefPorts of numpy models reach."""
    refs = (port for model in hosting.models.values() for port in model.ref_ports().values())
    found = [port.var.server for port in refs if port.var is not None]
    return list({id(server): server for server in found}.values())


@dataclass(eq=False)
class _Method:
    """A phase of one numpy model."""

    model: HostedModel
    network: Network
    method: str
    phase: str
    serves: bool = False

    ready = None

    def __post_init__(self) -> None:
        self._call: Callable[[], None] = getattr(self.model.hosted, self.method)
        self.run = self._call_and_serve if self.serves else self._call

    def _call_and_serve(self) -> None:
        self._call()
        self.model.server.open()

    def failed(self) -> Place:
        self.network._place[0] = place = (self.model.binding.name, self.phase)
        return place

    def waits_for(self) -> str:
        return "nothing"


class _Crossing:
    """What numpy models sent to compiled ones in this step, and the reverse."""

    def __init__(self, hosting: Hosting, stepper: HostedStepper) -> None:
        self._given, self._taken = hosting.given, hosting.taken
        self._stepper = stepper
        self.arrived: set[Key] = set()

    def take(self, keys: frozenset[Key]) -> bool:
        """Whether all of these have arrived."""
        for key in keys - self.arrived:
            items = self._given[key].items
            if not items:
                return False
            self._stepper._compiled.put(key, items.popleft())
            self.arrived.add(key)
        return True

    def deliver(self, key: Key) -> None:
        for channel in self._taken[key]:
            message = self._stepper._compiled.sent(key)
            if message is not None:
                channel.send(message)


class _StageCall:
    """A stage of the compiled models."""

    def __init__(self, stepper: HostedStepper, number: int) -> None:
        stage = stepper._stages[number]
        self._stepper, self._number, self._needs = stepper, number, stage.needs
        sent = [(w.node, port) for w in stage.wires if w.sends for port in w.outputs]
        self._delivers = [key for key in sent if key in stepper._hosting.taken]
        self._last = not stage.wires[0].sends

    def ready(self) -> bool:
        return self._stepper._crossing.take(self._needs)

    def run(self) -> None:
        stepper = self._stepper
        stepper._compiled.run(self._number)
        for key in self._delivers:
            stepper._crossing.deliver(key)

    def failed(self) -> Place | None:
        # The compiled models have said whose it was.
        return self._stepper.network.position

    def waits_for(self) -> str:
        given, arrived = self._stepper._hosting.given, self._stepper._crossing.arrived
        missing = [given[key] for key in self._needs - arrived if not given[key].items]
        return ", ".join(f"a message of '{c.source}' at '{c.target}'" for c in missing)
