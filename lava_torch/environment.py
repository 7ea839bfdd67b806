"""What an installation runs on: versions, processors, devices."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import lava_torch
from lava_torch.kernels.table.pace import usable_cores


@dataclass(frozen=True)
class Machine:
    """The hardware that a figure was measured on.

    Attributes
    ----------
    cpu : the processor's model.
    cores : logical cores that this process may use.
    threads : threads that torch computes with.
    gpus : names of the GPUs that torch sees.
    system : operating system and architecture.
    """

    cpu: str
    cores: int
    threads: int
    gpus: tuple[str, ...]
    system: str

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def machine() -> Machine:
    """This machine."""
    return Machine(
        cpu=cpu_model(),
        cores=usable_cores(),
        threads=torch.get_num_threads(),
        gpus=tuple(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())),
        system=f"{platform.system()} {platform.machine()}",
    )


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's model name, or its architecture where the system does not tell the model.

    With it its family and model number, where Linux tells them in `cpuinfo`: virtual machines call
    processors of many years by one name, such as "AMD EPYC".
    """
    known = _first_processor(cpuinfo.read_text()) if cpuinfo.exists() else {}
    if "model name" not in known:
        return platform.processor() or platform.machine()
    numbers = [f"{key} {known[key]}" for key in ("cpu family", "model") if key in known]
    return known["model name"] + (f" ({', '.join(numbers)})" if numbers else "")


def _first_processor(cpuinfo: str) -> dict[str, str]:
    """What Linux's /proc/cpuinfo says of its first processor."""
    lines = cpuinfo.strip().partition("\n\n")[0].splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def versions() -> dict[str, str]:
    """Versions of lava_torch and of what its speed and results depend on; "-" if not installed."""
    found = {"lava_torch": lava_torch.__version__, "python": platform.python_version()}
    for package in ("torch", "triton", "numba", "numpy"):
        found[package] = _version(package)
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"


def devices() -> dict[str, str]:
    """Names of the devices that a run config can ask for: `{"cpu": ..., "cuda:0": ...}`."""
    gpus = range(torch.cuda.device_count())
    return {"cpu": cpu_model(), **{f"cuda:{i}": torch.cuda.get_device_name(i) for i in gpus}}
