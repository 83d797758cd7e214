"""Laws of the architectures: the published sizes, and what cannot be built is refused."""

from itertools import pairwise

import pytest
import torch

from trajkit.zoo.architectures import ARCHITECTURES


def wide_resnet_parameters(width, depth, widening, classes):
    """Count what the layers of a wide residual network hold, block by block."""
    total, channels = 3 * width * 9, width
    for stage in range(3):
        out = width * widening * 2**stage
        for _ in range((depth - 4) // 6):
            total += 9 * channels * out + 9 * out * out + (channels * out + out if channels != out else 0)
            channels = out
    return total + channels * classes + classes


PAPER_PARAMETERS = {
    "linear": 3072 * 10 + 10,
    "fc": sum(a * b + b for a, b in pairwise([3072, 1024, 512, 256, 128, 10])),
    "allcnn": sum(9 * a * b + 3 * b for a, b in pairwise([3, 96, 96, 144, 144])) + 144 * 10 + 10,
    # Patches and their norm, then eight times both convolutions and both norms, then the head.
    "convmixer": 3328 + 512 + 8 * (256 * 26 + 256 * 257 + 2 * 512) + 2570,
    # Patches, token and positions, then six blocks, then the head.
    "vit": (49 + 66) * 512 + 6 * (512 * 1536 + 3 * (512 * 512 + 512) + 2 * 1024) + 1024 + 5130,
    "wide_resnet": wide_resnet_parameters(8, 10, 4, 10),
    "wide_resnet_16": wide_resnet_parameters(64, 16, 4, 10),
}
# Of contexts of 16 tokens out of 32, in the small size.
SMALL_PARAMETERS = {
    "bigram": 32 * 32,
    "mlp": 32 * 32 + (16 * 32 * 128 + 128) + (128 * 32 + 32),
    # Three gates, or four, each with weights and biases for the input and for the state.
    "gru": 32 * 64 + 3 * (2 * 64 * 64 + 2 * 64) + (64 * 32 + 32),
    "lstm": 32 * 64 + 4 * (2 * 64 * 64 + 2 * 64) + (64 * 32 + 32),
    # Tokens and positions, then two blocks, then the head.
    "transformer": (32 + 16) * 64 + 2 * (64 * 192 + 3 * (64 * 64 + 64) + 2 * 128) + 128 + (64 * 32 + 32),
}
OF_IMAGES = [name for name, architecture in ARCHITECTURES.items() if not architecture.needs_tokens]
PUBLISHED = {"fc": 3_837_066, "wide_resnet": 300_226, "convmixer": 594_186, "vit": 9_523_722}


@pytest.mark.parametrize("name", OF_IMAGES)
def test_architectures__have_as_many_parameters_as_published(name):
    with torch.device("meta"):
        model = ARCHITECTURES[name].build((3, 32, 32), 10, size="paper")
    count = sum(p.numel() for p in model.parameters())
    assert count == PAPER_PARAMETERS[name]
    assert count == PUBLISHED.get(name, count)


def test_architectures__of_texts_have_the_parameters_of_their_layers():
    assert set(SMALL_PARAMETERS) == set(ARCHITECTURES) - set(OF_IMAGES)
    for name, count in SMALL_PARAMETERS.items():
        model = ARCHITECTURES[name].build((16,), 32, size="small")
        assert sum(p.numel() for p in model.parameters()) == count, name
        assert model(torch.zeros(2, 16, dtype=torch.long)).shape == (2, 32)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("name", OF_IMAGES)
def test_architectures__take_images_of_every_source(name, shape):
    model = ARCHITECTURES[name].build(shape, 7, size="small")
    assert model(torch.zeros(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize("name", [name for name in OF_IMAGES if name != "linear"])
def test_architectures__twice_the_width_has_up_to_four_times_the_parameters(name):
    def parameters(width):
        model = ARCHITECTURES[name].build((1, 8, 8), 10, size="small", width=width)
        return sum(p.numel() for p in model.parameters())

    assert 1.9 < parameters(32) / parameters(16) < 4.1


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("linear", {"width": 3}, "no hidden units"),
        ("vit", {"width": 30}, "4 heads can share"),
        ("vit", {"shape": (1, 30, 30)}, "patches of 4 pixels fill"),
        ("bigram", {"width": 3}, "no hidden units"),
        ("transformer", {"shape": (16,), "width": 30}, "4 heads can share"),
    ],
)
def test_architectures__what_cannot_be_built_is_refused(name, arguments, message):
    with pytest.raises(ValueError, match=message):
        ARCHITECTURES[name].build(**{"shape": (1, 8, 8), "classes": 10, "size": "small"} | arguments)
