"""Laws of dropout: inputs are left out with the given probability, and the mean stays."""

import pytest
import torch

from trajkit.zoo.dropout import Dropout


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_dropout__leaves_out_a_share_and_keeps_the_mean(probability):
    layer = Dropout(probability, seed=1)
    out = layer(torch.ones(200, 500))
    assert (out == 0).float().mean().item() == pytest.approx(probability, abs=0.01)
    assert out.mean().item() == pytest.approx(1, abs=0.02)
    assert not torch.equal(out, layer(torch.ones(200, 500)))


def test_dropout__gradients_pass_where_inputs_were_kept():
    inputs = torch.ones(50, requires_grad=True)
    out = Dropout(0.5, seed=0)(inputs)
    out.sum().backward()
    assert torch.equal(inputs.grad, out.detach())
