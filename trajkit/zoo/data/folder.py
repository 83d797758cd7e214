"""Images in one folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajkit.storage.atomic import user_path
from trajkit.typing import Labels
from trajkit.zoo.data.image_cache import cached
from trajkit.zoo.data.source import SPLITS, Source

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def folder(path: str) -> Source:
    """Read images of one size from `train/<class>/` and `test/<class>/`, the layout of torchvision's `ImageFolder`.

    `sample` is the path of an image below `path`. Images are read as RGB; images that are not used are not read. What
    is read is kept in the user's folder for caches (`image_cache`).

    Raises
    ------
    OSError
        If a folder is missing or holds no images, or test has a class that train lacks.
    """
    root = user_path(path)
    files = {split: _files(root / split) for split in SPLITS}
    classes = sorted({file.parent.name for file in files["train"]})
    if unknown := sorted({file.parent.name for file in files["test"]} - set(classes)):
        raise OSError(f"{root / 'test'} has classes that train lacks: {unknown}")
    index = {c: i for i, c in enumerate(classes)}

    def read(split: str, chosen: Labels) -> NDArray[np.uint8]:
        return cached([files[split][i] for i in chosen], _images)

    return Source(
        root.name,
        classes,
        {split: np.array([index[file.parent.name] for file in paths]) for split, paths in files.items()},
        {split: np.array([file.relative_to(root).as_posix() for file in paths]) for split, paths in files.items()},
        read,
    )


def _files(folder: Path) -> list[Path]:
    found = sorted(file for file in folder.glob("*/*") if file.suffix.lower() in SUFFIXES)
    if not found:
        raise OSError(f"no images in {folder}: wanted {folder}/<class>/<image>, such as {folder}/cat/0001.jpg")
    return found


def _images(files: Sequence[Path]) -> NDArray[np.uint8]:
    from PIL import Image  # Here, because no other data need it.

    images = []
    for file in files:
        with Image.open(file) as image:
            images.append(np.asarray(image.convert("RGB")))
        if images[-1].shape != images[0].shape:
            raise OSError(
                f"wanted images of one size, got {images[-1].shape[:2]} pixels in {file} but {images[0].shape[:2]} in "
                f"{files[0]}: resize them first"
            )
    return np.stack(images).transpose(0, 3, 1, 2)
