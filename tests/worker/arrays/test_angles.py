"""Rotations in another form on each side."""

from __future__ import annotations

import numpy as np
import pytest

from bisect_tool.worker.arrays.angles import same_turns

ANGLES = np.outer(np.arange(12.0), 10000.0 ** -(np.arange(4) / 4)).astype(np.float32)
HALVES = np.concatenate([ANGLES, ANGLES], -1)[None]  # a batch of one, as cosines and sines are often handed
TURNS = np.repeat(ANGLES, 2, -1)
OTHER = np.random.default_rng(0).normal(size=(2, 12, 8)).astype(np.float32)


def pair(angles, first="cos", second="sin"):
    return {first: np.cos(angles), second: np.sin(angles)}


@pytest.mark.parametrize(
    ("port", "reference"),
    [
        ({"angles": ANGLES}, pair(HALVES, "rope.0", "rope.1")),
        ({"angles": ANGLES}, pair(TURNS, "rope.1", "rope.0")),
        ({"angles": HALVES[0]}, pair(HALVES)),
        ({"angles": ANGLES}, {"freqs_cis": np.exp(1j * ANGLES).astype(np.complex64)}),
        ({"freqs_cis": np.exp(1j * ANGLES)}, pair(HALVES)),
        ({"freqs_cis": np.exp(1j * ANGLES)}, {"angles": TURNS}),
        (pair(ANGLES), pair(HALVES, "rope.cos", "rope.sin")),
        (pair(ANGLES), {"angles": ANGLES}),
    ],
)
def test_what_turns_by_the_same_is_the_same(port, reference):
    """Whatever else is handed beside it, in whatever form, repeated or not."""
    found = same_turns({"x": OTHER, **port}, {"x": OTHER, **reference})
    assert found is not None
    assert set(found.port) == set(port)
    assert set(found.reference) == set(reference)
    assert found.error < 1e-6


@pytest.mark.parametrize(
    ("port", "reference"),
    [
        ({"angles": 1.1 * ANGLES}, pair(HALVES)),
        ({"angles": -ANGLES}, pair(HALVES)),
        (pair(ANGLES, "sin", "cos"), {"angles": ANGLES}),  # handed the other way round
        (pair(ANGLES, "a", "b"), {"angles": ANGLES}),  # nothing says which is which
        (pair(ANGLES), pair(HALVES, "a", "b")),
        (pair(ANGLES, "sin", "cos"), pair(HALVES)),
        ({"angles": TURNS}, pair(HALVES)),  # whoever turns halves by these turns otherwise
        ({"angles": ANGLES + 20001}, pair(HALVES + 20000)),
        ({"scale": np.zeros(1, np.float32)}, {"one": np.ones(1), "none": np.zeros(1)}),
        ({"x": OTHER}, {"y": OTHER}),
        ({}, pair(HALVES)),
    ],
)
def test_what_turns_otherwise_or_may_is_not(port, reference):
    """Nor is what says nothing."""
    assert same_turns(port, reference) is None


def test_a_slightly_wrong_angle_is_off() -> None:
    """Of a large angle no more than float32 rounds is no error."""
    found = same_turns({"angles": ANGLES * np.float32(1 + 1e-4)}, pair(HALVES))
    assert found is not None
    assert found.error > 6e-5
    large = np.float32(4000) + ANGLES
    rounded = same_turns({"angles": large}, pair(np.concatenate([large, large], -1)[None].astype(np.float64) + 2e-4))
    assert rounded is not None
    assert rounded.error < 2e-5
