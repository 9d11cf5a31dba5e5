"""Normalisation done otherwise."""

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise
from torch.nn import functional

from bisect_tool.checks.values import norms
from bisect_tool.checks.values.checks import describe

INPUT = 0.1 * noise(seed=1) * np.linspace(0.5, 2, 8, dtype=np.float32)[:, None, None] + 0.05
WEIGHT, BIAS = noise(8, seed=3), noise(8, seed=4)
BATCH = {"classes": ("BatchNorm2d", "BatchNorm"), "eps": 1e-5}
LAYER = {"classes": ("LayerNorm", "LayerNorm"), "eps": 1e-5}
TOKENS = 0.1 * noise(3, 20, 8, seed=5)
COUNT = INPUT.size // 8
ZERO, ONE = torch.zeros(8), torch.ones(8)


def batch_norm(given=INPUT, weight=WEIGHT, bias=BIAS, eps=1e-5):
    """Return torch's batch norm in train mode."""
    weight, bias = (torch.from_numpy(array) for array in (weight, bias))
    return functional.batch_norm(torch.from_numpy(given), None, None, weight, bias, training=True, eps=eps).numpy()


def with_statistics(mean, variance, given=INPUT, eps=1e-5):
    """Return batch norm with statistics of one's own."""
    weight, bias = (array.reshape(1, 8, 1, 1) for array in (WEIGHT, BIAS))
    return ((given - mean) / np.sqrt(variance + eps) * weight + bias).astype(np.float32)


def unbiased():
    """Return batch norm that divides the variance by n - 1."""
    axes = (0, 2, 3)
    return with_statistics(INPUT.mean(axes, keepdims=True), INPUT.var(axes, keepdims=True, ddof=1))


def layer_norm(eps=1e-5):
    """Return torch's layer norm."""
    weight, bias = (torch.from_numpy(array) for array in (WEIGHT, BIAS))
    return functional.layer_norm(torch.from_numpy(TOKENS), (8,), weight, bias, eps).numpy()


def group_norm(groups):
    """Return torch's group norm."""
    weight, bias = (torch.from_numpy(array) for array in (WEIGHT, BIAS))
    return functional.group_norm(torch.from_numpy(INPUT), groups, weight, bias).numpy()


def centred():
    """Return batch norm without the division."""
    mean = INPUT.mean((0, 2, 3), keepdims=True)
    return with_statistics(mean, np.float32(1), eps=0)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (batch_norm(eps=1e-3), "is normalised with eps 0.001, the reference with 1e-05"),
        (batch_norm(eps=3.3e-3), "is normalised with eps 0.0033, the reference with 1e-05"),
        (unbiased(), f"is normalised with the variance divided by n - 1, the reference by n = {COUNT}"),
        (batch_norm(bias=0 * BIAS), "has no bias added after normalising"),
        (batch_norm(weight=0 * WEIGHT + 1), "has no weight applied after normalising"),
        (batch_norm(weight=0 * WEIGHT + 1, bias=0 * BIAS), "has no weight and no bias applied after normalising"),
        (
            with_statistics(0, 1),
            "is normalised with running statistics still at 0 and 1, the reference with the batch's",
        ),
        (centred(), "has the mean subtracted but is not divided"),
        (group_norm(8), "is normalised as instance norm, the reference as batch norm"),
        (group_norm(1), "is normalised as one group of all channels, the reference as batch norm"),
        (group_norm(4), "is normalised as group norm with 4 groups, the reference as batch norm"),
    ],
)
def test_batch_norm(value, words):
    """What the port does otherwise is named; with noise, or for other numbers, nothing is said."""
    assert norms.normalised_otherwise(evidence(value, batch_norm(), INPUT, **BATCH)).startswith(words)
    assert norms.normalised_otherwise(evidence(nearly(value), batch_norm(), INPUT, **BATCH)) is None
    assert norms.normalised_otherwise(evidence(value, batch_norm(), noise(seed=7), **BATCH)) is None


def test_layer_norm():
    """Layer norm's eps is found too, from other axes."""
    words = norms.normalised_otherwise(evidence(layer_norm(1e-3), layer_norm(), TOKENS, **LAYER))
    assert words == "is normalised with eps 0.001, the reference with 1e-05"
    words = norms.normalised_otherwise(evidence(layer_norm(2e-3), layer_norm(), TOKENS, **LAYER))
    assert words == "is normalised with eps 0.002, the reference with 1e-05"


def test_group_norm():
    """The number of groups is found."""
    settings = {"classes": ("GroupNorm", "GroupNorm"), "eps": 1e-5, "num_groups": 2}
    words = norms.normalised_otherwise(evidence(group_norm(4), group_norm(2), INPUT, **settings))
    assert words == "is normalised as group norm with 4 groups, the reference as group norm with 2 groups"


