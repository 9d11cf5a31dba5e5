"""How the golden figures' weights and batches are made: numpy only, the same on every machine.

Each tensor is drawn from a generator seeded with the CRC-32 of its name, so a model
built elsewhere can be filled in any order.
"""

import math
import zlib

import numpy as np


def fill(name: str, shape: tuple, head_bias: dict) -> np.ndarray:
    """Return the float32 value of the state entry ``name``; ``head_bias`` maps names to constants."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    noise = rng.standard_normal(shape).astype(np.float32)
    leaf = name.rsplit(".", 1)[-1]
    if name in head_bias:
        return np.full(shape, head_bias[name], np.float32)
    if leaf == "running_mean":
        return np.zeros(shape, np.float32)
    if leaf == "running_var":
        return np.ones(shape, np.float32)
    if leaf == "bias":
        return 0.1 * noise
    if len(shape) == 1:  # a batch norm's weight
        return 1 + 0.1 * noise
    return noise * np.float32(math.sqrt(2 / np.prod(shape[1:])))


def detection_batch(images: int = 2, size: int = 320, boxes: int = 4, classes: int = 80, seed: int = 0) -> dict:
    """Return img (N,3,S,S) in [0,1), and per box batch_idx, cls, bboxes (cx, cy, w, h in 0..1)."""
    rng = np.random.Generator(np.random.PCG64(seed))
    img = rng.random((images, 3, size, size), dtype=np.float32)
    n = images * boxes
    centre = 0.2 + 0.6 * rng.random((n, 2), dtype=np.float32)
    extent = 0.05 + 0.3 * rng.random((n, 2), dtype=np.float32)
    return {
        "img": img,
        "batch_idx": np.repeat(np.arange(images), boxes).astype(np.float32),
        "cls": rng.integers(0, classes, (n, 1)).astype(np.float32),
        "bboxes": np.concatenate([centre, extent], 1),
    }


def summary(array: np.ndarray) -> dict:
    """Return the figures that a golden file keeps of one tensor."""
    a = np.asarray(array, np.float64)
    return {
        "shape": list(a.shape),
        "mean": a.mean(),
        "std": a.std(),
        "absmax": np.abs(a).max(),
        "head": a.ravel()[:4].tolist(),
    }
