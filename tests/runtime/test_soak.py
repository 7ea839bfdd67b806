"""Many networks in one interpreter, and long runs of one: what they hold stays what it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NETWORKS, WARM_UP = 200, 60
#: Bytes that the memory of a whole soak may grow by: that of a leak of 30 kB a network.
ROOM = 30_000 * NETWORKS


def printed(worker: str, *arguments: str) -> list:
    """What a script prints in an interpreter of its own, where nothing else holds memory."""
    command = [sys.executable, str(HERE / worker), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def held() -> list[dict[str, int]]:
    """Before, after, and with a leak of 100 kB for each."""
    return printed("soak_worker.py", str(NETWORKS), str(WARM_UP))


@pytest.fixture(scope="module")
def grown() -> dict[str, dict[str, int]]:
    return printed("long_run_worker.py")


class TestManyNetworks:
    @pytest.mark.parametrize(
        "what",
        ["threads", "tasks_of_system", "files", "processes", "networks", "runtimes", "greenlets"],
    )
    def test_nothing_is_left(self, held, what) -> None:
        before, after, _ = held
        assert after[what] == before[what]

    def test_memory_returns(self, held) -> None:
        before, after, _ = held
        assert after["memory"] - before["memory"] < ROOM

    def test_a_leak_would_be_seen(self, held) -> None:
        _, after, leaked = held
        assert leaked["memory"] - after["memory"] > 2 * ROOM


class TestLongRuns:
    @pytest.mark.parametrize(
        ("kind", "steps"),
        [
            ("compiled", 10**6),
            ("compiled_aside", 10**6),
            ("mixed", 10**5),
            ("mixed_asynchronous", 50_000),
            ("mixed_with_reads", 5000),
            ("host_access", 5000),
        ],
    )
    def test_memory_is_constant(self, grown, kind, steps) -> None:
        assert grown[kind]["steps"] == steps
        # An array of two numbers a step takes 150 bytes.
        assert grown[kind]["bytes"] < min(100 * steps, 4_000_000)

    def test_messages_that_are_not_received_would_be_seen(self, grown) -> None:
        assert grown["leaking"]["bytes"] > 5_000_000
