"""Laws of a model that is asked: it predicts as in evaluation, and is afterwards what it was before, bit by bit."""

import functools
import random
import warnings
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn
from trainings import IMAGES, LABELS, network, probe, state

import trajkit as tk

MODEL = network()


class Holder:
    """An object of a user that has a model."""

    def __init__(self, net: nn.Module) -> None:
        self.parts = {"net": net}

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        return self.parts["net"](images)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return self.predict(images)


def nested(net: nn.Module) -> Callable[..., Any]:
    def outer(images: torch.Tensor) -> torch.Tensor:
        return (lambda: net(images))()

    return outer


def called_by(calls: Iterator[Any]) -> Callable[..., Any]:
    return lambda images: next(calls)(images)


def to_and_fro(images: torch.Tensor) -> torch.Tensor:
    MODEL.eval()
    values = MODEL(images)
    MODEL.train()
    return values


# Calls that hide a module; those of the last three are found when the module is called.
HIDDEN: dict[str, Callable[[nn.Module], Any]] = {
    "closure": lambda net: lambda images: net(images),
    "closure of a closure": nested,
    "global": lambda net: lambda images: MODEL(images),
    "forward": lambda net: net.forward,
    "call": lambda net: net.__call__,
    "partial": lambda net: functools.partial(net),
    "partial of forward": lambda net: functools.partial(net.forward),
    "default": lambda net: lambda images, net=net: net(images),
    "method of another object": lambda net: Holder(net).predict,
    "object": Holder,
    "wrapped": lambda net: functools.wraps(net.forward)(lambda *given: net(*given)),
    "functional call": lambda net: lambda images: torch.func.functional_call(net, dict(net.named_parameters()), images),
    "cached": lambda net: functools.lru_cache(lambda images: net(images)),
    "compiled": lambda net: torch.compile(net, backend="eager"),
    "iterator": lambda net: called_by(iter([net])),
    "map": lambda net: called_by(map(lambda images: lambda _: net(images), [IMAGES])),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_untouched__a_function_that_hides_a_module_is_asked_as_the_module(kind: str) -> None:
    MODEL.load_state_dict(network().state_dict())
    for layer, like in zip(MODEL.modules(), network().modules(), strict=True):
        layer.training = like.training
    wanted = tk.record([(0, network())], probe()).log_prob
    torch.manual_seed(3)
    before = state(MODEL)
    ds = tk.record([(0, HIDDEN[kind](MODEL))], probe())
    xr.testing.assert_allclose(ds.log_prob, wanted, atol=1e-5)
    assert state(MODEL) == before


def test_untouched__a_function_may_switch_the_mode_itself() -> None:
    MODEL.train()
    wanted = tk.record([(0, MODEL)], probe()).log_prob
    xr.testing.assert_allclose(tk.record([(0, to_and_fro)], probe()).log_prob, wanted, atol=1e-5)
    assert all(layer.training for layer in MODEL.modules())


class Restless(nn.Module):
    """A module that changes all that it has when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(36, 3)
        self.unregistered = [nn.BatchNorm1d(36)]
        self.register_buffer("rebound", torch.zeros(2))
        self.register_buffer("resized", torch.tensor([]))
        self.register_buffer("nothing", None)
        self.hidden, self.array = torch.zeros(3), np.zeros(3)
        self.calls, self.log, self.cache = 0, [1], {"a": [2]}
        self.numpy_random, self.python_random = np.random.default_rng(0), random.Random(0)
        self.torch_random = torch.Generator().manual_seed(0)
        self.meter = Holder(nn.Identity())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.linear.weight.data = torch.renorm(self.linear.weight.data, 2, 0, 0.1)
        self.linear.bias.data.mul_(1.5)
        self.linear.bias.original = torch.ones(1)
        self.rebound = torch.ones(3)
        self.resized.resize_(4).fill_(1)
        self.nothing = torch.ones(1)
        self.register_buffer("added", torch.ones(1))
        self.hidden += 1
        self.array += 1
        self.calls += 1
        self.log.append(self.calls)
        self.cache["a"].append(3)
        self.cache["b"] = []
        self.meter.parts["more"] = self.meter.last = images.mean()
        for noise in (self.numpy_random, self.python_random, np.random, random):
            noise.random()
        torch.rand(2, generator=self.torch_random)
        return self.linear(self.unregistered[0](images.flatten(1)))


def everything(model: Restless) -> list[Any]:
    tensors = [*model.named_parameters(), *model.named_buffers(), ("hidden", model.hidden)]
    tensors += list(model.unregistered[0].named_buffers())
    plain = [model.calls, list(model.log), {key: list(value) for key, value in model.cache.items()}]
    randoms = [model.numpy_random.bit_generator.state, model.python_random.getstate(), random.getstate()]
    legacy: Any = np.random.get_state()  # noqa: NPY002  (the global numbers of the user)
    numbers = [model.torch_random.get_state().tolist(), legacy[1].tolist(), model.array.tolist()]
    names = [sorted(vars(model)), sorted(model._buffers), sorted(vars(model.meter)), sorted(model.meter.parts)]
    modes = [model.training, model.unregistered[0].training]
    return [
        [(name, id(tensor), tensor.tolist(), tensor.data_ptr(), sorted(vars(tensor))) for name, tensor in tensors],
        *(plain, randoms, numbers, names, modes),
    ]


@pytest.mark.parametrize("batch_size", [7, 40])
def test_untouched__a_module_that_changes_all_that_it_has_is_what_it_was(batch_size: int) -> None:
    model = Restless()
    before = everything(model)
    first, second = (tk.record([(0, model)], probe(), batch_size=batch_size).log_prob for _ in range(2))
    assert everything(model) == before
    xr.testing.assert_identical(first, second)


def test_untouched__lazy_modules_are_initialised_as_training_would() -> None:
    def make() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Flatten(), nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.LazyLinear(3), nn.ReLU(), nn.Dropout(0.5)
        )

    alone = make()
    values = alone(IMAGES)
    watched = make()
    ds = tk.record([(0, watched)], probe())
    assert torch.equal(watched[1].weight, alone[1].weight)
    assert torch.equal(watched[3].weight, alone[3].weight)
    assert not watched[2].num_batches_tracked
    with torch.no_grad():
        wanted = deepcopy(watched).eval()(IMAGES).double().log_softmax(-1)
    np.testing.assert_allclose(ds.log_prob[0, 0], wanted, atol=1e-5)
    # The first forward pass of the training is the one without a recorder, random numbers included.
    assert torch.equal(watched(IMAGES), values)


def test_untouched__observers_of_quantisation_are_put_back() -> None:
    quantization = pytest.importorskip("torch.ao.quantization")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 3)).train()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces another package for quantisation
        for layer in model:
            layer.qconfig = quantization.get_default_qat_qconfig("fbgemm")
        quantization.prepare_qat(model, inplace=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def held() -> list[Any]:
        # As lists: torch refuses to resize a tensor whose memory numpy has seen.
        return [(name, id(buffer), buffer.tolist()) for name, buffer in model.named_buffers()]

    for step in range(3):
        before = held()
        tk.record([(step, model)], probe(), batch_size=16)
        assert held() == before
        nn.functional.cross_entropy(model(IMAGES), LABELS).backward()
        optimizer.step()


# --- models of other libraries: stand-ins, since Flax and TensorFlow are large ----------------------------------------


class Variable:
    """As a variable of TensorFlow, whose value is not an attribute."""

    def __init__(self, value: Any) -> None:
        values = [np.asarray(value, dtype=float)]
        self.numpy = lambda: values[0]
        self.assign = lambda new: values.__setitem__(0, np.asarray(new))


class Opaque:
    """A variable that nobody can put back."""

    __slots__ = ()


class TensorFlowLike:
    def __init__(self, *more: Any) -> None:
        self.mean, self._more = Variable([0.0, 0.0, 0.0]), more

    @property
    def variables(self) -> tuple[Any, ...]:
        return (self.mean, *self._more)

    trainable_variables = variables

    def __call__(self, images: Any) -> Any:
        self.mean.assign(self.mean.numpy() + 1)
        return np.zeros((len(images), 3)) + self.mean.numpy()


class RngCount:
    __slots__ = ("_raw_value",)

    def __init__(self) -> None:
        self._raw_value = 0


class Dropout:
    def __init__(self) -> None:
        self.deterministic, self.count = False, RngCount()


class NNXLike:
    def __init__(self) -> None:
        self.layers, self.mean, self.use_running_average = [Dropout()], np.zeros(3), False

    def __call__(self, images: Any) -> Any:
        dropout = self.layers[0]
        dropout.count._raw_value += 1
        noise = 0 if dropout.deterministic else dropout.count._raw_value
        self.mean = self.mean + 1 if not self.use_running_average else self.mean
        return np.outer(LABELS.numpy() + noise, np.arange(3))


for kind in (RngCount, Dropout, NNXLike):
    kind.__module__ = "flax.nnx.stand_in"


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: lambda images: model(images)])
def test_untouched__a_model_like_those_of_flax_is_asked_in_evaluation_and_put_back(wrap: Any) -> None:
    model = NNXLike()
    mean = model.mean
    first, second = (tk.record([(0, wrap(model))], probe()).log_prob for _ in range(2))
    xr.testing.assert_identical(first, second)
    exact = np.outer(LABELS.numpy(), np.arange(3))
    np.testing.assert_allclose(first[0, 0], exact - np.log(np.exp(exact).sum(-1, keepdims=True)), atol=1e-5)
    assert model.mean is mean
    assert (model.layers[0].count._raw_value, model.layers[0].deterministic, model.use_running_average) == (
        0,
        False,
        False,
    )


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: lambda images: model(images)])
def test_untouched__a_model_like_those_of_tensorflow_is_put_back_or_warned_of(wrap: Any) -> None:
    model = TensorFlowLike()
    tk.record([(0, wrap(model))], probe())
    assert model.mean.numpy().tolist() == [0, 0, 0]
    with pytest.warns(RuntimeWarning, match=r"holds Opaque, which trajkit cannot put back.*predict=") as caught:
        tk.record([(0, wrap(TensorFlowLike(Opaque())))], probe())
    assert caught[0].filename == __file__


class Averaged:
    """A wrapper that averages the weights at each call, and keeps no module of its own."""

    def __init__(self, net: nn.Module) -> None:
        self.net, self.calls = net, 0
        self.average = {name: torch.zeros_like(weight) for name, weight in net.named_parameters()}

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        for name, weight in self.net.named_parameters():
            self.average[name].lerp_(weight.detach(), 0.5)
        return torch.func.functional_call(self.net, self.average, (images,))

    def scaled(self, scale: float, images: torch.Tensor) -> torch.Tensor:
        return scale * self(images)


WRAPPED: dict[str, Callable[[Averaged], Any]] = {
    "object": lambda wrapper: wrapper,
    "function": lambda wrapper: lambda images: wrapper(images),
    "method": lambda wrapper: wrapper.__call__,
    "partial of a method": lambda wrapper: functools.partial(wrapper.scaled, 1.0),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_untouched__what_a_wrapper_keeps_of_a_module_is_put_back(kind: str) -> None:
    wrapper = Averaged(network())
    given = [tk.record([(0, WRAPPED[kind](wrapper))], probe()).log_prob.values for _ in range(2)]
    given.append(tk.record([(0, wrapper.net)], probe(), predict=lambda net, images: wrapper(images)).log_prob.values)
    np.testing.assert_allclose(given[1:], given[:1] * 2, atol=1e-5)
    assert wrapper.calls == 0
    assert not any(weight.any() for weight in wrapper.average.values())


def test_untouched__what_hooks_keep_is_put_back() -> None:
    class Kept:
        def __init__(self) -> None:
            self.values: list[Any] = [1]

        def keep(self, *call: Any) -> None:
            self.values.append(call)

        __call__ = keep

    net, means, last, kept, called = network(), [0.5], {}, Kept(), Kept()
    net[0].register_forward_hook(lambda module, inputs, output: means.append(output.mean()))
    net[1].register_forward_hook(lambda module, inputs, output: last.update(output=output))
    net[2].register_forward_hook(kept.keep)
    net[3].register_forward_pre_hook(called)
    tk.record([(0, net)], probe())
    assert (means, last, kept.values, called.values) == ([0.5], {}, [1], [1])
    net(IMAGES)
    assert (len(means), list(last), len(kept.values), len(called.values)) == (2, ["output"], 2, 2)


class Freezing(nn.Module):
    """Freezes its weights in the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net.requires_grad_(False)(images)


def test_untouched__weights_that_are_trained_stay_trained() -> None:
    net = Freezing()
    tk.record([(0, net)], probe())
    assert all(weight.requires_grad for weight in net.parameters())


class Drawing(nn.Module):
    """Takes its noise from a generator, which cannot be wound back."""

    def __init__(self) -> None:
        super().__init__()
        self.net, self.noise = network(), (number / 7 for number in range(100))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.net(images + next(self.noise))


def test_untouched__warns_of_a_generator_in_a_module() -> None:
    with pytest.warns(RuntimeWarning, match="Drawing holds generator, which trajkit cannot put back"):
        tk.record([(0, Drawing())], probe())


def test_untouched__modules_without_memory_are_left_alone() -> None:
    """As in ensembles: one module gives the structure, the weights are arguments."""
    frame, weights = network().to("meta"), dict(network().named_parameters()) | dict(network().named_buffers())
    ds = tk.record([(0, lambda images: torch.func.functional_call(frame, weights, (images,)))], probe())
    xr.testing.assert_allclose(ds.log_prob, tk.record([(0, network())], probe()).log_prob, atol=1e-5)
