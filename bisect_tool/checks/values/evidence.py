"""What a finding about values rests on: the port's tensor beside the reference's, and what counts as explained."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bisect_tool.frameworks import Habit, known_framework

Array = npt.NDArray[Any]
SAMPLE = 4096  # places that a guess is tried on first
EXACT = 1 << 21  # up to here in float64; larger arrays keep their own precision, to save time and memory
LARGEST = 1e18  # squares of larger numbers overflow float32
SHARE = 1e-3  # of the standard deviation: a guess that is off by less explains the values
GAIN = 0.1  # a guess must leave no more than this of the error
SPREAD = 0.05  # of the standard deviation: what a fitted guess may leave, however large the mean is
EPS32 = 2.0**-22
LEAST_BITS = 24.0  # what a coincidence must be worth before it is no longer one


@dataclass(frozen=True)
class Numbers:
    """Two tensors that can be compared: of one shape, finite, and further apart than rounding.

    Attributes: ``value`` and ``expected`` as floating-point numbers, ``error`` (rms of their difference), ``floor``,
    ``bits`` (what it would take to get all places where they differ right by chance) and ``sample`` (indices of some
    places, all of them in small tensors).
    """

    value: Array
    expected: Array
    error: float
    floor: float
    bits: float
    sample: tuple[Array, ...]


@dataclass(frozen=True)
class Evidence:
    """One tensor that the port computed from the reference's inputs and weights, beside the reference's.

    Attributes: ``site``, ``value`` (the port's), ``expected`` (the reference's), ``inputs`` (what the reference's call
    was given), ``classes`` (the reference's and the port's class name), ``settings`` (the reference module's),
    ``framework`` (the port's), ``floor`` (the relative rms error that honest rounding explains here).
    """

    site: str
    value: Array
    expected: Array
    inputs: tuple[Array, ...] = ()
    classes: tuple[str, str] = ("", "")
    settings: Mapping[str, Any] = field(default_factory=dict)
    framework: str = ""
    floor: float = 1e-5

    def input_name(self, index: int) -> str:
        """Return what an input is called after 'the output': 'its input' where there is but one, 'input 2'."""
        return "its input" if len(self.inputs) == 1 else f"input {index}"

    def hint(self, habit: Habit) -> str:
        """Return what the port's framework is known to do here, to be put after a finding; nothing where it does not."""
        words = known_framework(self.framework).habits.get(habit)
        return f": {words}" if words else ""

    @functools.cached_property
    def numbers(self) -> Numbers | None:
        """Return both tensors as comparable numbers, or None where there is nothing to compare or to explain."""
        return compared(self.value, self.expected, self.floor)

    @functools.cached_property
    def same_shape_inputs(self) -> tuple[tuple[int, Array], ...]:
        """Return position and numbers of each input that has the output's shape."""
        found = ((index, as_floats(array)) for index, array in enumerate(self.inputs))
        return tuple((index, array) for index, array in found if array is not None and array.shape == self.value.shape)


# What it says follows the name of the values that are wrong: "is sigmoid of its input, the reference hardsigmoid".
Check = Callable[[Evidence], "str | None"]


def check(judge: Callable[[Evidence, Numbers], str | None]) -> Check:
    """Make a check of a function that is asked only where there are numbers to compare."""

    @functools.wraps(judge)
    def asked(evidence: Evidence) -> str | None:
        numbers = evidence.numbers
        if numbers is None:
            return None
        with np.errstate(all="ignore"):
            return judge(evidence, numbers)

    return asked


def rms(values: Array) -> float:
    """Return the root of the mean of the squares."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return float(np.sqrt(np.dot(flat, flat) / max(flat.size, 1)))


def relative(off: Array, values: Array) -> float:
    """Return the rms of one array as a share of another's."""
    size = rms(values)
    return rms(off) / size if size > 0 else np.inf


def as_floats(array: Array) -> Array | None:
    """Return the array as floating-point numbers, or None if it is empty or has none that can be computed with."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or not array.size:
        return None
    narrow = array.dtype in (np.float16, np.float32) and array.size > EXACT
    with np.errstate(all="ignore"):
        floats = array.astype(np.float32 if narrow else np.float64, copy=False)
        return floats if abs(float(floats.max())) < LARGEST and abs(float(floats.min())) < LARGEST else None


def allowed(numbers: Numbers, target: Array) -> float:
    """Return how far (rms) a guess of ``target``, one of the two tensors, may be off and still explain it."""
    rounding = 4 * numbers.floor * min(rms(numbers.value), rms(numbers.expected))
    return min(GAIN * numbers.error, max(SHARE * float(np.std(target)), rounding))


def explains(numbers: Numbers, guess: Array, *, expected: bool = False) -> bool:
    """Tell whether a guess of the port's values (or of the reference's) leaves nearly nothing unexplained."""
    target = numbers.expected if expected else numbers.value
    if guess.shape != target.shape:
        return False
    limit = allowed_sampled(numbers, target)
    if not rms(guess[numbers.sample] - target[numbers.sample]) <= 5 * limit:
        return False
    return rms(guess - target) <= allowed(numbers, target)


def follows(numbers: Numbers, guess: Array, spread: float) -> bool:
    """Tell whether a fitted guess explains the port's values and their spread too, not their mean alone."""
    return explains(numbers, guess) and rms(numbers.value - guess) <= max(SPREAD * spread, EPS32 * rms(numbers.value))


def allowed_sampled(numbers: Numbers, target: Array) -> float:
    """Return some twice of what ``allowed`` does, by the sampled places only."""
    some = target[numbers.sample]
    rounding = 4 * numbers.floor * max(rms(some), rms(numbers.expected[numbers.sample]))
    return min(GAIN * numbers.error, 2 * max(SHARE * float(np.std(some)), rounding))


def sure(numbers: Numbers) -> bool:
    """Tell whether chance is excluded as the reason why a guess without free parameters fits."""
    return numbers.bits >= LEAST_BITS


def shown(number: float) -> str:
    """Return a number with four digits: '2.003', '1e-05', '-0.5'."""
    return f"{number:.4g}"


def moments(values: Array) -> str:
    """Return 'mean 0.2 and standard deviation 0.61', or the number where there is one."""
    if values.size == 1:
        return shown(float(values.reshape(-1)[0]))
    mean, spread = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    return f"mean {mean:.2g} and standard deviation {spread:.2g}" if spread else f"{shown(mean)} everywhere"


@np.errstate(all="ignore")
def compared(value: Array, expected: Array, floor: float) -> Numbers | None:
    """Return two tensors as comparable numbers, or None where there is nothing to compare or to explain."""
    value, expected = np.asarray(value), np.asarray(expected)
    if value.shape != expected.shape or not value.size or {value.dtype.kind, expected.dtype.kind} - set("biuf"):
        return None
    finite = np.isfinite(value) & np.isfinite(expected)
    if not np.array_equal(value[~finite], expected[~finite], equal_nan=value.dtype.kind == "f"):
        return None
    if not finite.all():
        value, expected = np.where(finite, value, 0), np.where(finite, expected, 0)
    ours, theirs = as_floats(np.atleast_1d(value)), as_floats(np.atleast_1d(expected))
    if ours is None or theirs is None:
        return None
    if ours.dtype != theirs.dtype:
        ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    whole = value.dtype.kind != "f" and expected.dtype.kind != "f"
    difference = np.abs(ours - theirs)
    error, size = rms(difference), rms(theirs)
    if not error > (0 if whole else 3 * floor * size):
        return None
    sample = _sample(ours.shape)
    places = int(np.count_nonzero(difference > floor * size))
    return Numbers(ours, theirs, error, floor, places * _bits(ours[sample], theirs[sample], whole=whole), sample)


def _sample(shape: tuple[int, ...]) -> tuple[Array, ...]:
    size = int(np.prod(shape))
    few = size <= 2 * SAMPLE
    flat = np.arange(size) if few else np.sort(np.random.default_rng(0).integers(size, size=SAMPLE))
    return np.unravel_index(flat, shape)


def _bits(value: Array, expected: Array, *, whole: bool) -> float:
    """Return what one place is worth: a thousandth is 10 bits, but one of two levels is only 1."""
    levels = min(np.unique(value).size, np.unique(expected).size)
    if value.size == 1:
        return 4.0 if whole else 14.0
    return float(min(10.0, np.log2(max(levels, 1))))
