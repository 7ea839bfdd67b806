"""STDP that waits for a reward: one group of synapses is rewarded, and only that grows.

    python examples/reward_stdp.py

Two groups of inputs take turns. Each time, a bias makes the neuron spike with them, and STDP marks
the synapses that were active by their tag, an eligibility trace that decays. A reward that comes
some steps later, but only behind the first group, turns tags into weights:

    dt = rate (y0 x1 - x0 y1) - decay t        dw = t y2, where y2 is the reward

(Izhikevich, "Solving the distal reward problem through linkage of STDP and dopamine signaling",
Cerebral Cortex 17, 2007; Fremaux and Gerstner, Frontiers in Neural Circuits 9, 2016.)
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import lava_torch as lt

GROUP = 10
#: A turn: the inputs spike in its first steps, the reward comes at its step REWARD_AT.
TURN, ACTIVE, REWARD_AT, REWARD_FOR = 60, 8, 25, 3
START = 2.0


@dataclass(frozen=True)
class Trial:
    """What happened, one row a step: weights and tags (steps, 2 * GROUP), reward (steps,)."""

    weights: np.ndarray
    tags: np.ndarray
    reward: np.ndarray
    spikes: np.ndarray

    def change(self, rewarded: bool) -> float:
        """Of the mean weight of a group."""
        group = slice(0, GROUP) if rewarded else slice(GROUP, 2 * GROUP)
        return float((self.weights[-1] - self.weights[0])[group].mean())


def stimuli(turns: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spikes of the inputs (2 * GROUP, steps), what drives the neuron, and the reward, (1, steps);
    even turns belong to the group that is rewarded."""
    rng = np.random.default_rng(seed)
    spikes = np.zeros((2 * GROUP, turns * TURN))
    drive, reward = np.zeros((1, turns * TURN)), np.zeros((1, turns * TURN))
    for turn in range(turns):
        first, start = turn % 2 * GROUP, turn * TURN
        on = rng.random((GROUP, ACTIVE)) < 0.3
        spikes[first : first + GROUP, start : start + ACTIVE] = on
        drive[0, start + ACTIVE // 2 : start + ACTIVE + 2 : 2] = 1
        if turn % 2 == 0:
            reward[0, start + REWARD_AT : start + REWARD_AT + REWARD_FOR] = 0.02
    return spikes, drive, reward


def learn(turns: int, seed: int) -> Trial:
    spikes, drive, reward = stimuli(turns, seed)
    steps = spikes.shape[1]
    rule = lt.RewardModulatedSTDP(
        learning_rate=0.25, A_plus=1, A_minus=-0.25, pre_trace_decay_tau=8,
        post_trace_decay_tau=8, pre_trace_kernel_magnitude=4, post_trace_kernel_magnitude=4,
        eligibility_trace_decay_tau=2**-5, t_epoch=1,
    )  # fmt: skip
    inputs, driver, rewards = (lt.io.source.RingBuffer(data=x) for x in (spikes, drive, reward))
    synapses = lt.LearningDense(weights=np.full((1, 2 * GROUP), START), learning_rule=rule)
    teacher = lt.Dense(weights=np.full((1, 1), 150.0))
    neuron = lt.LearningLIF(shape=(1,), du=1, dv=0.5, vth=100, learning_rule=rule, name="neuron")
    inputs.s_out.connect(synapses.s_in)
    synapses.a_out.connect(neuron.a_in)
    driver.s_out.connect(teacher.s_in)
    teacher.a_out.connect(neuron.a_in)
    rewards.s_out.connect(neuron.a_third_factor_in)
    neuron.s_out_bap.connect(synapses.s_in_bap)
    for sent, received in (("s_out_y1", "s_in_y1"), ("s_out_y2", "s_in_y2")):
        getattr(neuron, sent).connect(getattr(synapses, received))
    neuron.s_out_y3.connect(synapses.s_in_y3)

    monitors = {"weights": synapses.weights, "tags": synapses.tag_1, "spikes": neuron.s_out}
    seen = {name: lt.Monitor() for name in monitors}
    for name, var in monitors.items():
        seen[name].probe(var, steps)
    with neuron:
        neuron.run(lt.RunSteps(steps), run_cfg=lt.Loihi2SimCfg(select_tag="floating_pt"))
        found = {
            name: next(iter(next(iter(monitor.get_data().values())).values())).reshape(steps, -1)
            for name, monitor in seen.items()
        }
    return Trial(found["weights"], found["tags"], reward[0], found["spikes"][:, 0])


def plot(trial: Trial, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    weights, tags, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1))
    for axes, values, title in (
        (weights, trial.weights, "weights"),
        (tags, trial.tags, "tags: what is eligible for a reward"),
    ):
        for first, colour, label in ((0, "C2", "rewarded"), (GROUP, "C3", "not rewarded")):
            group = values[:, first : first + GROUP]
            axes.plot(group, color=colour, alpha=0.2, lw=1)
            axes.plot(group.mean(1), color=colour, lw=2, label=label)
        axes.set_title(title)
    weights.legend(loc="upper left")
    below.plot(trial.reward, color="C1")
    below.set_title("reward")
    below.set_xlabel("time step")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=40, help="of both groups together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/reward_stdp"))
    args = parser.parse_args(argv)

    trial = learn(args.turns, args.seed)
    for rewarded, name in ((True, "rewarded"), (False, "not rewarded")):
        before = START
        print(f"{name + ':':14} mean weight {before:.2f} -> {before + trial.change(rewarded):.2f}")
    picture = args.out / "reward_stdp.png"
    plot(trial, picture)
    print(f"picture: {picture}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
