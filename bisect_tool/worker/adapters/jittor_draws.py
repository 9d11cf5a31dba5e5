"""Jittor's functions that draw random numbers."""

from __future__ import annotations

from typing import Any, Dict, List

from .adapter import Tensor
from .drawing import Drawing, Law, LawOf, around, below, between, in_place, normal, plain_drawings, returned, uniform


def drawings() -> List[Drawing]:
    """Return the functions that draw random numbers.

    Not seen: numpy's generators. What dropout draws is seen as the uniform numbers that Jittor makes its mask of.
    """
    import jittor

    found = [Drawing(jittor, name, returned(law)) for name, law in RETURNED.items()]
    found += [Drawing(jittor.init, name, returned(law)) for name, law in INITIAL.items()]
    found += [Drawing(jittor.Var, name, in_place(law, _put)) for name, law in IN_PLACE.items()]
    return [*found, *plain_drawings()]


def _put(tensor: Tensor, values: Tensor) -> Tensor:
    return tensor.assign(values)


def _random(_shape: Any, dtype: Any = "float32", type: str = "uniform") -> Law:
    return type, [0, 1]


def _like(_input: Tensor, low: Any, high: Any = None) -> Law:
    return below(low, high)


def _permutation(n: int, *_args: Any, **_kwargs: Any) -> Law:
    return "permutation", [n]


def _bernoulli(input: Tensor) -> Law:
    return "bernoulli", [input]


def _multinomial(weights: Tensor, num_samples: int, replacement: bool = False) -> Law:
    return "multinomial", [weights, num_samples, replacement]


def _between(_shape: Any, dtype: Any = "float32", low: Any = 0, high: Any = 1) -> Law:
    return between(low, high)


def _around(_shape: Any, dtype: Any = "float32", mean: Any = 0, std: Any = 1) -> Law:
    return around(mean, std)


def _between_in_place(_tensor: Tensor, low: Any = 0, high: Any = 1) -> Law:
    return between(low, high)


RETURNED: Dict[str, LawOf] = {
    "random": _random,
    "rand": uniform,
    "rand_like": uniform,
    "randn": normal,
    "randn_like": normal,
    "randint": below,
    "randint_like": _like,
    "randperm": _permutation,
    "bernoulli": _bernoulli,
    "multinomial": _multinomial,
    "normal": around,
}
INITIAL: Dict[str, LawOf] = {"uniform": _between, "gauss": _around}  # Var.normal_ calls them
IN_PLACE: Dict[str, LawOf] = {"random_": uniform, "uniform_": _between_in_place}
