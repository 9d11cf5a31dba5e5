"""Sentences for one tensor: the most specific one, none for what is right or merely different."""

import time

import numpy as np
import pytest
import torch
from evidences import evidence, noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bisect_tool.checks.values.checks import CHECKS, describe

EXPECTED, INPUT = noise(seed=2), noise(seed=1)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=7)
KINDS = [np.float32, np.float64, np.float16, np.int64, np.int32, np.uint8, np.bool_]
CONTEXTS = [
    {},
    {"classes": ("BatchNorm2d", "BatchNorm"), "eps": 1e-5},
    {"classes": ("GroupNorm", "GroupNorm"), "eps": 1e-5, "num_groups": 3},
    {"classes": ("LayerNorm", "LayerNorm"), "eps": 1e-5},
    {"kernel_size": [3, 3], "stride": 2, "padding": 1, "bias": True},
    {"kernel_size": "same", "stride": None, "padding": "valid", "scale_factor": 2.0, "negative_slope": 0.1},
    {"eps": None, "num_groups": 0, "num_heads": 0, "kernel_size": [1, 2, 3], "scale_factor": [0, "x"]},
]
ANY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def some_arrays(draw, shape):
    """Draw an array of any kind and of any numbers."""
    dtype = draw(st.sampled_from(KINDS))
    return draw(arrays.arrays(dtype, shape))


@st.composite
def evidences(draw):
    """Draw two tensors, mostly of one shape, with inputs of any."""
    shape = draw(SHAPES)
    value, expected = some_arrays(draw, shape), some_arrays(draw, draw(st.sampled_from([shape, shape, draw(SHAPES)])))
    given_ = [some_arrays(draw, draw(st.sampled_from([shape, draw(SHAPES)]))) for _ in range(draw(st.integers(0, 2)))]
    return evidence(value, expected, *given_, **draw(st.sampled_from(CONTEXTS)))


@ANY
@given(evidences())
def test_no_check_raises(drawn):
    """Whatever the numbers, shapes, kinds and settings."""
    for check in CHECKS:
        assert check(drawn) is None or isinstance(check(drawn), str)
    assert len(describe(drawn)) <= 2


@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 3), (3, 0, 2), (1, 1, 1, 1), (2, 3, 1, 1), (1, 1, 1, 1, 1, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, np.complex64, "U3", "datetime64[s]"])
def test_no_check_raises_on_odd_shapes(shape, dtype):
    """Scalars, empty arrays, and what is no number."""
    value, expected = np.zeros(shape, dtype), np.zeros(shape, dtype)
    if expected.size and dtype not in ("U3", "datetime64[s]"):
        expected.reshape(-1)[0] = 1
    for other in (expected, expected[None], np.zeros(5)):
        for check in CHECKS:
            check(evidence(value, other, value, other, kernel_size=3))


@ANY
@given(arrays.array_shapes(min_dims=1, max_dims=5, max_side=8), st.integers(0, 2**31), st.sampled_from(CONTEXTS))
def test_unrelated_numbers_are_not_explained(shape, seed, context):
    """Random numbers have no reason."""
    value, expected, other = (noise(*shape, seed=seed + n) for n in range(3))
    assert describe(evidence(value, expected, other, **context)) == []
    assert describe(evidence(np.abs(value), expected, other, **context)) == []


@ANY
@given(arrays.array_shapes(min_dims=1, max_dims=5, max_side=8), st.integers(0, 2**31), st.sampled_from(CONTEXTS))
def test_unrelated_small_differences_are_not_explained(shape, seed, context):
    """Nor have small random differences."""
    expected, off, other = (noise(*shape, seed=seed + n) for n in range(3))
    for size in (0.1, 1e-3):
        assert [
            w for w in describe(evidence(expected * (1 + size * off), expected, other, **context)) if "only" not in w
        ] == []


