"""Train a spiking network on handwritten digits, deploy it in Loihi's fixed point, and run it.

    python examples/digits.py          (or: lava-torch demo)

1. scikit-learn's 1797 digits (8 x 8 pixels, values 0..16) become spikes, more for a brighter pixel.
2. Two layers of LIF neurons, as Processes, are compiled into a torch.nn.Module and trained by
   surrogate gradient (Neftci, Mostafa, Zenke, "Surrogate gradient learning in spiking neural
   networks", IEEE Signal Processing Magazine 36, 2019).
3. `quantize` puts the network into Loihi's integer arithmetic, where a few more epochs adapt it.
4. `deploy` gives Processes again. They classify the test set in fixed point, in batches;
   TensorBoard gets the training curves, membrane voltages and a raster; a PNG shows one digit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

import lava_torch as lt

#: A pixel of value p spikes p times in PIXEL_MAX steps; SETTLE more let the last spikes arrive.
PIXEL_MAX = 16
SETTLE = 4
STEPS = PIXEL_MAX + SETTLE
CLASSES = 10
#: While training, this share of the input spikes is dropped, and counts weigh this much as logits:
#: both keep 1347 digits from being learnt by heart.
DROPPED = 0.3
WEIGHT = 0.5


@dataclass(frozen=True)
class Digits:
    """Spike trains (STEPS, N, 64) and labels (N,), for training and for testing."""

    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor


def load_digits(seed: int) -> Digits:
    """Three quarters of the digits to train with, one quarter to test, each class in proportion."""
    from sklearn.datasets import load_digits as sklearn_digits
    from sklearn.model_selection import train_test_split

    x, y = sklearn_digits(return_X_y=True)
    parts = train_test_split(x, y, test_size=0.25, random_state=seed, stratify=y)
    train_x, test_x, train_y, test_y = (torch.from_numpy(part) for part in parts)
    return Digits(encode(train_x), train_y.long(), encode(test_x), test_y.long())


def encode(pixels: Tensor) -> Tensor:
    """Spikes evenly spread in time: pixels (N, 64) of 0..16 -> (STEPS, N, 64) of 0 and 1."""
    t = torch.arange(STEPS).reshape(-1, 1, 1).clamp(max=PIXEL_MAX)
    later = (t + 1).clamp(max=PIXEL_MAX)
    return (torch.floor(later * pixels / PIXEL_MAX) - torch.floor(t * pixels / PIXEL_MAX)).float()


def build(hidden: int, seed: int) -> lt.AbstractProcess:
    """The network as Processes: 64 -> `hidden` -> 10 neurons."""
    rng = np.random.default_rng(seed)

    def weights(post: int, pre: int) -> np.ndarray:
        return rng.normal(0, 1 / np.sqrt(pre), (post, pre))

    first = lt.Dense(weights=weights(hidden, 64), name="first")
    middle = lt.LIF(shape=(hidden,), du=0.5, dv=0.1, vth=1.0, name="hidden")
    second = lt.Dense(weights=weights(CLASSES, hidden), name="second")
    output = lt.LIF(shape=(CLASSES,), du=0.5, dv=0.1, vth=1.0, name="output")
    first.a_out.connect(middle.a_in)
    middle.s_out.connect(second.s_in)
    second.a_out.connect(output.a_in)
    return output


def spike_counts(network: lt.Network, x: Tensor) -> Tensor:
    """How often each output neuron spikes: (N, 10)."""
    return network({"first": x})["output"].sum(dim=0)


def train(
    network: lt.Network,
    digits: Digits,
    epochs: int,
    lr: float,
    title: str,
    report: Callable[[str, float, int], None],
) -> None:
    """Minimise the cross-entropy of the output neurons' spike counts."""
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    device = network.device
    with tqdm(range(epochs), desc=title, unit="epoch") as bar:
        for epoch in bar:
            losses, right = [], 0
            for batch in torch.randperm(len(digits.train_y)).split(64):
                target = digits.train_y[batch].to(device)
                spikes = digits.train_x[:, batch]
                spikes = spikes * (torch.rand_like(spikes) >= DROPPED)
                counts = spike_counts(network, spikes.to(device))
                loss = functional.cross_entropy(counts * WEIGHT, target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
                right += int((counts.argmax(dim=1) == target).sum())
            scheduler.step()
            loss, accuracy = float(torch.stack(losses).mean()), right / len(digits.train_y)
            report(f"{title}/loss", loss, epoch)
            report(f"{title}/accuracy", accuracy, epoch)
            bar.set_postfix(loss=f"{loss:.3f}", train_accuracy=f"{accuracy:.1%}")


@torch.no_grad()
def predict(network: lt.Network, x: Tensor) -> Tensor:
    """The class whose neuron spikes most; of several, the first."""
    return spike_counts(network, x.to(network.device)).argmax(dim=1).cpu()


def run_deployed(
    deployment: lt.Deployment,
    digits: Digits,
    logger: lt.TensorBoardLogger,
    batch_size: int,
    device: str,
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Classify the test set with the deployed Processes; also what a Monitor saw last."""
    batches = digits.test_x.permute(1, 2, 0).numpy()
    batches = np.resize(batches, (-(-len(batches) // batch_size), batch_size, *batches.shape[1:]))
    pixels = lt.io.source.RingBuffer(data=batches[0], batched=True, name="pixels")
    counts = lt.io.sink.RingBuffer(shape=(CLASSES,), buffer=STEPS, name="spikes")
    pixels.s_out.connect(deployment.first.s_in)
    deployment.output.s_out.connect(counts.a_in)
    monitor = lt.Monitor()
    monitor.probe(deployment.hidden.v, STEPS)
    monitor.probe(deployment.hidden.s_out, STEPS)
    logger.probe(deployment.hidden.v, kind="scalar", index=[0, 1])
    logger.probe(deployment.hidden.s_out, kind="raster", index=slice(64))

    predictions = []
    run_cfg = deployment.run_cfg(batch_size=batch_size, device=device)
    deployment.output.create_runtime(run_cfg)
    for data in tqdm(batches, desc="deployed, fixed point", unit="batch"):
        deployment.output.runtime.reset()
        pixels.data.set(data)
        deployment.output.run(lt.RunSteps(STEPS))
        predictions.append(torch.from_numpy(counts.data.get().sum(axis=-1)).argmax(dim=1))
    seen = monitor.get_data()["hidden"]
    deployment.output.stop()
    return torch.cat(predictions)[: len(digits.test_y)], seen


def plot(seen: dict[str, np.ndarray], vth: float, file: Path) -> None:
    """A raster of the hidden neurons and the voltage of one that is not too busy, for one digit."""
    from matplotlib.figure import Figure

    from lava_torch.observe.plots import membrane_plot, raster_plot

    spikes, v = seen["s_out"][:, 0], seen["v"][:, 0]
    neuron = int(np.abs(spikes.sum(axis=0) - 5).argmin())
    figure = Figure(figsize=(7, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    raster_plot(spikes.T, ax=above, stride=1)
    above.set_title("one digit, in Loihi's fixed point: spikes of the hidden neurons")
    membrane_plot(v[:, neuron], vth, ax=below)
    below.set_title(f"membrane voltage of neuron {neuron}")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="lava-torch demo", description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30, help="in floating point")
    parser.add_argument(
        "--quantized-epochs", type=int, default=10, help="in fixed-point arithmetic"
    )
    parser.add_argument("--hidden", type=int, default=256, help="neurons of the hidden layer")
    parser.add_argument("--batch-size", type=int, default=90, help="of the deployed run")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--logdir", type=Path, default=Path("runs/digits"))
    args = parser.parse_args(argv)

    # The layers are small: a second thread gains little, and on a busy machine costs much.
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    digits = load_digits(args.seed)
    with lt.TensorBoardLogger(args.logdir) as logger:
        process = build(args.hidden, args.seed)
        network = lt.compile(process, lt.Loihi2SimCfg(trainable=True, device=args.device))
        train(network, digits, args.epochs, 2e-3, "floating point", logger.scalar)
        floating = predict(network, digits.test_x)

        quantized = lt.quantize(network, device=args.device)
        train(quantized, digits, args.quantized_epochs, 0.2, "quantized", logger.scalar)
        expected = predict(quantized, digits.test_x)

        deployment = lt.deploy(quantized, fixed_point=True)
        found, seen = run_deployed(deployment, digits, logger, args.batch_size, args.device)

    vth = float(np.max(deployment.hidden.vth.init)) * 64
    picture = args.logdir / "digit.png"
    plot(seen, vth, picture)
    report = {
        "floating point, before deployment": floating,
        "quantized training network": expected,
        "fixed point, deployed as Processes": found,
    }
    for what, predictions in report.items():
        accuracy = float((predictions == digits.test_y).float().mean())
        print(f"test accuracy, {what + ':':36} {accuracy:.2%}")
    same = int((found == expected).sum())
    print(f"deployed and quantized predictions agree on {same} of {len(expected)} test digits")
    program = Path(sys.executable).with_name("tensorboard")
    shown = program if program.exists() else "tensorboard"
    print(f"picture: {picture}\ncurves:  {shown} --logdir {args.logdir}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
