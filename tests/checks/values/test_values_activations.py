"""Another activation, none, one too many."""

import itertools

import numpy as np
import pytest
import torch
from evidences import evidence, nearly, noise
from torch.nn import functional

from bisect_tool.checks.values import activations
from bisect_tool.checks.values.checks import describe
from bisect_tool.checks.values.functions import ACTIVATIONS

INPUT = 3 * noise(seed=1)
TORCH = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "silu": functional.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "gelu's tanh approximation": lambda x: functional.gelu(x, approximate="tanh"),
    "leaky_relu with slope 0.01": functional.leaky_relu,
    "leaky_relu with slope 0.1": lambda x: functional.leaky_relu(x, 0.1),
    "leaky_relu with slope 0.2": lambda x: functional.leaky_relu(x, 0.2),
    "elu": functional.elu,
    "selu": functional.selu,
    "mish": functional.mish,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "hardswish": functional.hardswish,
    "hardsigmoid": functional.hardsigmoid,
    "hardtanh": functional.hardtanh,
    "logsigmoid": functional.logsigmoid,
    "softmax over axis 1": lambda x: x.softmax(1),
    "softmax over axis 3": lambda x: x.softmax(3),
    "softmax over everything": lambda x: x.reshape(-1).softmax(0).reshape(x.shape),
    "log_softmax over axis 1": lambda x: x.log_softmax(1),
}


def of(name, array=INPUT):
    """Return torch's function of an array."""
    return TORCH[name](torch.from_numpy(array)).numpy()


@pytest.mark.parametrize("name", [name for name in TORCH if "softmax" not in name])
def test_functions_are_torchs(name):
    """The functions in numpy agree with torch's to the last digits."""
    assert np.abs(ACTIVATIONS[name](INPUT.astype(np.float64)) - of(name)).max() < 2e-6


@pytest.mark.parametrize(("ours", "theirs"), list(itertools.permutations(TORCH, 2))[::3])
def test_another_activation(ours, theirs):
    """Both are named, whichever they are."""
    words = activations.other_activation(evidence(of(ours), of(theirs), INPUT))
    assert words == f"is {ours} of its input, the reference {theirs}"


@pytest.mark.parametrize("name", TORCH)
def test_no_activation(name):
    """Without the activation the output is the input."""
    found = activations.other_activation(evidence(INPUT, of(name), INPUT))
    assert found == f"is its input, unchanged, the reference {name}"
    assert activations.other_activation(evidence(nearly(INPUT), of(name), INPUT)) is None


def test_an_activation_in_place_of_something_else():
    """What the reference computes need not be known, only what the port does."""
    words = activations.other_activation(evidence(of("relu"), noise(seed=5), INPUT, classes=("Attention", "ReLU")))
    assert words == "is relu of its input, the reference something else (Attention)"


def test_an_activation_with_noise_or_of_other_numbers():
    """Nothing is said unless it is exact."""
    assert activations.other_activation(evidence(nearly(of("relu")), of("silu"), INPUT)) is None
    assert activations.other_activation(evidence(of("relu", noise(seed=6)), of("silu"), INPUT)) is None
    assert activations.other_activation(evidence(of("relu"), of("silu"))) is None


def test_the_slope_of_the_settings():
    """A slope that is not usual is known from the settings."""
    theirs = functional.leaky_relu(torch.from_numpy(INPUT), 0.07).numpy()
    words = activations.other_activation(evidence(of("relu"), theirs, INPUT, negative_slope=0.07))
    assert words == "is relu of its input, the reference leaky_relu with slope 0.07"


@pytest.mark.parametrize("name", [name for name in TORCH if "everything" not in name])
def test_an_activation_left_out_inside_a_block(name):
    """A block whose last step is missing is told by what the reference is of it."""
    before = 4 * noise(seed=4)
    words = activations.activation_missing(evidence(before, of(name, before), INPUT))
    assert words == f"has no {name} applied: the reference is the {name} of it"
    assert activations.activation_missing(evidence(nearly(before), of(name, before))) is None


@pytest.mark.parametrize(
    ("name", "first", "words"),
    [
        ("sigmoid", "sigmoid", "is the sigmoid of the reference's: applied twice"),
        ("softmax over axis 1", "softmax over axis 1", "is the softmax over axis 1 of the reference's: applied twice"),
        ("relu", "tanh", "is the relu of the reference's: applied where the reference does not"),
    ],
)
def test_an_activation_too_many(name, first, words):
    """What is applied to the reference's output once more is named."""
    expected = of(first)
    assert activations.activation_extra(evidence(of(name, expected), expected)) == words
    assert activations.activation_extra(evidence(nearly(of(name, expected)), expected)) is None


def test_a_square_root_left_out():
    """Other functions of one tensor are known too."""
    expected = np.abs(INPUT) + 0.1
    assert describe(evidence(expected**2, expected)) == [
        "has no square root applied: the reference is the square root of it"
    ]
    assert describe(evidence(np.log(expected), expected)) == ["has no exp applied: the reference is the exp of it"]


def test_jittors_softmax():
    """Without an axis it goes over everything."""
    value, expected = of("softmax over everything"), of("softmax over axis 1")
    words = activations.other_activation(evidence(value, expected, INPUT, framework="jittor"))
    assert words.endswith(
        "the reference softmax over axis 1: Jittor's softmax goes over everything where no dim is given"
    )