@ANY
@given(arrays.array_shapes(min_dims=0, max_dims=5, max_side=8), st.integers(0, 2**31), st.sampled_from(CONTEXTS))
def test_right_values_have_no_finding(shape, seed, context):
    """Equal values, and values that are off by rounding."""
    expected, off, other = (np.asarray(np.random.default_rng(seed + n).standard_normal(shape)) for n in range(3))
    assert describe(evidence(expected, expected, other, **context)) == []
    assert describe(evidence(expected * (1 + 1e-6 * off), expected, other, **context)) == []


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_other_labels_are_not_explained(dtype):
    """Whole numbers and booleans at random."""
    value, expected = (np.random.default_rng(seed).integers(0, 10, (4, 100)) for seed in (1, 2))
    assert describe(evidence((value > 4).astype(dtype), (expected > 4).astype(dtype))) == []
    assert describe(evidence(value, expected)) == []


def test_truths_flipped():
    """A mask has an order too."""
    assert describe(evidence(EXPECTED[..., ::-1] > 0, EXPECTED > 0)) == [
        "is the reference's flipped along axis 3 (columns reversed)"
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0 * EXPECTED, ["is all zero, reference has mean -0.01 and standard deviation 1"]),
        (4 * EXPECTED, ["is 4 times the reference's, which is the batch size (a sum for a mean?)"]),
        (EXPECTED[:, ::-1], ["has the channels in another order: reversed"]),
        (-EXPECTED, ["has the sign flipped, is otherwise the reference's"]),
    ],
)
def test_the_most_specific_is_said_alone(value, words):
    """What follows from it is left out."""
    assert describe(evidence(value, EXPECTED, INPUT)) == words


def test_the_only_wrong_part_is_explained():
    """Where, and then what."""
    value = EXPECTED.copy()
    value[:, 3] *= 2.5
    assert describe(evidence(value, EXPECTED)) == [
        "is wrong only in channel 3 of 8, all else is right",
        "there it is 2.5 times the reference's, to within 1e-07",
    ]


def test_infinity_on_both_sides_is_left_out():
    """Masked places do not hide what is wrong elsewhere."""
    expected = np.where(noise(seed=5) > 1, -np.inf, EXPECTED)
    assert describe(evidence(2.5 * expected, expected)) == ["is 2.5 times the reference's, to within 1e-07"]


def test_a_layer_by_torch():
    """A convolution without its bias, with rounding of its own."""
    layer = torch.nn.Conv2d(8, 16, 3)
    expected = layer(torch.from_numpy(INPUT)).detach().numpy()
    without = torch.nn.functional.conv2d(torch.from_numpy(INPUT).double(), layer.weight.double()).detach().numpy()
    (words,) = describe(evidence(without.astype(np.float32), expected, INPUT, in_channels=8))
    assert words.startswith("is in every channel the reference's plus a constant of its own (")


@pytest.mark.parametrize("factor", [1.01, None])
def test_large_tensors_take_a_few_seconds(factor):
    """Explained or not."""
    expected = noise(4, 64, 160, 160)
    value = noise(4, 64, 160, 160, seed=3) if factor is None else expected * np.float32(factor)
    start = time.monotonic()
    assert bool(describe(evidence(value, expected, expected[:, ::-1], **CONTEXTS[1]))) == (factor is not None)
    assert time.monotonic() - start < 10


def with_part(index, fill):
    """Return the reference's values with some overwritten."""
    value = EXPECTED.copy()
    value[index] = fill
    return value


@pytest.mark.parametrize(
    "value",
    [
        with_part(np.s_[0, 3, 1, 2], np.nan),
        with_part(np.s_[:, 5:], 0),
        with_part(np.s_[0, 0, 0, 0], 9),
        0.5 + 0 * EXPECTED,
        EXPECTED.mean((2, 3), keepdims=True) + 0 * EXPECTED,
        EXPECTED + np.arange(8, dtype=np.float32)[:, None, None],
        EXPECTED * np.arange(1, 9, dtype=np.float32)[:, None, None],
        EXPECTED[:, [5] * 8],
        EXPECTED.transpose(0, 1, 3, 2),
        EXPECTED.transpose(0, 2, 3, 1),
        EXPECTED[:, :6],
        np.tanh(EXPECTED),
        EXPECTED - INPUT,
        np.clip(EXPECTED, -1, 1),
    ],
)
def test_what_is_said_follows_the_name_of_the_values(value):
    """It is a verb with what belongs to it, whatever the check."""
    (first, *rest) = describe(evidence(value, EXPECTED, INPUT))
    assert first.split()[0] in ("is", "has", "lacks")
    assert all(words.split()[0] in ("is", "has", "lacks", "there") for words in rest)
