"""A spiking network that balances a pole: an environment and neurons in a closed loop.

    python examples/closed_loop.py            # or --fixed, for Loihi's fixed point

CartPole-v1 (Gymnasium) is a Process with a numpy model, beside neurons that are compiled: each time
the environment has moved, the network has WINDOW steps to think about it.

    environment -- state --> population of LIF neurons --> left, right -- spikes --> environment

A population codes the state: of each of its four variables some neurons prefer large values and
some small ones, each from a threshold of its own on. The weights to two motor neurons are those of
a proportional-derivative controller, set by hand: what makes the cart go right for the one makes it
go left for the other. The one with more spikes in a window pushes the cart. The environment ends an
episode after 500 moves; who pushes at random keeps the pole up for about 22.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import lava_torch as lt

#: Steps of the network for a move of the environment, which takes 20 ms.
WINDOW = 10
#: Cart position (m) and velocity (m/s), pole angle (rad) and velocity (rad/s) that are sent as 127;
#: what is beyond is cut off.
RANGES = np.array([1.0, 1.0, 0.1, 1.0])
#: What the controller makes of them, as weights of a neuron that prefers large values.
GAINS = np.array([1, 2, 3, 4])
#: Biases of the neurons of one variable and preference; a neuron spikes from LIF_THRESHOLD on.
BIASES = np.arange(-80, 120, 20)
LEFT, RIGHT = 0, 1
MOVES = 500


class CartPole(lt.AbstractProcess):
    """CartPole-v1, moved once in WINDOW steps; the run pauses when the episode is over.

    Parameters
    ----------
    seed : of the state that the episode begins with.

    Ports: `motor_in` (2,), spikes for left and right; `state_out` (4,), whole numbers up to 127.
    Vars: `moves` (1,), how many there were; `states` (MOVES, 4) and `actions` (MOVES,), of each.
    """

    def __init__(self, seed: int, name: str | None = None) -> None:
        super().__init__(seed=seed, name=name)
        self.motor_in = lt.InPort((2,))
        self.state_out = lt.OutPort((4,))
        self.moves = lt.Var((1,), 0)
        self.states = lt.Var((MOVES, 4), 0)
        self.actions = lt.Var((MOVES,), 0)


@lt.implements(CartPole, lt.LoihiProtocol)
@lt.requires(lt.CPU)
@lt.tag("floating_pt", "fixed_pt")
class PyCartPoleModel(lt.PyLoihiProcessModel):
    """Gymnasium's CartPole-v1."""

    motor_in: lt.PyInPort = lt.LavaPyType(lt.PyInPort.VEC_DENSE, np.int32)
    state_out: lt.PyOutPort = lt.LavaPyType(lt.PyOutPort.VEC_DENSE, np.int32)
    moves: np.ndarray = lt.LavaPyType(np.ndarray, np.int32)
    states: np.ndarray = lt.LavaPyType(np.ndarray, float)
    actions: np.ndarray = lt.LavaPyType(np.ndarray, np.int32)

    def __init__(self, proc_params: lt.ProcessParameters) -> None:
        super().__init__(proc_params)
        self.environment = make_environment()
        self.state, _ = self.environment.reset(seed=proc_params["seed"])
        self.spikes = np.zeros(2, int)
        self.action = LEFT

    def run_spk(self) -> None:
        self.spikes += self.motor_in.recv().astype(int)
        if self.time_step % WINDOW == 0:
            self.move()
        self.state_out.send(np.clip(np.rint(127 * self.state / RANGES), -127, 127))

    def move(self) -> None:
        # Where both have spiked as often, the cart is pushed to the other side: back and forth.
        left, right = self.spikes
        self.action = 1 - self.action if left == right else int(right > left)
        self.spikes[:] = 0
        self.states[self.moves[0]], self.actions[self.moves[0]] = self.state, self.action
        self.state, _, fallen, timed_out, _ = self.environment.step(self.action)
        self.moves += 1
        if fallen or timed_out:
            self._req_pause = True


def make_environment() -> Any:
    """Gymnasium's CartPole-v1. Raises SystemExit, saying what to install, without Gymnasium."""
    try:
        import gymnasium
    except ImportError:
        raise SystemExit(
            "closed_loop needs Gymnasium: pip install 'lava_torch[examples]', or gymnasium itself."
        ) from None
    return gymnasium.make("CartPole-v1")


