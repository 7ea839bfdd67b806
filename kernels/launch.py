"""Starting Triton kernels on tensors, or noting down what would be started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

#: a * b + c is rounded twice, as on the CPU.
OPTIONS = {"enable_fp_fusion": False, "num_warps": 4}
#: Programs a multiprocessor of a kernel that loops over what a count on the device says.
RESIDENT = 8
#: Programs of such a kernel where there is no device to fill: enough to see that they share.
INTERPRETED = 3


@dataclass(frozen=True)
class Launch:
    """A kernel with its arguments in order, its constants and its compiler's options."""

    kernel: Any
    args: tuple[Tensor | int | None, ...]
    constants: dict[str, int | bool]
    options: dict[str, Any]


_noted: list[list[Launch]] = []


@contextmanager
def noted() -> Iterator[list[Launch]]:
    """Within it `launch` starts nothing, and fills the list that this gives."""
    launches: list[Launch] = []
    _noted.append(launches)
    try:
        yield launches
    finally:
        _noted.remove(launches)


def interpreted() -> bool:
    """Whether Triton runs kernels in its interpreter, on CPU tensors."""
    import triton

    return bool(triton.knobs.runtime.interpret)


@cache
def programs(device: torch.device) -> int:
    """How many programs fill the device, whatever there is to do."""
    if device.type == "cpu":
        return INTERPRETED
    return RESIDENT * torch.cuda.get_device_properties(device).multi_processor_count


def launch(
    kernel: Any,
    grid: tuple[int, ...],
    *args: Tensor | int | None,
    num_warps: int = 4,
    **constants: int | bool,
) -> None:
    """Starts `kernel` on the device of its first argument, unless the grid is empty.

    Raises ValueError for CPU tensors, unless Triton interprets.
    """
    options = OPTIONS | {"num_warps": num_warps}
    if _noted:
        _noted[-1].append(Launch(kernel, args, constants, options))
    elif 0 in grid:
        return
    elif interpreted():
        kernel[grid](*args, **constants)
    else:
        device = args[0].device
        if device.type != "cuda":
            raise ValueError(
                f"{kernel.__name__} is a Triton kernel and runs on a GPU; got tensors on {device}. "
                "Move them there, or choose the cpu or reference backend."
            )
        with torch.cuda.device(device):
            kernel[grid](*args, **constants, **options)
