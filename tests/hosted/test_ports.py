"""Messages between numpy models: kinds of ports, dtypes, views, channels."""

from __future__ import annotations

import numpy as np
import pytest

import lava_torch as lt
from lava_torch.core import CPU, LoihiProtocol, implements, requires
from lava_torch.model.hosted import LavaPyType, PyInPort, PyLoihiProcessModel, PyOutPort

CFG = lt.Loihi2SimCfg()


class Sender(lt.AbstractProcess):
    def __init__(self, shape, messages, kind=PyOutPort.VEC_DENSE, dtype=float, name="sender"):
        super().__init__(messages=messages, kind=kind, dtype=dtype, name=name)
        self.out = lt.OutPort(shape)


@implements(Sender, LoihiProtocol)
@requires(CPU)
class SenderModel(PyLoihiProcessModel):
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)

    def run_spk(self):
        message = self.proc_params["messages"][self.time_step - 1]
        self.out.send(*message) if isinstance(message, tuple) else self.out.send(message)


class Receiver(lt.AbstractProcess):
    def __init__(self, shape, name="receiver"):
        super().__init__(name=name)
        self.inp = lt.InPort(shape)


@implements(Receiver, LoihiProtocol)
@requires(CPU)
class ReceiverModel(PyLoihiProcessModel):
    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.got = []

    def run_spk(self):
        self.got.append(self.inp.recv())


def sending(kind=PyOutPort.VEC_DENSE, dtype=float):
    return type("M", (SenderModel,), {"out": LavaPyType(kind, dtype)})


def receiving(kind=PyInPort.VEC_DENSE, dtype=float):
    return type("M", (ReceiverModel,), {"inp": LavaPyType(kind, dtype)})


def run(receiver, models, steps=1):
    """What the receiver got."""
    cfg = lt.Loihi2SimCfg(exception_proc_model_map=models)
    receiver.run(lt.RunSteps(steps), run_cfg=cfg)
    got = receiver.runtime.network.models[receiver.name].hosted.got
    receiver.stop()
    return got


class TestDense:
    @pytest.mark.parametrize(
        ("sent", "received", "message", "found", "dtype"),
        [
            (float, float, 1.5, 1.5, np.float64),
            (np.int32, float, 1.9, 1.0, np.float64),  # cast to the sender's dtype, as in C
            (float, np.int32, 1.5, 1.5, np.float64),  # promoted by the receiver's zeros
            (np.int16, np.int32, -3, -3, np.int32),
            (bool, np.int32, 1, 1, np.int32),
            (bool, bool, 1, True, bool),
            (np.int8, np.int8, 200, -56, np.int8),
        ],
    )
    def test_dtypes(self, sent, received, message, found, dtype):
        sender = Sender((2,), [np.full(2, message)])
        receiver = Receiver((2,))
        sender.out.connect(receiver.inp)
        models = {sender: sending(dtype=sent), receiver: receiving(dtype=received)}
        (got,) = run(receiver, models)
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, np.full(2, found))

    @pytest.mark.parametrize(("dtype", "total"), [(bool, [True, True]), (np.int64, [2, 1])])
    def test_many_to_one_sums(self, dtype, total):
        senders = [Sender((2,), [np.array(m)], name=f"s{m[1]}") for m in ([1, 0], [1, 1])]
        receiver = Receiver((2,))
        for sender in senders:
            sender.out.connect(receiver.inp)
        models = {s: sending(dtype=dtype) for s in senders} | {receiver: receiving(dtype=dtype)}
        (got,) = run(receiver, models)
        assert got.tolist() == total and got.dtype == dtype

    def test_a_message_is_the_receivers_own(self):
        mine = np.zeros(2)

        class Keeping(SenderModel):
            def run_spk(self):
                self.out.send(mine)
                mine[:] += 1

        class Writing(ReceiverModel):
            def run_spk(self):
                got = self.inp.recv()
                got += 10
                self.got.append(got)

        sender, receivers = Sender((2,), []), [Receiver((2,), name=n) for n in "ab"]
        sender.out.connect([r.inp for r in receivers])
        models = {sender: Keeping, Receiver: Writing}
        assert [g.tolist() for g in run(receivers[0], models, 2)] == [[10, 10], [11, 11]]
        assert mine.tolist() == [2, 2]

    def test_views_and_concatenation(self):
        a, b = Sender((2, 3), [np.arange(6).reshape(2, 3)], name="a"), Sender((3,), [[7, 8, 9]])
        receiver = Receiver((9,))
        flat = a.out.transpose((1, 0)).reshape((6,))
        flat.concat_with([b.out], axis=0).connect(receiver.inp)
        (got,) = run(receiver, {})
        assert got.tolist() == [0, 3, 1, 4, 2, 5, 7, 8, 9]

    def test_without_a_connection_zeros(self):
        receiver = Receiver((3,))
        (got,) = run(receiver, {receiver: receiving(dtype=np.int32)})
        assert got.dtype == np.int32 and got.tolist() == [0, 0, 0]

    def test_peek_and_probe_take_nothing(self):
        seen = []

        class Looking(ReceiverModel):
            def run_spk(self):
                peeked = self.inp.peek()
                seen.append((self.inp.probe(), peeked.tolist(), self.inp.recv().tolist()))
                seen.append(self.inp.probe())

        sender, receiver = Sender((1,), [[3.0]]), Receiver((1,))
        sender.out.connect(receiver.inp)
        run(receiver, {receiver: Looking})
        assert seen == [(True, [3.0], [3.0]), False]

    @pytest.mark.parametrize("message", [np.zeros(3), np.zeros((2, 1)), 1.0])
    def test_a_message_of_another_shape_is_refused(self, message):
        sender, receiver = Sender((2,), [message]), Receiver((2,))
        sender.out.connect(receiver.inp)
        with pytest.raises(RuntimeError, match=r"'sender.out' sends messages of shape \(2,\)"):
            receiver.run(lt.RunSteps(1), run_cfg=CFG)
        receiver.stop()


