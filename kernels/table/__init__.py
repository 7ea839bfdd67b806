"""Whole runs on a CPU without Python: one compiled loop calls the rows of a table by address.

Nothing is compiled for a network. Each operation is compiled once for the dtypes that it meets, as
an adapter `void(int64* block, int64 thread, int64 threads)` which unpacks its arguments from a
block of addresses, sizes and numbers; the adapters lie in the cache folder. The loop itself, with
its control flag and its barrier between threads, is one more cached function.
"""

from lava_torch.kernels.table.control import Control
from lava_torch.kernels.table.program import Program, RowFailed

__all__ = ["Control", "Program", "RowFailed"]
