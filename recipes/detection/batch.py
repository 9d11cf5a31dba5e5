"""A random detection batch in numpy, the same on every machine and for both frameworks."""

from collections.abc import Sequence

import numpy as np


def detection_batch(
    images: int = 2, size: int = 320, boxes: int | Sequence[int] = 4, classes: int = 80, seed: int = 0
) -> dict:
    """Draw ``images`` pictures of noise with ``boxes`` labelled boxes each, or as many as it lists for each picture.

    Returns float32 arrays: ``img`` (images, 3, size, size) in [0, 1), and one row per box of
    ``batch_idx`` (n,), ``cls`` (n, 1) and ``bboxes`` (n, 4) as cx, cy, w, h in fractions of the image.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    counts = [boxes] * images if isinstance(boxes, int) else list(boxes)
    if len(counts) != images:
        raise ValueError(f"boxes lists {len(counts)} pictures, expected {images}")
    count = sum(counts)
    img = rng.random((images, 3, size, size), dtype=np.float32)
    centre = 0.2 + 0.6 * rng.random((count, 2), dtype=np.float32)
    extent = 0.05 + 0.3 * rng.random((count, 2), dtype=np.float32)
    return {
        "img": img,
        "batch_idx": np.arange(images).repeat(counts).astype(np.float32),
        "cls": rng.integers(0, classes, (count, 1)).astype(np.float32),
        "bboxes": np.concatenate([centre, extent], axis=1),
    }
