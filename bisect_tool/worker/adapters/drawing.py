"""Functions that draw random numbers: by which law, and how what they draw can be replaced. Those of Python and numpy are here.

A *law* is a name ("uniform", "normal", "integers", "permutation", "bernoulli", ...) and its parameters: frameworks that name their
functions differently draw by the same laws.
"""

from __future__ import annotations

import random
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

Law = Tuple[str, Sequence[Any]]  # its name, and its parameters: numbers or tensors
Drawn = Callable[[Law, Any], Any]  # a law and what was drawn by it -> what takes its place
LawOf = Callable[..., Optional[Law]]  # of a function's own arguments; None where they make it draw nothing
Function = Callable[..., Any]


class Drawing(NamedTuple):
    """A function that draws: the attribute ``name`` of ``owner``. ``seen(original, drawn)`` returns what is called instead."""

    owner: Any
    name: str
    seen: Callable[[Function, Drawn], Function]


def returned(law: LawOf) -> Callable[[Function, Drawn], Function]:
    """Tell how to see a function that returns what it draws."""

    def seen(original: Function, drawn: Drawn) -> Function:
        def draw(*args: Any, **kwargs: Any) -> Any:
            by, value = law(*args, **kwargs), original(*args, **kwargs)
            return value if by is None else drawn(by, value)

        return draw

    return seen


def in_place(law: LawOf, put: Callable[[Any, Any], Any]) -> Callable[[Function, Drawn], Function]:
    """Tell how to see a method that fills its tensor; ``put(tensor, values)`` fills it with others."""

    def seen(original: Function, drawn: Drawn) -> Function:
        def draw(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            by, value = law(tensor, *args, **kwargs), original(tensor, *args, **kwargs)
            other = value if by is None else drawn(by, value)
            return value if other is value else put(tensor, other)

        return draw

    return seen


def shuffled(order_of: Callable[[Function, int], Any], in_order: Callable[[Any, Any], Any]) -> Any:
    """Tell how to see a function that brings things into a random order: as one that draws the order.

    ``order_of(original, count)`` draws it, ``in_order(things, order)`` applies it.
    """

    def seen(original: Function, drawn: Drawn) -> Function:
        def draw(things: Any) -> Any:
            count = int(things) if isinstance(things, (int, np.integer)) else len(things)
            return in_order(things, drawn(("permutation", [count]), order_of(original, count)))

        return draw

    return seen


def uniform(*_args: Any, **_kwargs: Any) -> Law:
    """Return the law of a function that draws from [0, 1)."""
    return "uniform", [0, 1]


def normal(*_args: Any, **_kwargs: Any) -> Law:
    """Return the law of a function that draws standard normal numbers."""
    return "normal", [0, 1]


def between(low: Any = 0, high: Any = 1, *_args: Any, **_kwargs: Any) -> Law:
    """Return the law of a function that draws from an interval."""
    return "uniform", [low, high]


def around(mean: Any = 0, std: Any = 1, *_args: Any, **_kwargs: Any) -> Law:
    """Return the law of a function that draws normal numbers."""
    return "normal", [mean, std]


def below(low: Any, high: Any = None, *_args: Any, **_kwargs: Any) -> Law:
    """Return the law of a function that draws whole numbers less than ``high``, or than ``low`` where that is alone."""
    return "integers", [0, low] if high is None else [low, high]


def plain_drawings() -> List[Drawing]:
    """Return the functions of Python's ``random`` and of ``numpy.random`` that draw from the common state."""
    found = [Drawing(random, name, returned(law)) for name, law in PYTHON.items()]
    found += [Drawing(np.random, name, returned(law)) for name, law in NUMPY.items()]
    found.append(Drawing(random, "shuffle", shuffled(_order_of_list, _put_in_order)))
    found.append(Drawing(np.random, "shuffle", shuffled(_order_of_array, _put_in_order)))
    found.append(Drawing(np.random, "permutation", shuffled(_order_of_number, _taken_in_order)))
    return found


def _up_to(a: int, b: int) -> Law:
    return below(a, b + 1)


def _between_ab(a: float, b: float) -> Law:
    return between(a, b)


def _around_mu(mu: float = 0.0, sigma: float = 1.0) -> Law:
    return around(mu, sigma)


def _around_loc(loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Law:
    return around(loc, scale)


PYTHON: Dict[str, LawOf] = {
    "random": uniform,
    "uniform": _between_ab,
    "gauss": _around_mu,
    "normalvariate": _around_mu,
    "randint": _up_to,
    "randrange": below,
}
NUMPY: Dict[str, LawOf] = {
    "rand": uniform,
    "random": uniform,
    "random_sample": uniform,
    "ranf": uniform,
    "randn": normal,
    "standard_normal": normal,
    "uniform": between,
    "normal": _around_loc,
    "randint": below,
}


def _order_of_number(original: Function, count: int) -> Any:
    return original(count)


def _order_of_list(original: Function, count: int) -> Any:
    order = list(range(count))
    original(order)
    return np.array(order, np.int64)


def _order_of_array(original: Function, count: int) -> Any:
    order = np.arange(count)
    original(order)
    return order


def _put_in_order(things: Any, order: Any) -> None:
    things[:] = things[order] if isinstance(things, np.ndarray) else [things[index] for index in order]


def _taken_in_order(things: Any, order: Any) -> Any:
    return order if isinstance(things, (int, np.integer)) else np.asarray(things)[order]
