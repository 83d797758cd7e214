"""Laws of torch modules: they are asked in eval mode, in batches, on inputs of any kind."""

from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn
from trainings import IMAGES, network, probe

import trajkit as tk


@pytest.mark.parametrize("batch_size", [1, 16, 40, 1000])
def test_modules__are_asked_in_eval_mode_in_batches(batch_size: int) -> None:
    model = network().eval()
    with torch.no_grad():
        wanted = model(IMAGES).double().log_softmax(-1).numpy()
    sizes = []

    def predict(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
        assert not torch.is_grad_enabled()
        sizes.append(len(images))
        return model(images)

    ds = tk.record([(0, network().train())], probe(), predict=predict, batch_size=batch_size)
    np.testing.assert_allclose(ds.log_prob[0, 0], wanted, atol=1e-5)
    assert sum(sizes) == 40
    assert max(sizes) == min(batch_size, 40)


INPUTS = {"tensor": IMAGES, "array": IMAGES.numpy(), "float64": IMAGES.double().numpy(), "list": IMAGES.tolist()}


@pytest.mark.parametrize("kind", INPUTS)
def test_modules__take_inputs_of_any_kind(kind: str) -> None:
    wanted = tk.record([(0, network())], probe())
    given = probe(inputs=INPUTS[kind])
    xr.testing.assert_allclose(tk.record([(0, network())], given).log_prob, wanted.log_prob)
    assert (given.identity == probe().identity) == (kind in ("tensor", "array"))


def test_modules__take_several_inputs_and_text() -> None:
    def several(model: nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        return model(batch["images"]) + batch["more"][0]

    def of_numbers(model: nn.Module, batch: list[str]) -> torch.Tensor:
        return model(IMAGES[[int(n) for n in batch]])

    wanted = tk.record([(0, network())], probe()).log_prob
    pairs = probe(inputs={"images": IMAGES, "more": (np.ones((40, 3)),)})
    text = probe(inputs=[str(n) for n in range(40)])
    for inputs, predict in ((pairs, several), (text, of_numbers)):
        ds = tk.record([(0, network())], inputs, predict=predict, batch_size=9)
        xr.testing.assert_allclose(ds.log_prob, wanted, atol=1e-6)


def test_modules__may_have_low_precision() -> None:
    ds = tk.record([(0, network().bfloat16())], probe())
    xr.testing.assert_allclose(ds.log_prob, tk.record([(0, network())], probe()).log_prob, atol=0.1)
