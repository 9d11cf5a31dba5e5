"""PyTorch's functions that draw random numbers."""

from __future__ import annotations

from typing import Any, Dict, List

from .adapter import Tensor
from .drawing import (
    Drawing,
    Drawn,
    Function,
    Law,
    LawOf,
    around,
    below,
    between,
    in_place,
    normal,
    plain_drawings,
    returned,
    uniform,
)

MASKS = ("dropout", "dropout1d", "dropout2d", "dropout3d")


def drawings() -> List[Drawing]:
    """Return the functions that draw random numbers.

    Not seen: numpy's generators, and what other operations draw inside (an LSTM's dropout, that of a fused attention).
    """
    import torch
    from torch.nn import functional

    found = [Drawing(torch, name, returned(law)) for name, law in RETURNED.items()]
    found += [Drawing(torch.Tensor, name, returned(RETURNED[name])) for name in ("bernoulli", "multinomial")]
    found += [Drawing(torch.Tensor, name, in_place(law, put)) for name, law in IN_PLACE.items()]
    found += [Drawing(functional, name, masked) for name in MASKS if hasattr(functional, name)]
    return [*found, Drawing(torch, "dropout", masked), *plain_drawings()]


def put(tensor: Tensor, values: Tensor) -> Tensor:
    """Fill a tensor with others' values, and return it."""
    import torch

    with torch.no_grad():
        return tensor.copy_(values)


def masked(original: Function, drawn: Drawn) -> Function:
    """See dropout: as its mask, which holds 0 or the factor of what is kept."""
    import torch

    def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False, **more: Any) -> Tensor:
        training = more.pop("train", training)  # as torch.dropout names it
        if not training or not p:
            return original(input, p, training)
        mask = drawn(("dropout", [p]), original(torch.ones_like(input.detach()), p, True))
        return input.mul_(mask) if inplace else input * mask

    return dropout


def _below(*args: Any, **kwargs: Any) -> Law:
    numbers = [kwargs.get("low"), kwargs.get("high")]
    given = [argument for argument in args if isinstance(argument, int)]
    known = [number for number in (*given, *numbers) if number is not None]
    return below(*known[:2])


def _like(_input: Tensor, *args: Any, **kwargs: Any) -> Law:
    return _below(*args, **kwargs)


def _permutation(n: int, **_kwargs: Any) -> Law:
    return "permutation", [n]


def _bernoulli(input: Tensor, p: Any = None, **_kwargs: Any) -> Law:
    return "bernoulli", [input if p is None else p]


def _multinomial(input: Tensor, num_samples: int, replacement: bool = False, **_kwargs: Any) -> Law:
    return "multinomial", [input, num_samples, replacement]


def _between(_tensor: Tensor, *args: Any, **kwargs: Any) -> Law:
    return between(*(args or (kwargs.get("from", 0),)), *([kwargs["to"]] if "to" in kwargs else ()))


def _around(_tensor: Tensor, mean: float = 0, std: float = 1, **_kwargs: Any) -> Law:
    return around(mean, std)


def _bernoulli_in_place(_tensor: Tensor, p: Any = 0.5, **_kwargs: Any) -> Law:
    return "bernoulli", [p]


def _random(_tensor: Tensor, *args: Any, **kwargs: Any) -> Law:
    known = [*args, *(kwargs[name] for name in ("from", "to") if kwargs.get(name) is not None)]
    return below(*known) if known else ("integers", [])


def _exponential(_tensor: Tensor, lambd: float = 1, **_kwargs: Any) -> Law:
    return "exponential", [lambd]


RETURNED: Dict[str, LawOf] = {
    "rand": uniform,
    "rand_like": uniform,
    "randn": normal,
    "randn_like": normal,
    "randint": _below,
    "randint_like": _like,
    "randperm": _permutation,
    "bernoulli": _bernoulli,
    "multinomial": _multinomial,
    "normal": around,
}
IN_PLACE: Dict[str, LawOf] = {
    "uniform_": _between,
    "normal_": _around,
    "bernoulli_": _bernoulli_in_place,
    "random_": _random,
    "exponential_": _exponential,
}
