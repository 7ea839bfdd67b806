"""Files that are damaged, altered or made up: a CheckpointError, and nothing else."""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
from checkpoint_cases import state_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lava_torch as lt
from lava_torch.io.checkpoint import container
from lava_torch.io.checkpoint.arrays import of_numpy

FEW = settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """A small network of everything: views, a monitor, a rule, references, a batch."""
    rng = np.random.default_rng(0)
    source = lt.io.source.RingBuffer(data=rng.integers(0, 2, (2, 3, 4)), name="source")
    rule = lt.Loihi2FLearningRule(dw="x1*y0", x1_tau=4, x1_impulse=5, t_epoch=2, rng_seed=1)
    dense = lt.LearningDense(weights=np.ones((3, 6)) * 0.4, learning_rule=rule, name="dense")
    lif = lt.LIF(shape=(3,), du=0.5, name="lif")
    monitor = lt.Monitor(name="monitor")
    source.s_out.transpose().flatten().connect(dense.s_in)
    dense.a_out.connect(lif.a_in)
    lif.s_out.connect(dense.s_in_bap)
    monitor.probe(lif.v, 9)
    monitor.probe(source.s_out, 9)
    lif.run(lt.RunSteps(5), run_cfg=lt.Loihi2SimCfg(batch_size=2, seed=3))
    path = tmp_path_factory.mktemp("saved") / "network.safetensors"
    lif.save(path)
    lif.stop()
    return path


@pytest.fixture(scope="module")
def parsed(saved):
    return container.read(saved)


def test_any_program_can_read_the_arrays(saved):
    with safetensors.safe_open(saved, "np") as file:
        assert file.metadata()["format"] == "lava_torch checkpoint"
        assert file.get_tensor("state.lif.v").shape == (2, 3)
        assert file.get_tensor("dense.weights").dtype == np.float64
        structure = json.loads(file.metadata()["structure"])
        name = "state.dense.weights"
        digest = hashlib.sha256(file.get_tensor(name).tobytes()).hexdigest()
        assert structure["arrays"][name]["sha256"] == digest
    assert b"pickle" not in saved.read_bytes()


@given(st.data())
@FEW
def test_a_flipped_byte_is_noticed(saved, parsed, tmp_path, data):
    content = bytearray(saved.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    file = tmp_path / "altered"
    file.write_bytes(content)
    try:
        structure, arrays = container.read(file)
    except lt.CheckpointError as error:
        assert f"'{file}' is no whole checkpoint" in str(error)
        return
    assert structure == parsed[0]
    assert {n: (a.dtype, a.shape, a.data.tobytes()) for n, a in arrays.items()} == {
        n: (a.dtype, a.shape, a.data.tobytes()) for n, a in parsed[1].items()
    }


@given(st.data())
@FEW
def test_a_truncated_or_longer_file_is_noticed(saved, tmp_path, data):
    content = saved.read_bytes()
    file = tmp_path / "cut"
    length = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(
        content[:length] if data.draw(st.booleans()) else content + b"\0" * (length + 1)
    )
    with pytest.raises(lt.CheckpointError, match="is no whole checkpoint"):
        container.read(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 8, b"\x02" + b"\0" * 7 + b"{}", b"\xff" * 80, b"\x04" + b"\0" * 7 + b"[[[[",
     b"\x08" + b"\0" * 7 + b"NaN     ", (90000).to_bytes(8, "little") + b"[" * 90000],
)  # fmt: skip
def test_another_file(content, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(lt.CheckpointError, match="is no whole checkpoint"):
        lt.LIF.load(tmp_path / "x")


def test_another_version(saved, tmp_path):
    content = saved.read_bytes()
    (tmp_path / "x").write_bytes(content.replace(b'"version":"1"', b'"version":"9"'))
    with pytest.raises(lt.CheckpointError, match="version '9'; this lava_torch reads version 1"):
        lt.LIF.load(tmp_path / "x")


# -- a structure that lies, under checksums that fit -----------------------------------------------


def places(node, at=()):
    """Every place in the structure."""
    yield at
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*at, key))
    if isinstance(node, list):
        for number, value in enumerate(node):
            yield from places(value, (*at, number))


