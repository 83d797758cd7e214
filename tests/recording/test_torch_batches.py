"""Laws of batches: a module gets tensors where there are tensors, everything else as it is, and all of it in order."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

import trajkit as tk

RAGGED = [[1, 2, 3], [4], [2, 2], [3, 1]]
LABEL = [0, 1, 0, 1]
EYE = np.eye(4, dtype=np.float32)


def bag() -> nn.Module:
    torch.manual_seed(0)
    return nn.EmbeddingBag(5, 2)


def of_lists(model: nn.Module, rows: Any) -> torch.Tensor:
    return torch.cat([model(torch.as_tensor(row)[None]) for row in rows])


def nested(rows: list[list[int]]) -> torch.Tensor:
    return torch.nested.as_nested_tensor([torch.tensor(row) for row in rows], layout=torch.jagged)


def recorded(model: nn.Module, probe: tk.Probe, **options: Any) -> np.ndarray:
    return tk.record([(0, model)], probe, **options).log_prob.values[0, 0]


UNEVEN: dict[str, tuple[Any, Any]] = {
    "lists": (RAGGED, of_lists),
    "arrays of objects": (np.array(RAGGED, dtype=object), of_lists),
    "tensors": ([torch.tensor(row) for row in RAGGED], of_lists),
    "nested tensor": (nested(RAGGED), lambda model, batch: of_lists(model, batch.unbind())),
    "dict of lists": ({"input_ids": RAGGED}, lambda model, batch: of_lists(model, batch["input_ids"])),
    "list of dicts": ([{"ids": r} for r in RAGGED], lambda model, rows: of_lists(model, [row["ids"] for row in rows])),
}


@pytest.mark.parametrize("kind", UNEVEN)
@pytest.mark.parametrize("batch_size", [1, 2, 512])
def test_batches__of_uneven_inputs_reach_predict_as_they_are(kind: str, batch_size: int) -> None:
    inputs, predict = UNEVEN[kind]
    wanted = of_lists(bag(), RAGGED).detach().log_softmax(-1)
    given = recorded(bag(), tk.Probe(inputs, LABEL), predict=predict, batch_size=batch_size)
    np.testing.assert_allclose(given, wanted, atol=1e-6)


@pytest.mark.parametrize(
    "sparse", [scipy.sparse.csr_matrix(EYE), scipy.sparse.coo_array(EYE), torch.from_numpy(EYE).to_sparse()], ids=repr
)
def test_batches__of_sparse_inputs_are_rows_of_the_same_kind(sparse: Any) -> None:
    def predict(model: nn.Module, rows: Any) -> torch.Tensor:
        return model(rows.to_dense() if isinstance(rows, torch.Tensor) else torch.from_numpy(rows.toarray()))

    torch.manual_seed(0)
    model = nn.Linear(4, 2)
    given = recorded(model, tk.Probe(sparse, LABEL), predict=predict, batch_size=3)
    np.testing.assert_allclose(given, recorded(model, tk.Probe(EYE, LABEL)), atol=1e-6)


def test_batches__of_no_inputs_are_one_for_a_predict_that_has_its_own() -> None:
    torch.manual_seed(0)
    model, data = nn.Linear(4, 2), torch.from_numpy(EYE)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data), batch_size=3)
    wanted = recorded(model, tk.Probe(EYE, LABEL))
    none, loaded = (tk.Probe(inputs, LABEL, identity="mine") for inputs in (None, loader))
    np.testing.assert_allclose(recorded(model, none, predict=lambda m, _: m(data)), wanted, atol=1e-6)
    given = recorded(model, loaded, predict=lambda m, batches: torch.cat([m(batch) for (batch,) in batches]))
    np.testing.assert_allclose(given, wanted, atol=1e-6)


@pytest.mark.parametrize("inputs", [RAGGED, {"x": RAGGED}, scipy.sparse.csr_array(EYE), ["a", "b", "c", "d"], None])
def test_batches__that_a_module_does_not_take_need_predict(inputs: Any) -> None:
    probe = tk.Probe(inputs, LABEL, identity="mine")
    with pytest.raises(TypeError, match=r"Linear cannot be called on .*Pass predict=, a function of the model and"):
        recorded(nn.Linear(4, 2), probe)


class Named(nn.Module):
    """Takes named inputs and gives an output with logits at each position, as models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.head = nn.Embedding(8, 4), nn.Linear(4, 8)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
        hidden = self.embedding(input_ids).cumsum(1)
        return type("Output", (), {"logits": self.head(hidden), "loss": None})()


TEXTS = [[5, 2, 7, 1], [5, 3, 1], [2, 2]]


def padded_texts(rows: list[list[int]]) -> torch.Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


def test_batches__with_named_inputs_are_passed_by_name() -> None:
    ids = padded_texts(TEXTS)
    probe = tk.Probe({"input_ids": ids, "attention_mask": ids > 0}, np.ones((3, 4), dtype=int), classes=8)
    wanted = Named()(ids).logits.detach().log_softmax(-1).reshape(12, 8)
    for model in (Named(), nn.DataParallel(Named())):
        np.testing.assert_allclose(recorded(model, probe), wanted, atol=1e-6)
    unknown = tk.Probe({"input_ids": ids, "token_type_ids": ids}, np.ones((3, 4), dtype=int), classes=8)
    with pytest.raises(TypeError, match=r"dict with the keys \['input_ids', 'token_type_ids'\]"):
        recorded(Named(), unknown)


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_batches__of_texts_may_be_as_wide_as_their_own_longest(batch_size: int) -> None:
    def predict(model: nn.Module, rows: list[list[int]]) -> torch.Tensor:
        return model(padded_texts(rows)).logits[:, :-1]

    given = recorded(Named(), tk.Probe(TEXTS, [ids[1:] for ids in TEXTS], classes=8), predict=predict)
    by_hand = [Named()(torch.tensor([ids])).logits[0, :-1].detach().log_softmax(-1) for ids in TEXTS]
    np.testing.assert_allclose(given, torch.cat(by_hand), atol=1e-6)
    split = recorded(
        Named(), tk.Probe(TEXTS, [ids[1:] for ids in TEXTS], classes=8), predict=predict, batch_size=batch_size
    )
    np.testing.assert_allclose(split, given, atol=1e-6)
