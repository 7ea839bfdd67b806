"""Recorded runs of Lava, replayed: see golden/README.md."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from lava_torch import compat

CASES = sorted(Path(__file__).with_name("golden").glob("*.json"))
#: Arguments that JSON has as lists and Lava as tuples.
TUPLES = ("shape", "input_shape", "padding", "stride", "dilation")


@pytest.fixture(autouse=True)
def lava():
    compat.install()
    yield
    compat.uninstall()


def load(path: str):
    module, name = path.rsplit(".", 1)
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:  # a member of an enum
        return getattr(load(module), name)


def argument(key: str, value, arrays):
    if isinstance(value, dict) and "$" in value:
        return arrays[value["$"]]
    if isinstance(value, dict) and "csr" in value:
        return scipy.sparse.csr_matrix(argument(key, value["csr"], arrays))
    if isinstance(value, dict) and "enum" in value:
        return load(value["enum"])
    if isinstance(value, dict) and "rule" in value:
        given = {k: argument(k, v, arrays) for k, v in value.items() if k != "rule"}
        return load(value["rule"])(**given)
    return tuple(value) if key in TUPLES else value


def build(case, arrays):
    processes = {
        name: load(spec["class"])(**{k: argument(k, v, arrays) for k, v in spec["args"].items()})
        for name, spec in case["processes"].items()
    }
    for source, target in case["connections"]:
        (a, out_port), (b, in_port) = source.split("."), target.split(".")
        getattr(processes[a], out_port).connect(getattr(processes[b], in_port))
    return processes


def dense(value):
    return value.toarray() if scipy.sparse.issparse(value) else value


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.split(".")[0])
def test_equals_lava(path: Path) -> None:
    case = json.loads(path.read_text())
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as file:
        arrays = dict(file)
    processes = build(case, arrays)
    first = next(iter(processes.values()))
    run_steps = load("lava.magma.core.run_conditions.RunSteps")
    config = load("lava.magma.core.run_configs.Loihi2SimCfg")(
        select_tag=case["tag"], dtype="float64"
    )
    each_step = [probe for probe in case["probes"] if len(probe) == 2]
    seen = {f"{name}.{var}": [] for name, var in each_step}
    for _ in range(case["steps"]):
        first.run(run_steps(num_steps=1), run_cfg=config)
        for name, var in each_step:
            seen[f"{name}.{var}"].append(getattr(processes[name], var).get())
    for name, var, _ in (probe for probe in case["probes"] if len(probe) == 3):
        seen[f"{name}.{var}"] = getattr(processes[name], var).get()
    first.stop()

    assert seen
    for key, values in seen.items():
        want, got = arrays[f"expect.{key}"], np.asarray([dense(value) for value in values])
        if path.name.startswith("stochastic"):
            assert abs(got.mean() - want.mean()) < 0.05 * (np.abs(want).mean() + 1), key
        elif case["tag"] == "fixed_pt":
            np.testing.assert_array_equal(got, want, err_msg=key)
        else:
            # Lava leaves a trace whose tau is 0 undefined.
            got = np.where(np.isnan(want), want, got)
            np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=key)
