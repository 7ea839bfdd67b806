"""What a run says when numpy models raise."""

from __future__ import annotations

import pytest

import lava_torch as lt
from lava_torch.model.hosted import LavaPyType, PyInPort, PyLoihiProcessModel, PyOutPort

CFG = lt.Loihi2SimCfg()


class Sender(lt.AbstractProcess):
    def __init__(self, fail_at: int = 0, **kwargs) -> None:
        super().__init__(fail_at=fail_at, **kwargs)
        self.out = lt.OutPort((1,))


class Receiver(lt.AbstractProcess):
    def __init__(self, fail_at: int = 0, **kwargs) -> None:
        super().__init__(fail_at=fail_at, **kwargs)
        self.inp = lt.InPort((1,))
        self.seen = lt.Var((1,), 0)


@lt.implements(Sender, lt.LoihiProtocol)
class SenderModel(PyLoihiProcessModel):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, int)

    def run_spk(self) -> None:
        if self.time_step == self.proc_params["fail_at"]:
            raise KeyError("sender")
        self.out.send([self.time_step])


@lt.implements(Receiver, lt.LoihiProtocol)
class ReceiverModel(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, int)
    seen: int = LavaPyType(int, int)

    def run_spk(self) -> None:
        if self.time_step == self.proc_params["fail_at"]:
            raise TypeError("receiver")
        self.seen = int(self.inp.recv()[0])


def connected(sender: int, *receivers: int) -> tuple[Sender, list[Receiver]]:
    """A sender to these receivers, which raise in these steps (0: never)."""
    source = Sender(fail_at=sender, name="source")
    targets = [Receiver(fail_at=r, name=f"target{i}") for i, r in enumerate(receivers)]
    source.out.connect([target.inp for target in targets])
    return source, targets


def raised_in(source: Sender) -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        source.run(lt.RunSteps(5), run_cfg=CFG)
    source.stop()
    assert type(caught.value) is RuntimeError
    return caught.value


def test_one_names_its_process_and_model():
    error = raised_in(connected(2, 0)[0])
    assert "1 Exception(s) occurred: Process 'source' (SenderModel), spiking" in str(error)
    assert isinstance(error.__cause__, KeyError)


def test_all_that_raise_in_a_phase_are_counted():
    error = raised_in(connected(2, 2, 0)[0])
    assert "2 Exception(s) occurred" in str(error)
    assert "'source' (SenderModel), spiking phase, time step 2: KeyError: 'sender'; " in str(error)
    assert "'target0' (ReceiverModel), spiking phase, time step 2: TypeError: rec" in str(error)
    assert [type(e) for e in error.__cause__.exceptions] == [KeyError, TypeError]


def test_others_finish_their_phase():
    source, (bad, good) = connected(0, 2, 0)
    with pytest.raises(RuntimeError, match="1 Exception.*'target0'"):
        source.run(lt.RunSteps(5), run_cfg=CFG)
    assert good.seen.get()[0] == 2
    assert bad.seen.get()[0] == 1
    source.stop()


def test_a_later_step_is_not_begun():
    error = raised_in(connected(0, 2, 3)[0])
    assert "1 Exception(s) occurred: Process 'target0'" in str(error)
