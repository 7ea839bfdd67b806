"""A run that is killed and started again, over and over, then ends; and one that is left alone.

    python killed_worker.py FOLDER KILLS SEED [numpy]

Children are forked from this process, which has everything compiled and no thread, so that they
are where they can be killed at once. It prints what both ends were, and how far each had come.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np
import torch

import lava_torch as lt
from lava_torch.io.checkpoint.folder import checkpoints_in, step_of

#: Some 120 steps, each fifth of them with a checkpoint, are done between two kills.
EVERY, KILLS = 5, int(sys.argv[2])
STEPS = 150 * KILLS


class Noise(lt.AbstractProcess):
    """Random input, of which there is less after many spikes."""

    def __init__(self) -> None:
        super().__init__(name="noise")
        self.spikes, self.noise = lt.InPort((20,)), lt.OutPort((20,))
        self.seen = lt.Var((20,), 0)


@lt.implements(Noise, lt.LoihiProtocol)
@lt.requires(lt.CPU)
class NoiseModel(lt.PyLoihiProcessModel):
    spikes: lt.PyInPort = lt.LavaPyType(lt.PyInPort.VEC_DENSE, int)
    noise: lt.PyOutPort = lt.LavaPyType(lt.PyOutPort.VEC_DENSE, int)
    seen: np.ndarray = lt.LavaPyType(np.ndarray, int)

    def __init__(self, proc_params: object) -> None:
        super().__init__(proc_params)
        self.rng = np.random.default_rng(3)

    def run_spk(self) -> None:
        self.noise.send(self.rng.integers(0, 100, 20) // (1 + self.seen % 7))
        self.seen += self.spikes.recv()


def build() -> lt.AbstractProcess:
    rng = np.random.default_rng(0)
    source = lt.io.source.RingBuffer(data=rng.integers(0, 2, (30, 41)))
    rule = lt.STDPLoihi(2**-2, 2, -1, 9, 8, t_epoch=3, rng_seed=4)
    dense = lt.LearningDense(weights=rng.integers(0, 90, (20, 30)), learning_rule=rule)
    lif = lt.LIF(shape=(20,), du=400, dv=300, vth=900, name="lif")
    delayed = lt.DelayDense(weights=rng.integers(-9, 9, (20, 20)), delays=3)
    monitor = lt.Monitor(name="monitor")
    source.s_out.connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.s_out.connect([dense.s_in_bap, delayed.s_in])
    delayed.a_out.connect(lif.a_in)
    monitor.probe(lif.s_out, STEPS)
    if sys.argv[4:] == ["numpy"]:
        noise = Noise()
        noise.noise.connect(lif.a_in)
        lif.s_out.connect(noise.spikes)
    return lif


def digest(process: lt.AbstractProcess) -> str:
    found = hashlib.sha256()
    for value in process.runtime.network.state_dict().values():
        # What a numpy model holds is a dict.
        held = (
            value if isinstance(value, torch.Tensor) else np.frombuffer(repr(value).encode(), "B")
        )
        found.update(np.ascontiguousarray(held))
    return found.hexdigest()


def go_on(folder: Path) -> str:
    """Run to the end, from the newest checkpoint there is."""
    begun = folder.is_dir() and checkpoints_in(folder)
    process = lt.AbstractProcess.load(folder) if begun else build()
    left = STEPS - (process.runtime.time_step if begun else 0)
    config = lt.Loihi2SimCfg(select_tag="fixed_pt")
    blocking = random.random() < 0.5
    process.run(
        lt.RunSteps(left, blocking=blocking),
        run_cfg=config, checkpoint_every=EVERY, checkpoint=folder,
    )  # fmt: skip
    process.wait()
    return digest(process)


def alone() -> str:
    process = build()
    process.run(lt.RunSteps(STEPS), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    return digest(process)


def forked(folder: Path, kill_after: float | None) -> str:
    """What `go_on` gives in a child, or "" if it was killed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(read)
            os.write(write, go_on(folder).encode())
            os._exit(0)
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            os._exit(3)
    os.close(write)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(read) as pipe:
        result = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"a child failed: {status}")
    return result


def newest(folder: Path) -> int:
    """The step of the newest checkpoint; 0 where there is none."""
    return max([0, *map(step_of, folder.iterdir())]) if folder.is_dir() else 0


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[3])
    torch.set_num_threads(1)
    random.seed(seed)
    print("alone", alone())
    reached, longest = 0, 0.25
    for _ in range(KILLS):
        forked(folder, random.uniform(0.0, longest))
        before, reached = reached, newest(folder)
        # Where the machine is busy, children come nowhere in that time; where it is quick, they are
        # through before the last is killed.
        longest *= 1.5 if reached == before < STEPS else 0.9
        print("killed", reached)
    print("killed", forked(folder, None))
    print("files", *sorted(file.name for file in folder.iterdir()))


if __name__ == "__main__":
    main()
