"""The gradients that an optimizer is given, step after step: made of one that was recorded."""

from __future__ import annotations

from typing import List

import numpy as np

from . import Array

STEPS = 2
TURNED = -2.0  # of every other number, at the second step; powers of two, so that it is the same to the bit everywhere
SHRUNK = 2.0**-6  # of the rest


def of_steps(gradient: Array) -> List[Array]:
    """Return the gradient of each step: what was recorded, and then another one.

    Equal gradients hide what Adam keeps of each: its means are corrected for their start. Numbers that turn and grow show
    momentum, dampening and betas; numbers that shrink to next to nothing let a second moment fall, which amsgrad does not.
    """
    given = gradient.reshape(-1)
    second = given * gradient.dtype.type(SHRUNK)
    with np.errstate(over="ignore"):
        second[::2] = given[::2] * gradient.dtype.type(TURNED)
    return [gradient, second.reshape(gradient.shape)]
