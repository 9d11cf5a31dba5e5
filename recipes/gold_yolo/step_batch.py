"""The arrays of one training step: images, and their boxes in the rows that both losses read."""

from collections.abc import Sequence

import numpy as np

from batch import detection_batch


def step_arrays(images: int, size: int, boxes: int | Sequence[int] | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw images (images, 3, size, size) and a row of image, class, cx, cy, w, h for each box (n, 6), as float32.

    Where ``boxes`` is None, the first images have 5 and 3 boxes, all others 4.
    """
    counts = [5, 3, *[4] * images][:images] if boxes is None else boxes
    arrays = detection_batch(images, size, counts, classes=20, seed=seed)
    return arrays["img"], np.concatenate([arrays["batch_idx"][:, None], arrays["cls"], arrays["bboxes"]], axis=1)
