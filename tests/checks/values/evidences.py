"""Tensors that checks of values are tried on."""

import numpy as np

from bisect_tool.checks.values.evidence import Evidence

MAP = (4, 8, 12, 12)


def noise(*shape, seed=0):
    """Return standard normal numbers, as float32."""
    return np.random.default_rng(seed).standard_normal(shape or MAP).astype(np.float32)


def evidence(value, expected, *inputs, classes=("Conv2d", "Conv2d"), framework="torch", **settings):
    """Return the evidence that these tensors are."""
    arrays = tuple(np.asarray(array) for array in inputs)
    return Evidence(
        "site", np.asarray(value), np.asarray(expected), arrays, classes=classes, settings=settings, framework=framework
    )


def nearly(array, share=0.01, seed=9):
    """Return the array with noise of a share of its standard deviation."""
    return (array + share * array.std() * noise(*array.shape, seed=seed)).astype(array.dtype)
