"""Sparse matrices as triples."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse


def find(mat: Any, explicit_zeros: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of a scipy sparse matrix, by column and then by row.

    Parameters
    ----------
    mat : scipy sparse matrix or array; repeated entries are summed.
    explicit_zeros : whether entries that are stored as 0 are among them. `scipy.sparse.find`, which
        this is otherwise, leaves them out.
    """
    if not explicit_zeros:
        return scipy.sparse.find(mat)
    columns = scipy.sparse.csc_matrix(mat)
    columns.sum_duplicates()
    entries = columns.tocoo()
    return entries.row, entries.col, entries.data