def test_two_numbers_for_each_channel():
    """Weight and bias fit any two numbers."""
    value, expected, given = (noise(2, 7, seed=seed) for seed in (1, 2, 3))
    assert norms.normalised_otherwise(evidence(value - value.mean(0), expected, given, **BATCH)) is None


def test_the_other_variance_without_inputs():
    """The ratio around the mean is enough where n is small."""
    words = norms.unbiased(evidence(unbiased(), batch_norm(), **BATCH))
    assert f"the root of (n - 1) / n for n = {COUNT}: it divides the variance by n - 1, the reference by n" in words
    words = norms.unbiased(evidence(batch_norm(), unbiased(), **BATCH))
    assert f"the root of n / (n - 1) for n = {COUNT}: it divides the variance by n, the reference by n - 1" in words


@pytest.mark.parametrize(
    "value", [nearly(unbiased(), 1e-4), 1.01 * batch_norm(), batch_norm() + BIAS.reshape(1, 8, 1, 1), noise(seed=8)]
)
def test_what_is_not_the_other_variance(value):
    """Noise, another factor, another bias and other numbers."""
    assert norms.unbiased(evidence(value, batch_norm(), **BATCH)) is None


def test_a_factor_of_another_layer():
    """Only a normalisation has a variance."""
    assert norms.unbiased(evidence(unbiased(), batch_norm())) is None


def test_running_statistics():
    """Right after initialisation, a batch's own statistics leave mean 0 and standard deviation 1."""
    standard = batch_norm(weight=0 * WEIGHT + 1, bias=0 * BIAS)
    running = (INPUT - 0.1) / np.sqrt(np.float32(0.02))
    words = norms.running_statistics(evidence(running, standard, INPUT, **BATCH))
    assert words.startswith(
        "is normalised with other statistics (running ones?), the reference with the batch's own (cha"
    )
    words = norms.running_statistics(evidence(standard, running, INPUT, **BATCH))
    assert words.startswith("is normalised with the batch's own statistics, the reference with others (running ones?)")
    assert norms.running_statistics(evidence(noise(seed=8), standard, INPUT, **BATCH)) is None
    assert norms.running_statistics(evidence(running, running * 2, INPUT, **BATCH)) is None


def test_eval_mode_is_not_taken_for_train_mode():
    """Running statistics with another bias are just that."""
    expected = with_statistics(np.float32(0.1), np.float32(0.02))
    value = expected + noise(1, 8, 1, 1, seed=6)
    assert describe(evidence(value, expected, INPUT, **BATCH))[0].startswith(
        "is in every channel the reference's plus a"
    )


def test_fresh_running_statistics_on_values_that_are_nearly_normal():
    """An input of mean 0 and standard deviation 1 is nearly unchanged, but that is not what is wrong."""
    standard = batch_norm(weight=0 * WEIGHT + 1, bias=0 * BIAS)
    (words,) = describe(evidence(INPUT / np.sqrt(np.float32(1 + 1e-5)), standard, INPUT, **BATCH))
    assert words.startswith("is normalised with running statistics still at 0 and 1")


def test_the_batchs_statistics_for_running_ones():
    """Without a weight and a bias both mean the same, and both are said."""
    standard = batch_norm(weight=0 * WEIGHT + 1, bias=0 * BIAS)
    expected = with_statistics(np.float32(0.1), np.float32(0.02))
    (words,) = describe(evidence(standard, expected, INPUT, **BATCH))
    assert words == (
        "has no weight and no bias applied after normalising, or the batch's own statistics for running ones"
    )


@pytest.mark.parametrize("scale", [1, 3, 10, 30])
@pytest.mark.parametrize("own", [1e-6, 1e-5, 1e-4, 2e-4, 1e-2])
def test_no_eps_is_named_beside_the_port_s_own(scale, own):
    """With large variances one small eps is as good as another: then a range is said that has the port's in it."""
    given = scale * INPUT
    settings = {"classes": BATCH["classes"], "eps": 1e-3}
    words = norms.normalised_otherwise(
        evidence(batch_norm(given, eps=own), batch_norm(given, eps=1e-3), given, **settings)
    )
    if words is None:
        assert scale == 30  # too little is left of so small a difference
        return
    said = words.removeprefix("is normalised with ").removesuffix(", the reference with 0.001")
    if said.startswith("an eps of at most "):
        assert own <= float(said.removeprefix("an eps of at most "))
    elif said.startswith("an eps of "):
        low, high = map(float, said.removeprefix("an eps of ").split(" to "))
        assert low <= own <= high
    else:
        assert float(said.removeprefix("eps ")) == pytest.approx(own, rel=0.02)