@dataclass(frozen=True)
class Episode:
    """States (moves, 4), actions (moves,) and spikes of the population (steps, neurons)."""

    states: np.ndarray
    actions: np.ndarray
    spikes: np.ndarray

    @property
    def moves(self) -> int:
        return len(self.actions)


def balance(seed: int, fixed: bool = False, limit: int = MOVES) -> Episode:
    """An episode with the spiking controller, to its end or so many moves.

    Raises SystemExit without Gymnasium.
    """
    environment = CartPole(seed, name="environment")
    encoders, biases, decoders = weights()
    size, leak = len(biases), 1024 if fixed else 0.25
    encode = lt.Dense(weights=encoders, num_message_bits=8)
    population = lt.LIF(
        shape=(size,), du=4095 if fixed else 1, dv=leak, vth=120,
        bias_mant=biases, bias_exp=6 if fixed else 0, name="population",
    )  # fmt: skip
    decode = lt.Dense(weights=decoders)
    motors = lt.LIF(shape=(2,), du=4095 if fixed else 1, dv=leak, vth=8, name="motors")
    environment.state_out.connect(encode.s_in)
    encode.a_out.connect(population.a_in)
    population.s_out.connect(decode.s_in)
    decode.a_out.connect(motors.a_in)
    motors.s_out.connect(environment.motor_in)
    monitor = lt.Monitor()
    monitor.probe(population.s_out, limit * WINDOW)
    tag = "fixed_pt" if fixed else "floating_pt"
    with environment:
        environment.run(lt.RunSteps(limit * WINDOW), run_cfg=lt.Loihi2SimCfg(select_tag=tag))
        moves = int(environment.moves.get()[0])
        return Episode(
            environment.states.get()[:moves],
            environment.actions.get()[:moves].astype(int),
            monitor.get_data()["population"]["s_out"][: moves * WINDOW],
        )


def weights() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From the state to the population (neurons, 4), its biases (neurons,), and its weights to the
    motor neurons (2, neurons). All are even, as Loihi keeps weights of both signs."""
    variable, sign, bias = (
        grid.reshape(-1) for grid in np.meshgrid(np.arange(4), (-1, 1), BIASES, indexing="ij")
    )
    encoders = np.zeros((len(bias), 4), int)
    encoders[np.arange(len(bias)), variable] = 2 * sign
    towards_right = 2 * sign * GAINS[variable]
    return encoders, bias, np.stack([-towards_right, towards_right])


def at_random(seed: int) -> int:
    """The number of moves of an episode whose pushes are random."""
    environment, rng = make_environment(), np.random.default_rng(seed)
    environment.reset(seed=seed)
    moves, over = 0, False
    while not over:
        _, _, fallen, timed_out, _ = environment.step(int(rng.integers(2)))
        moves, over = moves + 1, fallen or timed_out
    return moves


def plot(episode: Episode, file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    pole, cart, raster = figure.subplots(3, sharex=True, height_ratios=(1, 1, 2))
    moves = np.arange(episode.moves)
    pole.plot(moves, np.degrees(episode.states[:, 2]))
    pole.set_ylabel("pole, degrees")
    cart.plot(moves, episode.states[:, 0])
    cart.set_ylabel("cart, m")
    step, neuron = np.nonzero(episode.spikes)
    raster.plot(step / WINDOW, neuron, ",", color="black")
    edges = np.arange(0, episode.spikes.shape[1], len(BIASES))
    labels = [f"{variable} {sign}" for variable in ("x", "x'", "a", "a'") for sign in "-+"]
    raster.set_yticks(edges + len(BIASES) / 2, labels)
    raster.set_ylabel("population, by what they prefer")
    raster.set_xlabel("move of the environment, 20 ms each")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the first episode")
    parser.add_argument("--fixed", action="store_true", help="in Loihi's fixed point")
    parser.add_argument("--out", type=Path, default=Path("runs/closed_loop"))
    args = parser.parse_args(argv)

    seeds = range(args.seed, args.seed + args.episodes)
    episodes = [balance(seed, args.fixed) for seed in seeds]
    print("moves with the pole up, of at most", MOVES)
    print("spiking network:", *(episode.moves for episode in episodes))
    print("at random:      ", *map(at_random, seeds))
    picture = args.out / "closed_loop.png"
    plot(episodes[0], picture)
    print(f"picture: {picture}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
