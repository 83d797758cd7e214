"""Laws of the inputs of a probe: samples are counted and values identified, whatever the inputs are."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse

import trajkit as tk

DENSE = np.array([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
LABEL = [0, 1, 1]
RAGGED = [[1, 2, 3], [4], [5]]


def identity(inputs: Any) -> str:
    return tk.Probe(inputs, LABEL).identity


@pytest.mark.parametrize("inputs", [[[], [], []], np.zeros((3, 0)), ["", "", ""], {"ids": [[], [], []]}])
def test_probe__refuses_samples_that_are_all_empty(inputs: Any) -> None:
    with pytest.raises(tk.SchemaError, match="'inputs' hold samples without entries: wanted at least one number"):
        tk.Probe(inputs, LABEL)


def test_probe__takes_some_empty_samples() -> None:
    for inputs in (["", "b", ""], [[], [1], []], {"ids": [[1], [2], [3]], "extra": np.zeros((3, 0))}):
        assert len(tk.Probe(inputs, LABEL)) == 3


def test_probe__knows_sparse_inputs_by_their_values() -> None:
    def shuffled() -> Any:
        row, column = [1, 0, 0, 2], [0, 1, 1, 2]
        return scipy.sparse.coo_array(([1.0, 1.5, 0.5, 0.0], (row, column)), shape=(3, 3))

    kinds = [scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array, scipy.sparse.lil_matrix]
    same = {identity(kind(DENSE)) for kind in kinds} | {identity(shuffled())}
    assert len(same) == 1
    others = [scipy.sparse.csr_array(DENSE * 2), scipy.sparse.csr_array(DENSE[::-1]), scipy.sparse.csr_array(DENSE.T)]
    assert not same & {identity(other) for other in others}


def test_probe__knows_sparse_and_nested_tensors_by_their_values() -> None:
    torch = pytest.importorskip("torch")
    dense = torch.from_numpy(DENSE)
    same = {identity(dense.to_sparse()), identity(dense.t().to_sparse().t()), identity(scipy.sparse.csr_array(DENSE))}
    assert len(same) == 1
    lists = [[torch.tensor(row) for row in rows] for rows in (RAGGED, RAGGED[::-1])]
    nested = [torch.nested.as_nested_tensor(tensors, layout=torch.jagged) for tensors in lists]
    assert identity(nested[0]) == identity(lists[0]) != identity(nested[1])


def test_probe__knows_lists_of_different_lengths_by_their_values() -> None:
    lists = [RAGGED, [[1, 2], [3, 4], [5]], [[1, 2, 3], [5], [4]], {"input_ids": RAGGED}, {"input_ids": RAGGED[::-1]}]
    assert len({identity(inputs) for inputs in lists}) == len(lists)
    assert identity(RAGGED) == identity([np.array(RAGGED[0]).tolist(), *RAGGED[1:]])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"a": np.eye(3), "b": np.eye(2)}, "'inputs' hold 2 and 3 samples, but 'label' has 3 entries"),
        ((RAGGED, RAGGED[:2]), "'inputs' hold 2 and 3 samples"),
        (scipy.sparse.csr_array(DENSE[:2]), "'inputs' hold 2 samples"),
        ({}, "'inputs' hold an empty dict or tuple"),
        (np.float32(3), "'inputs' hold a single number"),
        (np.ma.masked_less(DENSE, 1), r"'inputs' hold masked values, .* inputs\.filled\(0\)"),
    ],
)
def test_probe__refuses_inputs_whose_samples_are_not_those_of_the_labels(inputs: Any, message: str) -> None:
    with pytest.raises(tk.SchemaError, match=message):
        tk.Probe(inputs, LABEL)


def test_probe__counts_no_samples_where_there_are_none_to_count() -> None:
    class Loader:
        def __len__(self) -> int:  # of batches
            return 1

    for inputs in (None, Loader(), iter(DENSE)):
        assert len(tk.Probe(inputs, LABEL, identity="mine")) == 3
    with pytest.raises(TypeError, match="the probe's inputs hold Loader, whose values cannot be hashed"):
        _ = tk.Probe(Loader(), LABEL).identity
