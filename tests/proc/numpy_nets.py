"""A Process under its compiled model and under one in numpy, side by side."""

from __future__ import annotations

import numpy as np
import scipy.sparse

import lava_torch as lt


def sub(model: type) -> type:
    """A subclass that adds nothing, which therefore runs in numpy."""
    return type(f"My{model.__name__}", (model,), {})


def histories(make, inputs, model, tag, names) -> list[dict[str, np.ndarray]]:
    """Make a Process twice, run it compiled and then under a numpy `model`: for each, the Vars
    `names` after each step, and `sent`, what its OutPort sent.

    `make()` gives (Process, its InPort, its OutPort); `inputs` is (size, steps).
    """
    found = []
    for chosen in (None, model):
        process, in_port, out_port = make()
        source = lt.io.source.RingBuffer(data=inputs)
        sink = lt.io.sink.RingBuffer(shape=out_port.shape, buffer=inputs.shape[-1])
        source.s_out.connect(in_port)
        out_port.connect(sink.a_in)
        special = {type(process): chosen} if chosen else None
        config = lt.Loihi2SimCfg(select_tag=tag, exception_proc_model_map=special, dtype="float64")
        seen = {name: [] for name in names}
        for _ in range(inputs.shape[-1]):
            process.run(lt.RunSteps(1), run_cfg=config)
            for name in names:
                seen[name].append(array(getattr(process, name).get()))
        found.append({name: np.stack(rows) for name, rows in seen.items()})
        found[-1]["sent"] = sink.data.get()
        process.stop()
    return found


def array(value):
    return value.toarray() if scipy.sparse.issparse(value) else value


def same(found, tag):
    for name, want in found[0].items():
        if tag == "fixed_pt":
            np.testing.assert_array_equal(found[1][name], want, err_msg=name)
        else:
            np.testing.assert_allclose(found[1][name], want, rtol=1e-12, atol=1e-12, err_msg=name)