class TestSparse:
    PAIR = (np.array([5, 6]), np.array([3, 0]))

    @pytest.mark.parametrize(
        ("out", "inp", "found"),
        [
            (PyOutPort.VEC_SPARSE, PyInPort.VEC_SPARSE, ([5, 6], [3, 0])),
            (PyOutPort.VEC_SPARSE, PyInPort.VEC_DENSE, [[6, 0], [0, 5]]),
            (PyOutPort.VEC_DENSE, PyInPort.VEC_SPARSE, ([6, 5], [0, 3])),
        ],
    )
    def test_either_end(self, out, inp, found):
        dense = np.array([[6, 0], [0, 5]])
        message = self.PAIR if out is PyOutPort.VEC_SPARSE else dense
        sender, receiver = Sender((2, 2), [message]), Receiver((2, 2))
        sender.out.connect(receiver.inp)
        models = {sender: sending(out, int), receiver: receiving(inp, int)}
        (got,) = run(receiver, models)
        got = tuple(map(np.ndarray.tolist, got)) if isinstance(got, tuple) else got.tolist()
        assert got == found

    @pytest.mark.parametrize(
        ("pair", "error"),
        [((np.ones(2), np.array([0, 4])), "0 to 4"), ((np.ones(2), np.array([0])), "1 positions")],
    )
    def test_wrong_pairs_are_refused(self, pair, error):
        sender, receiver = Sender((2, 2), [pair]), Receiver((2, 2))
        sender.out.connect(receiver.inp)
        models = {sender: sending(PyOutPort.VEC_SPARSE), receiver: receiving(PyInPort.VEC_SPARSE)}
        with pytest.raises(RuntimeError, match=f"'sender.out'.*{error}"):
            run(receiver, models)
        receiver.stop()

    def test_into_a_compiled_process(self):
        sender = Sender((4,), [self.PAIR] * 2)
        lif = lt.LIF(shape=(4,), vth=100, du=0.0, dv=0.0, name="lif")
        sender.out.connect(lif.a_in)
        cfg = lt.Loihi2SimCfg(exception_proc_model_map={sender: sending(PyOutPort.VEC_SPARSE)})
        lif.run(lt.RunSteps(2), run_cfg=cfg)
        assert lif.u.get().tolist() == [12, 0, 0, 10]
        lif.stop()

    def test_scalars(self):
        sender, receiver = Sender((1,), [7.5]), Receiver((1,))
        sender.out.connect(receiver.inp)
        models = {
            sender: sending(PyOutPort.SCALAR_DENSE),
            receiver: receiving(PyInPort.SCALAR_DENSE),
        }
        assert run(receiver, models) == [7.5]


class TestChannels:
    """A channel holds 64 messages, or as many as the compile config says."""

    class Idle(ReceiverModel):
        """Receives all at once, in every tenth step."""

        def run_spk(self):
            if self.time_step % 10 == 0:
                for _ in range(10):
                    self.got.append(self.inp.recv())

    def make(self):
        sender, receiver = Sender((1,), [[i] for i in range(100)]), Receiver((1,))
        sender.out.connect(receiver.inp)
        return receiver, lt.Loihi2SimCfg(exception_proc_model_map={receiver: self.Idle})

    def test_messages_wait_in_order(self):
        receiver, cfg = self.make()
        receiver.run(lt.RunSteps(20), run_cfg=cfg)
        got = receiver.runtime.network.models["receiver"].hosted.got
        assert [g.item() for g in got] == list(range(20))
        receiver.stop()

    def test_a_full_one_is_reported(self):
        receiver, cfg = self.make()
        wanted = "'receiver.inp' to receive one of 4 messages of 'sender.out'"
        with pytest.raises(RuntimeError, match=wanted):
            receiver.run(lt.RunSteps(20), run_cfg=cfg, compile_config={"pypy_channel_size": 4})
        receiver.stop()

    @pytest.mark.parametrize("size", [0, 2.5, "64"])
    def test_sizes_are_checked(self, size):
        receiver, cfg = self.make()
        with pytest.raises(ValueError, match="'receiver' has pypy_channel_size="):
            receiver.run(lt.RunSteps(20), run_cfg=cfg, compile_config={"pypy_channel_size": size})
