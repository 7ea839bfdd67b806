"""The network of `balanced` as a C++ program that Brian2 writes. It needs brian2 and numpy only.

    python brian2_balanced.py FOLDER

FOLDER has parameters.json and the arrays i, j, w (of the synapses) and v; the program goes to
FOLDER/standalone. The last line printed is JSON: {"spikes": their number}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

VARIABLES = "u : 1\nv : 1\na : 1\ncount : integer\n"
STEP = "u = u * (1 - du) + a\nv = v * (1 - dv) + u + bias_mant\na = 0"


def declared(name: str, value: float | list[float]) -> str:
    return f"{name} : 1 (constant)" if isinstance(value, list) else f"{name} : 1 (shared, constant)"


def main(folder: Path) -> None:
    import brian2
    import numpy as np

    # Parameters are variables of the group, so that they are float32 as in lava_torch, not doubles.
    given = json.loads((folder / "parameters.json").read_text())
    i, j, w, v = (np.load(folder / f"{name}.npy") for name in "ijwv")
    brian2.prefs.core.default_float_dtype = np.float32
    brian2.prefs.devices.cpp_standalone.openmp_threads = 0
    brian2.set_device("cpp_standalone", build_on_run=False)
    brian2.defaultclock.dt = 1 * brian2.ms
    equations = VARIABLES + "\n".join(declared(*item) for item in given["lif"].items())
    neurons = brian2.NeuronGroup(
        given["n"], equations, threshold="v > vth", reset="v = 0\ncount += 1"
    )
    for name, value in given["lif"].items():
        setattr(neurons, name, value)
    neurons.v = v
    neurons.run_regularly(STEP, when="groups")
    # Spikes are delivered after the neurons' step: they count in the next one.
    synapses = brian2.Synapses(neurons, neurons, "w : 1", on_pre="a_post += w")
    synapses.connect(i=i, j=j)
    synapses.w = w
    brian2.run(given["steps"] * brian2.ms)
    brian2.device.build(directory=str(folder / "standalone"), compile=True, run=True)
    print(json.dumps({"spikes": int(np.sum(neurons.count[:]))}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
