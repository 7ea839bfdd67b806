"""The plumbing of the benchmarks; nothing here depends on how long anything takes."""

from __future__ import annotations

import argparse
import importlib.util
import json
from contextlib import ExitStack

import numpy as np
import pytest
import torch

import lava_torch as lt
from lava_torch import bench, compat
from lava_torch.bench import BenchError, Benchmark, Row, Timing, chain, timing, train
from lava_torch.bench.report import table

TINY = {
    "chain": ["chain", "--n", "5", "8", "--steps", "12", "--repeats", "2"],
    "train": ["train", "--batch", "2", "--steps", "4", "--repeats", "3"],
}


def arguments(argv: list[str]) -> argparse.Namespace:
    return bench.make_parser().parse_args(argv)


@pytest.mark.parametrize("argv", TINY.values(), ids=TINY)
def test_report_and_json(argv, tmp_path, capsys):
    file = tmp_path / "result.json"
    assert bench.main([*argv, "--json", str(file)]) == 0
    out = capsys.readouterr().out
    found = json.loads(file.read_text())
    assert found["benchmark"] == argv[0]
    assert found["machine"]["cpu"] in out and found["machine"]["cores"] >= 1
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["lava_torch"] == lt.__version__
    assert found["settings"]["steps"] == int(argv[argv.index("--steps") + 1])
    assert "T" in found["date"] and found["date"].endswith("+00:00")
    repeats = int(argv[-1])
    for row in found["rows"]:
        assert list(row["timings"]) == ["lava_torch", "torch"]
        ours, peer = row["timings"]["lava_torch"], row["timings"]["torch"]
        assert len(ours["values"]) == len(peer["values"]) == repeats
        assert ours["min"] <= ours["median"] <= ours["max"]
        assert row["ratio_to"]["torch"] == ours["median"] / peer["median"]
        assert row["build_ms"].keys() == row["timings"].keys()
        assert f"{row['ratio_to']['torch']:.2f}x" in out


def test_chain_has_a_row_for_each_size_and_precision(tmp_path):
    rows = chain.run(arguments(TINY["chain"]))
    assert [(row.case["n"], row.case["precision"]) for row in rows] == [
        (5, "floating_pt"),
        (5, "fixed_pt"),
        (8, "floating_pt"),
        (8, "fixed_pt"),
    ]


def test_large_adds_a_size(monkeypatch):
    monkeypatch.setattr(chain, "SIZES", (2,))
    monkeypatch.setattr(chain, "LARGE", 3)
    rows = chain.run(arguments(["chain", "--large", "--steps", "2", "--repeats", "1"]))
    assert {row.case["n"] for row in rows} == {2, 3}


@pytest.mark.parametrize("precision", chain.PRECISIONS)
def test_chain_and_its_peer_compute_the_same(precision):
    args = arguments(["chain", "--steps", "80"])
    network = chain.draw_network(30, precision, args.steps, seed=1)
    ours, peer = chain.OurChain(network, args), chain.TorchChain(network, args)
    for contender in (ours, peer):
        contender.run()
    first = ours.spikes()
    ours.reset()
    ours.run()
    np.testing.assert_array_equal(ours.spikes(), first)
    ours.close()
    assert 0 < first.sum() < first.size
    np.testing.assert_array_equal(first, peer.spikes())


def test_chain_refuses_a_peer_that_computes_something_else(monkeypatch):
    monkeypatch.setattr(chain, "fixed_lif", lambda a, u, v, **_: (torch.ones_like(a), u, v))
    with pytest.raises(BenchError, match="do not compute the same.*'torch': 80"):
        chain.run(arguments(["chain", "--n", "4", "--steps", "20", "--repeats", "1"]))