def get(node, at):
    for key in at:
        node = node[key]
    return node


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.just(2**80), st.just(10**15),
    st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8),
    st.sampled_from([
        [], {}, [[]], {"process": 0}, {"process": 99}, {"array": "dense.weights"}, {"array": "no"},
        {"member": [2, "v"]}, {"object": 0}, {"float": "nan"}, {"tuple": [10**12]}, {"sparse": []},
        {"class": ["os", "system"]}, {"class": ["subprocess", "Popen"]}, ["builtins", "eval"],
        ["lava_torch.no.such", "X"], ["antigravity", "X"], ["lava_torch.proc.lif.process", "LIF"],
        {"enum": [["lava_torch.utils.weightutils", "SignMode"], "MIXED"]}, "__class__", "cuda",
        ["lava_torch.core.process", "AbstractProcess"], "monitor", "state.lif.u", "fixed_pt",
    ]),
)  # fmt: skip


def mutate(structure, data):
    at = data.draw(st.sampled_from(list(places(structure))[1:]))
    parent, key = get(structure, at[:-1]), at[-1]
    match data.draw(st.sampled_from(["replace", "replace", "delete", "swap", "nest", "double"])):
        case "replace":
            parent[key] = copy.deepcopy(data.draw(ODD))
        case "delete":
            del parent[key]
        case "swap":
            other = data.draw(st.sampled_from(list(places(structure))))
            parent[key] = copy.deepcopy(get(structure, other))
        case "nest":
            for _ in range(data.draw(st.sampled_from([1, 150]))):
                parent[key] = [parent[key]]
        case "double" if isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))


@given(st.data())
@settings(FEW, max_examples=400)
def test_a_structure_that_lies(parsed, tmp_path, data):
    structure, arrays = copy.deepcopy(parsed[0]), parsed[1]
    for _ in range(data.draw(st.integers(1, 2))):
        mutate(structure, data)
    file = tmp_path / "lies"
    container.write(file, structure, arrays)
    modules = set(sys.modules)
    try:
        system = lt.io.checkpoint.load(file)
    except lt.CheckpointError as error:
        assert f"'{file}' cannot be loaded" in str(error)
    else:
        assert isinstance(system.process, lt.AbstractProcess)
        system.process.stop()
    new = {name for name in set(sys.modules) - modules if not name.startswith("lava_torch.")}
    assert not new & {"antigravity", "os", "subprocess"}


def test_arrays_that_lie(parsed, tmp_path):
    """Indices that compiled code would follow out of bounds are refused."""
    structure, arrays = parsed
    file = tmp_path / "lies"
    wrong = of_numpy(np.full(arrays["state.dense.tx"].shape, 10**6, np.int32))
    container.write(file, structure, {**arrays, "state.dense.tx": wrong})
    with pytest.raises(lt.CheckpointError, match=r"'tx'.*must be in \[0, 2\]"):
        lt.LIF.load(file)
    wrong = of_numpy(np.zeros(arrays["state.dense.tx"].shape, np.float32))
    container.write(file, structure, {**arrays, "state.dense.tx": wrong})
    with pytest.raises(lt.CheckpointError, match="'tx' is of torch.int32"):
        lt.LIF.load(file)


def test_sizes_that_lie_take_no_memory(parsed, tmp_path):
    structure = copy.deepcopy(parsed[0])
    lif = next(p for p in structure["processes"] if p["name"] == "lif")
    text = json.dumps(lif).replace('"shape": [3]', '"shape": [90000000000]')
    changed = json.loads(text.replace('{"tuple": [3]}', '{"tuple": [90000000000]}'))
    structure["processes"][structure["processes"].index(lif)] = changed
    container.write(tmp_path / "x", structure, parsed[1])
    with pytest.raises(lt.CheckpointError, match="shape"):
        lt.LIF.load(tmp_path / "x")
    structure = copy.deepcopy(parsed[0])
    structure["setup"]["run_cfg"]["options"]["batch_size"] = 10**9
    container.write(tmp_path / "x", structure, parsed[1])
    with pytest.raises(lt.CheckpointError, match="batch_size"):
        lt.LIF.load(tmp_path / "x")


def test_a_file_is_replaced_as_a_whole(saved, tmp_path, monkeypatch):
    file = tmp_path / "x"
    file.write_bytes(saved.read_bytes())
    loaded = lt.LIF.load(file)
    before = state_of(loaded)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    loaded.run(lt.RunSteps(1))
    with pytest.raises(OSError, match="No space left"):
        loaded.save(file)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
    again = lt.LIF.load(file)
    assert all(np.array_equal(v, before[k]) for k, v in state_of(again).items())
    for one in (loaded, again):
        one.stop()
