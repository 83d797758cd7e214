"""Laws of the loader of saved weights: what was saved comes back, in every common form of file."""

from functools import partial

import numpy as np
import pytest

import trajkit as tk

torch = pytest.importorskip("torch")

BUILD = partial(torch.nn.Linear, 2, 3)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return BUILD()


def as_safetensors(network, path):
    pytest.importorskip("safetensors.torch").save_file(network.state_dict(), path)


def as_lightning(network, path):
    torch.save({"epoch": 1, "state_dict": {f"model.{k}": v for k, v in network.state_dict().items()}}, path)


def as_training(network, path):
    optimizer = torch.optim.Adam(network.parameters())
    torch.save({"model": network.state_dict(), "optimizer": optimizer.state_dict(), "step": 5}, path)


@pytest.mark.parametrize(
    ("name", "write", "prefix"),
    [
        ("step5.pt", lambda network, path: torch.save(network.state_dict(), path), ""),
        ("step5.safetensors", as_safetensors, ""),
        ("epoch=1-step=5.ckpt", as_lightning, "model."),
        ("step5.pth", as_training, ""),
    ],
)
def test_torch_weights__of_every_form_give_the_network_back(network, tmp_path, name, write, prefix):
    write(network, tmp_path / name)
    inputs = torch.eye(2)
    probe = tk.Probe(inputs, [0, 1], classes=3)
    load = tk.integrations.TorchWeights(BUILD, prefix)
    tk.record_checkpoints([tmp_path / name], load, probe, tmp_path / "store", run="one")
    ds = tk.load(tmp_path / "store")
    assert ds.step.values.tolist() == [[5]]
    wanted = network(inputs).log_softmax(1).detach()
    np.testing.assert_allclose(ds.log_prob.values[0, 0], wanted, rtol=1e-6)


def test_torch_weights__that_do_not_fit_or_are_none_are_refused(network, tmp_path):
    torch.save(torch.nn.Linear(4, 3).state_dict(), tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other\.pt: the weights do not fit the network.*is prefix= right"):
        tk.integrations.TorchWeights(BUILD)(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match=r"list\.pt: wanted weights by name \(a state_dict\), got list"):
        tk.integrations.TorchWeights(BUILD)(tmp_path / "list.pt")
