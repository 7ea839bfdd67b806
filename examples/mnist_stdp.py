"""Unsupervised learning of digits by STDP, with winner-take-all inhibition.

    python examples/mnist_stdp.py --data DIR         (add --download to fetch MNIST into DIR)

After Diehl and Cook, "Unsupervised learning of digit recognition using spike-timing-dependent
plasticity", Frontiers in Computational Neuroscience 9, 2015, in few and simple parts:

- a pixel of value p spikes with probability 0.3 p / 255 in each of the 40 steps of its image;
- 400 neurons see all pixels through a LearningDense. When one spikes, its weights move toward what
  it has just seen, the traces x1 of the pixels: dw = 2^-7 (x1 - w), which has no need of labels;
- a spike inhibits all other neurons, so that each image has few winners;
- each spike raises the threshold of its neuron by a little, for long: all get their turn.

Then learning is switched off. A neuron gets the label of the images that it answers most, and an
image the label whose neurons answer most. Shown are the accuracy on images that were held out, and
the weights as pictures: receptive fields, in TensorBoard while they form, and as a PNG.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

import lava_torch as lt
from lava_torch.examples import mnist
from lava_torch.kernels.equation import maximum, spike, where

STEPS, RATE = 40, 0.3
CLASSES, SIDE = 10, 28
PIXELS = SIDE * SIDE
#: Images of one run: their spikes are made on the host, and counted there.
CHUNK = 200
INHIBITION = 300.0


@lt.equation
def winner(a_in, reset_in, v, theta, dv, vth, dtheta, theta_decay, lowest):
    """A leaky integrator with a threshold that rises at each spike and slowly decays; at the start
    of an image it forgets the one before."""
    v = where(reset_in != 0, 0, maximum(v * (1 - dv) + a_in, lowest))
    s = spike(v - vth - theta)
    return s, where(s, 0, v), theta * theta_decay + dtheta * s


class Winners(lt.AbstractProcess):
    """Neurons with an adaptive threshold, and a port that resets their voltage."""

    def __init__(
        self, *, shape, theta, dv=0.02, vth=20.0, dtheta=5.0, theta_decay=1 - 1e-5, name=None
    ):
        super().__init__(shape=shape, name=name)
        self.a_in, self.reset_in, self.s_out = lt.InPort(shape), lt.InPort(shape), lt.OutPort(shape)
        self.v, self.theta = lt.Var(shape, 0.0), lt.Var(shape, theta)
        self.dv, self.vth = lt.Var((1,), dv), lt.Var((1,), vth)
        self.dtheta, self.theta_decay = lt.Var((1,), dtheta), lt.Var((1,), theta_decay)
        self.lowest = lt.Var((1,), -2 * INHIBITION)


@lt.implements(proc=Winners, protocol=lt.LoihiProtocol)
@lt.tag("floating_pt")
class WinnersModel(lt.EquationModel):
    equation = winner
    returns = "s_out", "v", "theta"


@dataclass
class Network:
    """The Processes; each run shows CHUNK images."""

    pixels: lt.io.source.RingBuffer
    synapses: lt.AbstractProcess
    winners: Winners
    spikes: lt.io.sink.RingBuffer

    def counts(self, images: mnist.Images, seed: int, device: str) -> Iterator[np.ndarray]:
        """Show images, CHUNK a time; how often each neuron spikes for each, (images, neurons)."""
        rng = np.random.default_rng(seed)
        run_cfg = lt.Loihi2SimCfg(select_tag="floating_pt", device=device)
        for first in range(0, len(images), CHUNK):
            shown = images.pixels[first : first + CHUNK]
            probability = np.zeros((CHUNK, PIXELS), np.float32)
            probability[: len(shown)] = shown * np.float32(RATE / 255)
            # (pixels, images * steps), as a RingBuffer has its data.
            spikes = rng.random((PIXELS, CHUNK, STEPS), np.float32) < probability.T[..., None]
            spikes = spikes.reshape(PIXELS, -1).astype(np.float32)
            if first == 0:
                self.pixels.data.init = spikes
            else:
                self.pixels.data.set(spikes)
            self.winners.run(lt.RunSteps(CHUNK * STEPS), run_cfg=run_cfg)
            answers = self.spikes.data.get().reshape(-1, CHUNK, STEPS).sum(-1).T
            yield answers[: len(shown)]


def build(weights: np.ndarray, theta: np.ndarray, learning: bool) -> Network:
    """Pixels -> weights (neurons, pixels) -> neurons that inhibit each other."""
    n = len(weights)
    pixels = lt.io.source.RingBuffer(data=np.zeros((PIXELS, CHUNK * STEPS), np.float32))
    starts = np.zeros((n, STEPS), np.float32)
    starts[:, 0] = 1
    starts = lt.io.source.RingBuffer(data=starts)
    if learning:
        rule = lt.Loihi2FLearningRule(
            dw="2^-7*y0*x1 - 2^-7*y0*w", x1_impulse=1, x1_tau=10, t_epoch=1
        )
        synapses = lt.LearningDense(weights=weights, learning_rule=rule)
        winners = Winners(shape=(n,), theta=theta)
        winners.s_out.connect(synapses.s_in_bap)
    else:
        synapses = lt.Dense(weights=weights)
        winners = Winners(shape=(n,), theta=theta, dtheta=0.0, theta_decay=1.0)
    inhibition = lt.Dense(weights=-INHIBITION * (1 - np.eye(n, dtype=np.float32)))
    spikes = lt.io.sink.RingBuffer(shape=(n,), buffer=CHUNK * STEPS)
    pixels.s_out.connect(synapses.s_in)
    synapses.a_out.connect(winners.a_in)
    starts.s_out.connect(winners.reset_in)
    winners.s_out.connect(inhibition.s_in)
    inhibition.a_out.connect(winners.a_in)
    winners.s_out.connect(spikes.a_in)
    return Network(pixels, synapses, winners, spikes)


def learn(
    images: mnist.Images, neurons: int, seed: int, device: str, writer: SummaryWriter
) -> tuple[np.ndarray, np.ndarray]:
    """The weights and thresholds after all images were shown once."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 0.3, (neurons, PIXELS)).astype(np.float32)
    network = build(weights, rng.uniform(0, 0.1, neurons), learning=True)
    with network.winners, tqdm(total=len(images), desc="learning", unit="image") as bar:
        for counts in network.counts(images, seed, device):
            bar.update(len(counts))
            weights, theta = network.synapses.weights.get(), network.winners.theta.get()
            writer.add_image("receptive fields", mosaic(weights), bar.n, dataformats="HW")
            writer.add_scalar("learning/spikes an image", counts.sum(1).mean(), bar.n)
            writer.add_scalar("learning/mean threshold", theta.mean(), bar.n)
            bar.set_postfix(spikes_an_image=f"{counts.sum(1).mean():.1f}")
    return weights, theta


