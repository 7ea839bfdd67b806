"""Large CPU tensors in memory that stays with the process.

The C library gives large blocks back to the system when they are freed, and the system hands out
zeroed pages one fault at a time: a training step that makes a few tensors of megabytes spends half
its time on that. On GPUs PyTorch keeps blocks itself.
"""

from __future__ import annotations

import math
import weakref
from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

#: The smallest tensor that is worth it, and what is kept at most, in bytes.
LEAST, MOST = 1 << 18, 1 << 28
#: How many tensors are made before a block that none of them used is given back.
PATIENCE = 500

#: By size, blocks with the number of the tensor before which each was kept.
_free: defaultdict[int, list[tuple[int, np.ndarray]]] = defaultdict(list)
_kept, _made = [0], [0]


def empty(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """`torch.empty`. Its storage cannot be resized; when nothing refers to it any more, its block
    is kept for the next of about this size."""
    size = math.prod(shape) * dtype.itemsize
    if device.type != "cpu" or size < LEAST:
        return torch.empty(shape, dtype=dtype, device=device)
    # Sizes in steps of an eighth, so that batches of a little less reuse a block.
    step = 1 << (size.bit_length() - 4)
    capacity = -(-size // step) * step
    _made[0] += 1
    try:
        _, block = _free[capacity].pop()  # atomic, as append is: finalizers may run in any thread
        _kept[0] -= capacity
    except IndexError:
        _give_back()
        block = np.empty(capacity, np.uint8)
    view = block[:size]
    weakref.finalize(view, _keep, block).atexit = False
    return torch.from_numpy(view).view(dtype).view(shape)


def _keep(block: np.ndarray) -> None:
    if _kept[0] + block.nbytes <= MOST:
        _kept[0] += block.nbytes
        _free[block.nbytes].append((_made[0], block))


def _give_back() -> None:
    """Drop the blocks that were not used for long; the oldest of a size are its first."""
    for blocks in list(_free.values()):
        while blocks and blocks[0][0] < _made[0] - PATIENCE:
            try:
                _kept[0] -= blocks.pop(0)[1].nbytes
            except IndexError:  # another thread took it
                break
