"""The plumbing of the benchmarks; nothing here depends on how long anything takes."""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import time
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from bench_cases import PEERS, TINY, arguments, quicken

import lava_torch as lt
from lava_torch import bench, compat
from lava_torch.bench import (
    BenchError,
    Benchmark,
    Row,
    Timing,
    bandwidth,
    chain,
    startup,
    timing,
    train,
)
from lava_torch.bench.report import Floor, table


@pytest.fixture
def quick(monkeypatch):
    quicken(monkeypatch)


@pytest.mark.parametrize("argv", TINY.values(), ids=TINY)
def test_report_and_json(argv, tmp_path, capsys, quick):
    peer_name = PEERS.get(argv[0], "torch")
    file = tmp_path / "result.json"
    assert bench.main([*argv, "--json", str(file)]) == 0
    out = capsys.readouterr().out
    found = json.loads(file.read_text())
    assert found["benchmark"] == argv[0]
    assert found["machine"]["cpu"] in out and found["machine"]["cores"] >= 1
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["lava_torch"] == lt.__version__
    if "--steps" in argv:
        assert found["settings"]["steps"] == int(argv[argv.index("--steps") + 1])
    assert "T" in found["date"] and found["date"].endswith("+00:00")
    repeats = int(argv[-1])
    for row in found["rows"]:
        assert list(row["timings"]) == ["lava_torch", peer_name]
        ours, peer = row["timings"].values()
        assert len(ours["values"]) == len(peer["values"]) == repeats
        assert ours["min"] <= ours["median"] <= ours["max"]
        assert row["ratio_to"][peer_name] == ours["median"] / peer["median"]
        assert row["build_ms"].keys() == row["timings"].keys()
        # Numpy models are bound by Python, not by memory.
        assert (row["floor"] is None) == (argv[0] == "hosted")
        if row["floor"]:
            assert row["floor"]["ratio"] == ours["median"] / row["floor"]["value"]
            assert row["floor"]["bandwidth"] == 2e9 and row["floor"]["moved"] > 0
            assert "/ floor" in out
        assert all(math.isfinite(fact) for fact in row["facts"].values())
        assert f"/ {peer_name}" in out


def test_chain_has_a_row_for_each_size_and_precision(quick):
    rows = chain.run(arguments(TINY["chain"]))
    assert [(row.case["n"], row.case["precision"]) for row in rows] == [
        (5, "floating_pt"),
        (5, "fixed_pt"),
        (8, "floating_pt"),
        (8, "fixed_pt"),
    ]


def test_large_adds_a_size(monkeypatch, quick):
    monkeypatch.setattr(chain, "SIZES", (2,))
    monkeypatch.setattr(chain, "LARGE", 3)
    rows = chain.run(arguments(["chain", "--large", "--steps", "2", "--repeats", "1"]))
    assert {row.case["n"] for row in rows} == {2, 3}


@pytest.mark.parametrize("precision", chain.PRECISIONS)
def test_chain_and_its_peer_compute_the_same(precision):
    args = arguments(["chain"])
    network = chain.draw_network(30, precision, 80, seed=1)
    ours, peer = (make(network, 80, args) for make in (chain.OurChain, chain.TorchChain))
    ours.start()
    peer.prepare()
    for contender in (ours, peer):
        contender.run()
    first = ours.spikes(80)
    ours.reset()
    ours.run()
    np.testing.assert_array_equal(ours.spikes(80), first)
    ours.close()
    assert peer.work == 80
    assert 0 < first.sum() < first.size
    np.testing.assert_array_equal(first, peer.spikes(80))


def test_chain_refuses_a_peer_that_computes_something_else(monkeypatch, quick):
    monkeypatch.setattr(chain, "fixed_lif", lambda a, u, v, **_: (torch.ones_like(a), u, v))
    with pytest.raises(BenchError, match="do not compute the same.*'torch': "):
        chain.run(arguments(["chain", "--n", "4", "--steps", "20", "--repeats", "1"]))


@pytest.mark.parametrize(
    ("n", "steps"), [(100, 100_000), (1000, 100_000), (10_000, 1000), (10**6, 1)]
)
def test_chain_runs_fewer_steps_of_large_networks(n, steps):
    assert chain.default_steps(n) == steps


def test_first_layer_spikes_as_in_a_run():
    network = chain.draw_network(20, "fixed_pt", 60, seed=2)
    parts = chain.Processes(chain.OUR_API, network, kept=60)
    record = lt.Monitor()
    record.probe(parts.first.s_out, 60)
    parts.first.run(condition=lt.RunSteps(60), run_cfg=lt.Loihi2SimCfg(select_tag="fixed_pt"))
    spikes = record.get_data()[parts.first.name]["s_out"]
    parts.first.stop()
    assert chain.first_layer_spikes(network) == spikes.sum() / 60 > 0


def test_chain_beside_lava(quick):
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


@pytest.mark.parametrize("precision", startup.PRECISIONS)
@pytest.mark.parametrize("processes", [4, 10])
def test_startup_network(precision, processes):
    last = startup.make_network(processes, precision, 3, 0)
    network = lt.compile(last, lt.Loihi2SimCfg(select_tag=precision))
    assert len(network.models) == processes