def show(
    weights: np.ndarray, theta: np.ndarray, images: mnist.Images, what: str, seed: int, device: str
) -> np.ndarray:
    """How often each neuron spikes for each image, without learning: (images, neurons)."""
    network, found = build(weights, theta, learning=False), []
    with network.winners, tqdm(total=len(images), desc=what, unit="image") as bar:
        for counts in network.counts(images, seed, device):
            bar.update(len(counts))
            found.append(counts)
    return np.concatenate(found)


def assign(counts: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The label of each neuron: that of the images that it answers most, on average."""
    means = [counts[labels == label].mean(0) for label in range(CLASSES)]
    return np.argmax(means, axis=0)


def predict(counts: np.ndarray, assigned: np.ndarray) -> np.ndarray:
    """The label of each image: that whose neurons answer most, on average."""
    votes = np.zeros((len(counts), CLASSES))
    for label in np.unique(assigned):
        votes[:, label] = counts[:, assigned == label].mean(1)
    return votes.argmax(1)


def mosaic(weights: np.ndarray) -> np.ndarray:
    """The weights of all neurons as pictures side by side, in [0, 1]."""
    columns = int(np.ceil(np.sqrt(len(weights))))
    rows = -(-len(weights) // columns)
    tiles = np.zeros((rows * columns, SIDE, SIDE))
    top = weights.max(axis=1, keepdims=True)
    tiles[: len(weights)] = (weights / np.maximum(top, 1e-6)).reshape(-1, SIDE, SIDE)
    grid = tiles.reshape(rows, columns, SIDE, SIDE).transpose(0, 2, 1, 3)
    return grid.reshape(rows * SIDE, columns * SIDE)


def plot(weights: np.ndarray, accuracy: float, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7.3), layout="constrained")
    axes = figure.subplots()
    axes.imshow(mosaic(weights), cmap="magma")
    axes.set_axis_off()
    axes.set_title(f"what {len(weights)} neurons learnt without labels: {accuracy:.1%} right")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data/mnist"), help="MNIST's files")
    parser.add_argument("--download", action="store_true", help="fetch what is not in --data")
    parser.add_argument("--train", type=int, default=8000, help="images to learn from")
    parser.add_argument("--test", type=int, default=2000, help="images held out")
    parser.add_argument("--neurons", type=int, default=400)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logdir", type=Path, default=Path("runs/mnist_stdp"))
    args = parser.parse_args(argv)

    try:
        if args.download:
            mnist.download(args.data)
        train, test = mnist.load(args.data, args.train, args.test, args.seed)
    except (OSError, ValueError) as error:
        print(f"mnist_stdp: {error}", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    with SummaryWriter(args.logdir) as writer:
        weights, theta = learn(train, args.neurons, args.seed, args.device, writer)
        counts = show(weights, theta, train, "labelling", args.seed + 1, args.device)
        assigned = assign(counts, train.labels)
        counts = show(weights, theta, test, "testing", args.seed + 2, args.device)
        accuracy = float((predict(counts, assigned) == test.labels).mean())
        writer.add_scalar("test accuracy", accuracy, len(train))
    picture = args.logdir / "receptive_fields.png"
    plot(weights, accuracy, picture)
    print(f"accuracy on {len(test)} held-out images: {accuracy:.2%}")
    print(f"picture: {picture}\nfields:  tensorboard --logdir {args.logdir}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
