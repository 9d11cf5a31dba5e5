"""All checks in the order of how much they say, and what they say of one tensor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bisect_tool.checks.values.activations import activation_extra, activation_missing, other_activation
from bisect_tool.checks.values.adaptive import adaptive_pooling
from bisect_tool.checks.values.boxes import box_format
from bisect_tool.checks.values.channels import channels_permuted, concatenated, images_permuted
from bisect_tool.checks.values.channelwise import channel_affine, channel_offset
from bisect_tool.checks.values.counts import scaled_by_count
from bisect_tool.checks.values.evidence import Check, Evidence
from bisect_tool.checks.values.filled import all_zero, constant, constant_maps, not_finite, unwritten
from bisect_tool.checks.values.linear import (
    absolute,
    affine,
    dropped,
    offset,
    scaled,
    sign_flipped,
)
from bisect_tool.checks.values.norms import normalised_otherwise, running_statistics, unbiased
from bisect_tool.checks.values.order import axes_permuted, flipped, reordered, reshaped, shifted, transposed
from bisect_tool.checks.values.place import border, few_places, input_channels, some_slices, wrong_slices
from bisect_tool.checks.values.pooling import other_pooling
from bisect_tool.checks.values.precision import clamped, lower_precision, quantised, rounded
from bisect_tool.checks.values.residual import input_returned, product, residual
from bisect_tool.checks.values.resizing import other_interpolation
from bisect_tool.checks.values.shapes import other_shape
from bisect_tool.checks.values.ties import other_ties

# Each says what the port's values are, nearly to the last digit: the first that does is enough.
WHOLE: list[Check] = [
    other_shape, other_ties, not_finite, all_zero, constant, constant_maps, unwritten,
    other_pooling, adaptive_pooling, other_interpolation,
    normalised_otherwise, unbiased, running_statistics,
    other_activation, input_returned, residual, activation_missing, activation_extra, product,
    sign_flipped, absolute, concatenated, images_permuted, channels_permuted, box_format,
    transposed, flipped, axes_permuted, reshaped, shifted,
    lower_precision, rounded, quantised, clamped,
    scaled_by_count, scaled, offset, affine, reordered,
]  # fmt: skip
# Each says only where the values are wrong.
PLACES: list[Check] = [border, some_slices]
# Each has a number for every channel or place, and so would explain a fault in one place alone too.
BROAD: list[Check] = [dropped, channel_offset, channel_affine]
CHECKS: list[Check] = [*WHOLE, *PLACES, *BROAD, few_places]


def describe(evidence: Evidence) -> list[str]:
    """Return in at most two phrases what is wrong with the port's values, none where nothing explains them.

    The first follows their name: "the value of net.stem" "is all zero, ...". The second is about the slices that the
    first says are the only wrong ones.
    """
    for check in WHOLE:
        words = check(evidence)
        if words:
            return [words]
    joined = _joined(evidence)
    if joined:
        return joined
    for check in (*PLACES, *BROAD, few_places):
        words = check(evidence)
        if words:
            return [words, *(_inside(evidence) if check is some_slices else ())]
    return []


def _joined(evidence: Evidence) -> list[str]:
    """Return what explains channels that come from one of several inputs that are joined."""
    for index, channels in input_channels(evidence):
        value, expected = (np.asarray(array)[:, channels] for array in (evidence.value, evidence.expected))
        part = replace(evidence, value=value, expected=expected, inputs=(evidence.inputs[index],))
        for check in (other_pooling, adaptive_pooling, other_interpolation, other_activation):
            words = check(part)
            if words:
                return [
                    f"is wrong in channels {channels.start} to {channels.stop - 1}, which come from input {index}",
                    f"there it {words}",
                ]
    return []


def _inside(evidence: Evidence) -> list[str]:
    """Return what explains the only slices that are wrong, or that few places of them are."""
    numbers = evidence.numbers
    for axis, hit in wrong_slices(numbers)[:1] if numbers else ():
        value, expected = (np.asarray(array).take(hit, axis) for array in (evidence.value, evidence.expected))
        part = replace(evidence, value=value, expected=expected, inputs=())
        # A part's shape says nothing of the counts that a sum goes over.
        found = (check(part) for check in (*WHOLE, *BROAD) if check is not scaled_by_count)
        return [f"there it {words}" for words in found if words][:1] or [
            words for words in [few_places(evidence)] if words
        ]
    return []
