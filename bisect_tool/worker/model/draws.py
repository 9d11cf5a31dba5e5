"""Random numbers that a step draws: boundaries like the batch, recorded in one run and given in every other.

A draw belongs to the call whose own code draws, or to ``step``; there it is known by its law and by its number among those of
that law. It is given where the laws, their parameters and the shapes are the same on both sides.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from ..adapters.adapter import Adapter
from ..adapters.drawing import Function, Law
from ..arrays import Array, measure
from . import calls
from .sources import own_modules

STEP = "step"  # where a draw is that no call makes
SAME = 1e-3  # relative; how far parameters that were computed may be off
Recorded = Dict[str, Any]  # "law", "parameters" (numbers, or keys of arrays), "value" (a key)
Read = Callable[[str], Array]


class Place(NamedTuple):
    """Where a draw is: in which call, by the name of its law, and its number among those of that law there."""

    site: str
    law: str
    number: int


class Draws:
    """What becomes of the draws of a step: here nothing. ``gives`` tells whether other values take their place."""

    gives = False

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self._numbers: Dict[str, int] = {}  # of the draws of step itself, by law

    @contextlib.contextmanager
    def seen(self) -> Iterator[None]:
        """See every draw of the user's own code while the block runs."""
        self._numbers = {}
        self.begin()
        inside = [False]  # one that draws by another function is one draw
        replaced: Dict[
            int, Tuple[Any, Function]
        ] = {}  # id of a function -> it, which keeps its id its own, and what sees it
        undo: List[Tuple[Any, str, Any]] = []
        try:
            for owner, name, seen in self.adapter.drawings():
                original = getattr(owner, name)
                function = self._outermost(original, seen(original, self._drawn), inside)
                replaced[id(original)] = (original, function)
                undo.append((owner, name, vars(owner).get(name)))
                setattr(owner, name, function)
            for module, name in _imported(replaced):
                undo.append((module, name, vars(module)[name]))
                setattr(module, name, replaced[id(vars(module)[name])][1])
            yield
        finally:
            for owner, name, before in reversed(undo):
                if before is None:
                    delattr(owner, name)
                else:
                    setattr(owner, name, before)

    def _outermost(self, original: Function, seen: Function, inside: List[bool]) -> Function:
        def draw(*args: Any, **kwargs: Any) -> Any:
            if inside[0] or not calls.in_own_code() or self.adapter.in_transform():
                return original(*args, **kwargs)
            inside[0] = True
            try:
                return seen(*args, **kwargs)
            finally:
                inside[0] = False

        with contextlib.suppress(AttributeError, TypeError):
            functools.update_wrapper(draw, original)
        return draw

    def begin(self) -> None:
        """Begin a run."""

    def reading(self) -> Dict[str, Any]:
        """Return what a reading says of the draws of a run: how many were ``given`` by call, and those that were not (``kept``)."""
        return {"given": {}, "kept": []}

    def piece(self, call: Optional[calls.Call]) -> Optional[calls.Call]:
        """Return the call that a draw in a call counts as one of."""
        return call

    def answer(self, place: Place, parameters: Sequence[Any], value: Any) -> Optional[Array]:
        """Return what takes the place of a draw, None where it stays."""

    def _drawn(self, law: Law, value: Any) -> Any:
        call = self.piece(calls.running())
        numbers = self._numbers if call is None else call.drawn
        number = numbers.get(law[0], 0)
        numbers[law[0]] = number + 1
        place = Place(STEP if call is None else call.site, law[0], number)
        array = self.answer(place, [parameter(self.adapter, one) for one in law[1]], value)
        return value if array is None else as_own(self.adapter, array, value)


class Recording(Draws):
    """Note every draw; ``found`` is what the manifest says of them, in order. ``add(array)`` keeps an array and returns its key."""

    def __init__(self, adapter: Adapter, add: Callable[[Array], str]) -> None:
        super().__init__(adapter)
        self.found: List[Dict[str, Any]] = []
        self._add = add

    def answer(self, place: Place, parameters: Sequence[Any], value: Any) -> Optional[Array]:
        """Note one draw."""
        kept = [self._add(one) if isinstance(one, np.ndarray) else one for one in parameters]
        drawn = self._add(to_array(self.adapter, value))
        self.found.append({"site": place.site, "law": place.law, "parameters": kept, "value": drawn})
        return None

    def by_site(self) -> Dict[str, List[Recorded]]:
        """Return what was drawn by the call that drew it."""
        found: Dict[str, List[Recorded]] = {}
        for entry in self.found:
            found.setdefault(entry["site"], []).append(entry)
        return found


