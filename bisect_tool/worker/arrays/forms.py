"""A reference's value in the form of the port's: in its axes, pairs of real numbers for complex ones."""

from __future__ import annotations

import math

import numpy as np

from . import Array, measure, pairs
from .layouts import layouts


def written(mine: Array, want: Array) -> Array:
    """Return the reference's value as the port writes it.

    Of several orders of the axes it is the one that fits best. As it is where nothing fits, or ones alone are more or fewer.
    """
    want = pairs.written(mine, want)
    if np.squeeze(mine).shape == np.squeeze(want).shape:
        return want
    tried = [form(want) for form in layouts(mine, want)]
    return min(tried, key=lambda one: measure.difference(mine, one).get("error", math.inf))
