"""A trained network in fixed point against Lava's own output of it, bit by bit."""

from __future__ import annotations

import dataclasses

import h5py
import numpy as np
import pytest

from lava_torch import bench
from lava_torch.bench import BenchError, oxford

STEPPERS = ("table", "layers", "eager")


@pytest.fixture(scope="module")
def case() -> oxford.Case:
    return oxford.load(oxford.DATA)


def arguments(*options: str):
    return bench.make_parser().parse_args(["oxford", *options])


def test_what_the_file_holds(case):
    shapes = [layer.weights.shape for layer in case.layers]
    assert shapes == [(256, 200), (200, 256)]
    assert [layer.lif["vth"] for layer in case.layers] == [6, 6]
    assert [layer.lif["du"] for layer in case.layers] == [4095, 4095]
    assert case.input.shape == case.output.shape == (200, oxford.STEPS)
    assert case.output.sum() == 9632


@pytest.mark.parametrize("stepper", STEPPERS)
def test_output_is_that_of_lava(case, stepper):
    network = oxford.OurOxford(case, oxford.STEPS, arguments("--stepper", stepper))
    network.start()
    network.run()
    output = network.output(oxford.STEPS)
    network.close()
    np.testing.assert_array_equal(output, case.output)


def test_peer_has_the_same_output(case):
    peer = oxford.TorchOxford(case, 200, arguments())
    peer.reset()
    peer.advance(200)
    oxford.check_output("torch", peer.output(200), case)
    assert peer.output(200).sum() > 0 and int(peer.hidden) > 0


def test_one_spike_too_many_is_refused(case):
    output = case.output.copy()
    output[3, 5] = 1 - output[3, 5]
    wrong = dataclasses.replace(case, output=output)
    with pytest.raises(BenchError, match="differs from Lava's output in 1 of 400000 places"):
        oxford.check_output("lava_torch", case.output, wrong)


def test_more_steps_than_the_case_has():
    with pytest.raises(BenchError, match="--steps 2001: the case has 2000"):
        oxford.run(arguments("--steps", "2001"))


def test_folder_without_the_data(tmp_path):
    with pytest.raises(BenchError, match="there is no .*oxford.net.*--data"):
        oxford.run(arguments("--data", str(tmp_path)))


def test_layer_of_another_kind(tmp_path):
    with h5py.File(tmp_path / "conv.net", "w") as file:
        layer = file.create_group("layer/0")
        layer["type"] = np.array([b"conv"])
        layer["neuron/type"] = b"CUBA"
    with pytest.raises(BenchError, match="/layer/0 is .'conv', 'CUBA'.; only dense layers"):
        oxford.read_layers(tmp_path / "conv.net")