class Giving(Draws):
    """Give recorded draws, ``{call: [draw, ...]}``, wherever the same is drawn.

    ``read(key)`` returns a recorded array. ``paired`` are the calls that the other side makes too: a draw in another one counts as
    one of the call around it; None: all. What is kept is said with what the recorded run drew there, in words.
    """

    gives = True

    def __init__(
        self,
        adapter: Adapter,
        recorded: Mapping[str, Sequence[Recorded]],
        read: Read,
        paired: Optional[Collection[str]] = None,
    ) -> None:
        super().__init__(adapter)
        self._recorded = recorded
        self._read = read
        self._paired = paired
        self.begin()

    def begin(self) -> None:
        """Forget the run before."""
        self._given: Dict[Place, bool] = {}
        self._kept: Dict[Place, str] = {}  # in words

    def reading(self) -> Dict[str, Any]:
        """Return how many draws were given and which were not."""
        given: Dict[str, int] = {}
        for site, _, _ in self._given:
            given[site] = given.get(site, 0) + 1
        instead = self._instead()
        kept = [
            {"site": place.site, "law": place.law, "own": own, "recorded": instead.get(place)}
            for place, own in self._kept.items()
        ]
        return {"given": given, "kept": kept}

    def _instead(self) -> Dict[Place, str]:
        """Say what the other side drew in place of what was kept: by law and number, else the next that nothing else has."""
        left = {place: entry for place, entry in self._places() if place not in self._given}
        found = {place: left.pop(place) for place in self._kept if place in left}
        for place in self._kept:
            other = next((one for one in left if one.site == place.site and place not in found), None)
            if other is not None:
                found[place] = left.pop(other)
        return {place: self._said(entry) for place, entry in found.items()}

    def _places(self) -> Iterator[Tuple[Place, Recorded]]:
        """Yield what the other side drew in the calls where something was kept, in order, and where it was."""
        for site in dict.fromkeys(place.site for place in self._kept):
            numbers: Dict[str, int] = {}
            for entry in self._recorded.get(site, ()):
                number = numbers.get(entry["law"], 0)
                numbers[entry["law"]] = number + 1
                yield Place(site, entry["law"], number), entry

    def piece(self, call: Optional[calls.Call]) -> Optional[calls.Call]:
        """Return the innermost call that the other side makes too."""
        while call is not None and self._paired is not None and call.site not in self._paired:
            call = call.parent
        return call

    def answer(self, place: Place, parameters: Sequence[Any], value: Any) -> Optional[Array]:
        """Give what the other side drew, where that was drawn by the same law."""
        alike = [entry for entry in self._recorded.get(place.site, ()) if entry["law"] == place.law][place.number :]
        array = self._fitting(alike[0], parameters, value) if alike else None
        if array is not None:
            self._given[place] = True
            return array
        self._kept[place] = said(place.law, parameters, tuple(np.shape(value)))
        self.adapter.sync([value] if self.adapter.is_tensor(value) else [])
        return None

    def _fitting(self, recorded: Recorded, parameters: Sequence[Any], value: Any) -> Optional[Array]:
        known = self._parameters(recorded)
        if len(known) != len(parameters) or not all(map(_same, parameters, known)):
            return None
        array = self._read(recorded["value"])
        shape = tuple(np.shape(value))
        fits = array.shape == shape or array.size == int(np.prod(shape)) == 1
        return array.reshape(shape) if fits else None

    def _parameters(self, recorded: Recorded) -> List[Any]:
        return [self._read(one) if isinstance(one, str) else one for one in recorded["parameters"]]

    def _said(self, recorded: Recorded) -> str:
        return said(recorded["law"], self._parameters(recorded), self._read(recorded["value"]).shape)


@functools.lru_cache(maxsize=1)
def _own_modules(_loaded: int) -> List[Any]:
    """Return the modules of the user's own, looked for again where more are ``_loaded``: that takes some milliseconds."""
    return [module for _, module in own_modules()]


def _imported(functions: Collection[int]) -> List[Tuple[Any, str]]:
    """Return where modules of the user's hold some functions by a name of their own (``from torch import rand``)."""
    names = [(module, name) for module in _own_modules(len(sys.modules)) for name in list(vars(module))]
    return [(module, name) for module, name in names if id(vars(module)[name]) in functions]


def parameter(adapter: Adapter, value: Any) -> Any:
    """Return a parameter of a law: a number where it is one, or the same one everywhere, else an array."""
    array = to_array(adapter, value)
    if array.size and bool((array == array.reshape(-1)[0]).all()):
        return float(array.reshape(-1)[0])
    return array


def _same(own: Any, recorded: Any) -> bool:
    if isinstance(own, np.ndarray) and isinstance(recorded, np.ndarray):
        error: float = measure.difference(own, recorded).get("error", np.inf)
        return error <= SAME
    if isinstance(own, np.ndarray) or isinstance(recorded, np.ndarray):
        return False
    return bool(np.isclose(own, recorded, rtol=1e-6, atol=0.0))


def said(law: str, parameters: Sequence[Any], shape: Tuple[int, ...]) -> str:
    """Say what is drawn: "uniform(0, 1) of shape [2, 16]"."""
    numbers = ["..." if isinstance(one, np.ndarray) else "%g" % one for one in parameters]
    return "%s(%s) of shape %s" % (law, ", ".join(numbers), list(shape))


def to_array(adapter: Adapter, value: Any) -> Array:
    """Return what was drawn, a tensor, an array or a number, as an array."""
    return adapter.to_numpy(value) if adapter.is_tensor(value) else np.array(value)


def as_own(adapter: Adapter, array: Array, own: Any) -> Any:
    """Return an array as the kind of value that was drawn. Raises ValueError where that does not hold its numbers."""
    if adapter.is_tensor(own):
        value = adapter.cast(adapter.from_numpy(array, like=own), adapter.dtype(own))
    elif isinstance(own, np.ndarray):
        value = array.astype(own.dtype)
    else:
        value = type(own)(array.reshape(-1)[0])
    held = to_array(adapter, value)
    expected = array.reshape(held.shape)
    rounded = held.dtype.kind == array.dtype.kind == "f"  # as any other value is there
    if not np.array_equal(held, expected.astype(held.dtype) if rounded else expected):
        raise ValueError("a random draw of the reference does not survive the conversion to %s" % held.dtype)
    return value
