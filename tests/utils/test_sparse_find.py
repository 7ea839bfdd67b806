"""Sparse matrices as triples."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from lava_torch.utils.sparse import find


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.coo_array])
def test_stored_zeros_are_found_if_asked_for(kind):
    rows, columns, values = [1, 0, 2, 0, 2], [0, 1, 1, 1, 2], [3.0, 0.0, 5.0, 0.0, -1.0]
    matrix = kind((values, (rows, columns)), shape=(3, 4))
    kept = matrix.copy()
    for found, want in zip(find(matrix), scipy.sparse.find(matrix), strict=True):
        np.testing.assert_array_equal(found, want)
    found = find(matrix, explicit_zeros=True)
    np.testing.assert_array_equal(found, [[1, 0, 2, 2], [0, 1, 1, 2], [3, 0, 5, -1]])
    np.testing.assert_array_equal(matrix.toarray(), kept.toarray())
    assert matrix.nnz == kept.nnz