def test_chain_beside_lava():
    """Lava itself is not installed here: compat stands for it, with the same names and calls."""
    args = arguments(["chain", "--n", "6", "--steps", "10", "--repeats", "2", "--vs", "lava"])
    compat.install()
    try:
        rows = chain.run(args)
    finally:
        compat.uninstall()
    for row in rows:
        assert list(row.timings) == ["lava_torch", "torch", "lava"]
        assert len(row.timings["lava"].values) == 2


def test_lava_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match="Lava is not installed here"):
        chain.run(arguments(["chain", "--vs", "lava"]))


def test_train_and_its_peer_have_the_same_gradients():
    args = arguments(["train", "--batch", "3", "--steps", "8", "--dtype", "float64"])
    ours, peer = train.OurTrainer(args), train.TorchTrainer(args)
    for trainer in (ours, peer):
        trainer.run()
    torch.testing.assert_close(ours.counts(), peer.counts())
    assert ours.counts().sum() > 0
    for mine, other in zip(ours.weights(), peer.weights(), strict=True):
        assert mine.grad.abs().sum() > 0
        torch.testing.assert_close(mine.grad, other.grad)
    ours.reset()
    assert ours.weights()[0].grad is None


def test_contenders_take_turns():
    seen = []

    class Contender:
        def __init__(self, name: str) -> None:
            self.name = name

        def reset(self) -> None:
            seen.append(f"reset {self.name}")

        def run(self) -> None:
            seen.append(f"run {self.name}")

    timings = timing.compare({"a": Contender("a"), "b": Contender("b")}, 2, "cpu", per_ms=1)
    assert seen == ["reset a", "run a", "reset b", "run b"] * 2
    assert len(timings["a"].values) == len(timings["b"].values) == 2


def test_contenders_are_closed_when_one_fails():
    closed = []

    class Good:
        def run(self) -> None:
            closed.clear()

        def close(self) -> None:
            closed.append(True)

    class Bad(Good):
        def run(self) -> None:
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"), ExitStack() as stack:
        timing.build({"good": Good, "bad": Bad}, "cpu", stack)
    assert closed == [True, True]


def test_a_new_benchmark_is_one_entry(monkeypatch, capsys):
    def run(args: argparse.Namespace) -> list[Row]:
        timings = {"lava_torch": Timing((1.0, 4.0, 2.0)), "peer": Timing((4.0,))}
        return [Row({"size": args.size}, timings, {"lava_torch": 1500.0}, {"events": 3})]

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--size", type=int)

    new = Benchmark("new", "a new one", "ns", 7, ("brian2",), add_arguments, run)
    monkeypatch.setitem(bench.BENCHMARKS, "new", new)
    assert bench.main(["new", "--size", "9", "--vs", "brian2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "new: a new one"
    assert "steps 7" in out[3] and "medians in ns" in out[4]
    columns = ["size", "lava_torch", "peer", "/ peer", "build lava_torch", "events"]
    assert [cell.strip() for cell in out[6].split("  ") if cell] == columns
    assert out[7].split() == ["9", "2", "4", "0.50x", "1500", "3"]


def test_json_folder_is_checked_before_anything_runs(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("it ran"))
    with pytest.raises(BenchError, match="there is no folder"):
        bench.main(["chain", "--json", str(tmp_path / "none" / "x.json")])


def test_device_is_checked_before_anything_runs(monkeypatch):
    monkeypatch.setattr(bench, "measure", lambda *_: pytest.fail("it ran"))
    with pytest.raises(lt.DeviceUnavailableError):
        bench.main(["chain", "--device", "tpu"])


def test_table_aligns():
    assert table([["a", "long"], ["12", "3"]]) == [" a  long", "12     3"]
    assert table([["a", "long"], ["12", "3"]], align=str.ljust) == ["a   long", "12  3"]


@pytest.mark.gpu
@pytest.mark.parametrize("argv", TINY.values(), ids=TINY)
def test_on_a_gpu(argv, capsys):
    assert bench.main([*argv, "--device", "cuda"]) == 0
    assert torch.cuda.get_device_name() in capsys.readouterr().out