def test_startup_begins_with_empty_caches_and_keeps_them(monkeypatch):
    seen = []

    def run_python(module, wanted, environment):
        folders = [environment[name] for name in startup.CACHES]
        seen.append([os.path.exists(folder) for folder in folders])
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
        return startup.measured(wanted, time.perf_counter())

    monkeypatch.setattr(startup, "run_python", run_python)
    argv = ["startup", "--processes", "4", "--repeats", "2"]
    rows = startup.run(arguments(argv))
    assert seen == [[False] * 3, [True] * 3, [True] * 3] * 2
    assert [row.case["precision"] for row in rows] == list(startup.PRECISIONS)
    assert all(len(row.timings["lava_torch"].values) == 2 for row in rows)


def test_python_that_fails_is_reported():
    with pytest.raises(BenchError, match="KeyError: 'device'"):
        startup.run_python("balanced_build", {}, {})


def test_floor_is_what_moves_at_copy_bandwidth(monkeypatch):
    monkeypatch.setattr(
        bandwidth, "copy_bandwidth", lambda device, size: 4e9 if size < 100 else 2e9
    )
    assert bandwidth.floor(8000, 99, "cpu", 1e6) == Floor(2.0, 8000, 4e9)
    assert bandwidth.floor(8000, 100, "cpu", 1e6) == Floor(4.0, 8000, 2e9)


def test_bandwidth_is_measured_once_for_each_power_of_two(monkeypatch):
    seen = []
    monkeypatch.setattr(bandwidth, "_measured", lambda device, size: seen.append(size) or 1.0)
    for size in (1, 8192, 8193, 16384, 1e12):
        bandwidth.copy_bandwidth("cpu", size)
    assert seen == [8192, 8192, 16384, 16384, 1 << 28]


def test_bandwidth_counts_reading_and_writing(monkeypatch):
    monkeypatch.setattr(bandwidth, "DURATION", 0.5)
    monkeypatch.setattr(bandwidth, "_cpu_copies", lambda size: lambda times: times * 0.125)
    bandwidth._measured.cache_clear()
    try:
        assert bandwidth._measured("cpu", 1 << 20) == (1 << 20) / 0.125
    finally:
        bandwidth._measured.cache_clear()


def test_copies_copy():
    source, target = np.arange(6), np.zeros(6, np.int64)
    bandwidth._copy(source, target, 3)
    np.testing.assert_array_equal(target, [2, 1, 2, 3, 4, 5])
    assert bandwidth._cpu_copies(1 << 13)(2) > 0


def test_affordable_steps(monkeypatch):
    ran = []
    monkeypatch.setattr(timing, "milliseconds", lambda work, device: work() or 2.0 * ran[-1])
    assert timing.affordable(ran.append, 1000, "cpu") == timing.BUDGET / 2
    assert timing.affordable(ran.append, 3, "cpu") == 3
    monkeypatch.setattr(timing, "milliseconds", lambda work, device: work() or 1e6)
    assert timing.affordable(ran.append, 1000, "cpu") == 1


def test_contenders_take_turns():
    seen = []

    class Contender:
        work = 5

        def __init__(self, name: str) -> None:
            self.name = name

        def reset(self) -> None:
            seen.append(f"reset {self.name}")

        def run(self) -> None:
            seen.append(f"run {self.name}")

    class OwnTiming(Contender):
        def timed_run(self) -> float:
            self.run()
            return 30.0

    timings = timing.compare({"a": Contender("a"), "b": OwnTiming("b")}, 2, "cpu", scale=1000)
    assert seen == ["reset a", "run a", "reset b", "run b"] * 2
    assert len(timings["a"].values) == 2
    assert timings["b"].values == (6000, 6000)


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
        floor = Floor(0.5, 100, 2e9)
        return [Row({"size": args.size}, timings, {"lava_torch": 1500.0}, {"events": 3}, floor)]

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--size", type=int)

    new = Benchmark("new", "a new one", "ns", 7, ("brian2",), add_arguments, run)
    monkeypatch.setitem(bench.BENCHMARKS, "new", new)
    assert bench.main(["new", "--size", "9", "--vs", "brian2"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "new: a new one"
    assert "steps 7" in out[3] and "medians in ns" in out[4]
    assert out[4].endswith("floor: bytes that must move / copy bandwidth")
    columns = ["size", "lava_torch", "peer", "/ peer", "floor", "/ floor", "build lava_torch"]
    assert [cell.strip() for cell in out[6].split("  ") if cell] == [*columns, "events"]
    assert out[7].split() == ["9", "2", "4", "0.5x", "0.5", "4x", "1500", "3"]


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


def test_profile_names_the_operations_and_adds_up(capsys):
    from lava_torch.bench.chain import OurChain, draw_network
    from lava_torch.bench.profile import by_row

    args = argparse.Namespace(device="cpu", stepper="table")
    ours = OurChain(draw_network(20, "fixed_pt", 50, 0), 50, args)
    try:
        ours.start()
        ours.run()
        spikes = ours.spikes(50)
        profile = by_row(ours)
        assert (ours.spikes(50) == spikes).all(), "profiled steps are steps"
    finally:
        ours.close()
    names = [name.partition(".")[2] for name in profile]
    assert names == ["lif_fixed", "lif_fixed", "record", "compact", "dense"]
    assert all(value >= 0 for value in profile.values()) and sum(profile.values()) > 0
