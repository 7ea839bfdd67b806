"""The window of spike-timing-dependent plasticity, measured.

    python examples/stdp.py

One pre- and one postsynaptic spike, dt steps apart, change a synapse by

    dw = A_plus exp(-dt / tau_plus)     where the presynaptic neuron spikes first (dt > 0)
    dw = A_minus exp(dt / tau_minus)    where it spikes second (dt < 0)

(Bi and Poo, "Synaptic modifications in cultured hippocampal neurons", Journal of Neuroscience 18,
1998). Here each synapse of a LearningSparse has a pair of spikes of its own, so that one run
measures all time differences: in floating point, and in Loihi's fixed point, whose rounding is
random, with many seeds. Printed are the amplitudes and time constants that fit.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse

import lava_torch as lt

TAU_PLUS, TAU_MINUS, IMPULSE = 8.0, 12.0, 64
RATE, A_PLUS, A_MINUS = 0.5, 1, -1
#: The weight before, in the middle of what 8 bits hold.
START = 100


@dataclass(frozen=True)
class Window:
    """Changes (differences, seeds) of the weights for time differences dt, post minus pre."""

    dt: np.ndarray
    dw: np.ndarray

    def fit(self, side: int) -> tuple[float, float]:
        """Amplitude and time constant, in steps, of the side where dt has this sign: a line through
        the logarithms of the mean changes."""
        mean = self.dw.mean(1)
        chosen = (np.sign(self.dt) == side) & (np.abs(mean) > 1)
        slope, offset = np.polyfit(np.abs(self.dt[chosen]), np.log(np.abs(mean[chosen])), 1)
        return side * float(np.exp(offset)), float(-1 / slope)


def measure(longest: int, fixed: bool, seeds: range) -> Window:
    """Pairs of spikes from `-longest` to `longest` steps apart but for 0, measured with each seed:
    the traces of all neurons are rounded by the same random numbers."""
    dt = np.array([d for d in range(-longest, longest + 1) if d != 0])
    return Window(dt, np.stack([_changes(dt, fixed, seed) for seed in seeds], axis=1))


def _changes(dt: np.ndarray, fixed: bool, seed: int) -> np.ndarray:
    """A pair of spikes for each synapse, and how its weight has changed."""
    size, middle = len(dt), int(dt.max()) + 2
    pre, post = (np.zeros((size, 2 * middle), int) for _ in range(2))
    pre[np.arange(size), middle - np.maximum(dt, 0)] = 1
    post[np.arange(size), middle + np.minimum(dt, 0)] = 1
    rule = lt.STDPLoihi(
        RATE, A_PLUS, A_MINUS, TAU_PLUS, TAU_MINUS,
        x1_impulse=IMPULSE, y1_impulse=IMPULSE, t_epoch=1, rng_seed=seed,
    )  # fmt: skip
    weights = scipy.sparse.identity(size, format="csr") * START
    synapses = lt.LearningSparse(weights=weights, learning_rule=rule)
    sources = lt.io.source.RingBuffer(data=pre), lt.io.source.RingBuffer(data=post)
    sources[0].s_out.connect(synapses.s_in)
    sources[1].s_out.connect(synapses.s_in_bap)
    tag = "fixed_pt" if fixed else "floating_pt"
    with synapses:
        synapses.run(lt.RunSteps(pre.shape[1]), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
        return synapses.weights.get().diagonal() - START


def theory(dt: np.ndarray) -> np.ndarray:
    plus = RATE * A_PLUS * IMPULSE * np.exp(-dt / TAU_PLUS)
    return np.where(dt > 0, plus, RATE * A_MINUS * IMPULSE * np.exp(dt / TAU_MINUS))


def plot(floating: Window, fixed: Window, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for side in (floating.dt < 0, floating.dt > 0):
        axes.plot(floating.dt[side], theory(floating.dt[side]), color="0.6", lw=4, zorder=0)
    axes.plot(floating.dt, floating.dw[:, 0], "o", ms=5, label="floating point")
    axes.errorbar(
        fixed.dt, fixed.dw.mean(1), fixed.dw.std(1), fmt="s", ms=3, capsize=2,
        label=f"fixed point: {fixed.dw.shape[1]} seeds, mean and deviation",
    )  # fmt: skip
    axes.axhline(0, color="0.8", lw=1, zorder=-1)
    axes.set_xlabel("postsynaptic minus presynaptic spike, in time steps")
    axes.set_ylabel("change of the weight")
    axes.set_title("the STDP window, measured; the exponentials of the rule in grey")
    axes.legend()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--longest", type=int, default=25, help="time difference, in steps")
    parser.add_argument("--seeds", type=int, default=60, help="of fixed point's random rounding")
    parser.add_argument("--out", type=Path, default=Path("runs/stdp"))
    args = parser.parse_args(argv)

    floating = measure(args.longest, fixed=False, seeds=range(1))
    fixed = measure(args.longest, fixed=True, seeds=range(args.seeds))
    print(f"{'':16} A_plus  tau_plus  A_minus  tau_minus")
    rows = {
        "the rule": (RATE * A_PLUS * IMPULSE, TAU_PLUS, RATE * A_MINUS * IMPULSE, TAU_MINUS),
        "floating point": (*floating.fit(1), *floating.fit(-1)),
        "fixed point": (*fixed.fit(1), *fixed.fit(-1)),
    }
    for name, (plus, tau_plus, minus, tau_minus) in rows.items():
        print(f"{name:16} {plus:6.2f}  {tau_plus:8.2f}  {minus:7.2f}  {tau_minus:9.2f}")
    picture = args.out / "stdp.png"
    plot(floating, fixed, picture)
    print(f"picture: {picture}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
