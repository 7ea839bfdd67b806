"""The network of `balanced` in Brian2's C++ standalone mode, in another Python.

Brian2: Stimberg, Brette and Goodman, "Brian 2, an intuitive and efficient neural simulator", eLife
8:e47314, 2019.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lava_torch.bench.report import BenchError

#: The environment variable that names the Python that has Brian2, which needs a numpy before 2.
VARIABLE = "LAVA_TORCH_BRIAN2_PYTHON"
SCRIPT = Path(__file__).with_name("brian2_balanced.py")


def find_python(given: str | None) -> str:
    """The Python that imports Brian2; BenchError if none does."""
    python = given or os.environ.get(VARIABLE) or sys.executable
    try:
        done = subprocess.run([python, "-c", "import brian2"], capture_output=True, text=True)
    except OSError as error:
        raise BenchError(f"--vs brian2: cannot start {python}: {error}.") from error
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise BenchError(
            f"--vs brian2: {python} cannot import Brian2 ({reason[0]}). Name a Python that can by "
            f"--brian2-python or ${VARIABLE}: one with 'numpy<2' and brian2, and a C++ compiler."
        )
    return python


class Brian2Balanced:
    """Generated, compiled and run once by `start()`; every run is one of the compiled program.

    What counts is its loop over the steps, which the program times itself: reading the synapses
    and writing the results are left out.
    """

    def __init__(self, network: Any, python: str) -> None:
        self.work, self.python = network.case.steps, python
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        lif = {name: np.asarray(value).tolist() for name, value in network.case.lif.items()}
        parameters = {"lif": lif, "n": network.case.n, "steps": self.work}
        (self.folder / "parameters.json").write_text(json.dumps(parameters))
        csr = network.csr.to("cpu")
        pre = np.arange(csr.shape[1], dtype=np.int32)
        np.save(self.folder / "i.npy", np.repeat(pre, csr.indptr.diff().numpy()))
        np.save(self.folder / "j.npy", csr.indices.numpy().astype(np.int32))
        np.save(self.folder / "w.npy", csr.values.numpy())
        np.save(self.folder / "v.npy", network.v)

    def start(self) -> None:
        """Write and compile the program, and run it; `count` is then the number of spikes."""
        # From the folder, so that none of the modules beside the script hides one of Brian2's.
        script = shutil.copy(SCRIPT, self.folder)
        output = self._execute([self.python, str(script), str(self.folder)], self.folder)
        self.count = json.loads(output.splitlines()[-1])["spikes"]

    def reset(self) -> None:
        """Nothing: every run begins at time step 0."""

    def run(self) -> None:
        program = "main.exe" if sys.platform == "win32" else "./main"
        self._execute([program], self.folder / "standalone")

    def timed_run(self) -> float:
        self.run()
        seconds, _ = (self.folder / "standalone/results/last_run_info.txt").read_text().split()
        return float(seconds) * 1e3

    def close(self) -> None:
        self._folder.cleanup()

    def _execute(self, command: list[str], folder: Path) -> str:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"--vs brian2: {' '.join(command)} failed: {done.stderr.strip()}")
        return done.stdout
