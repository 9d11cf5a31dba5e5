"""What calls leave on their modules in one run: compared with what the reference's calls left there, and put right like an output."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple

from ..adapters.adapter import Module, Tensor
from ..arrays import trees
from ..model import attributes
from .between import PATH, Rows
from .boundaries import Part
from .comparing import arrays, tensors
from .given import Values
from .probe import Probe


class Left(NamedTuple):
    """The attributes that a call assigned, as the reference's did: their values, and the parts that have a partner."""

    values: Dict[str, Any]
    parts: List[Part]


class LeftOn:
    """The attributes that the calls of one run assign. Those of another name, or of other parts, are the port's own affair."""

    def __init__(self, probe: Probe, values: Values) -> None:
        self._probe = probe
        self._values = values
        self._sites = probe.reference.leaving

    def before(self, module: Module, site: str) -> Mapping[str, Any]:
        """Return what tells later what a call assigned."""
        return attributes.held(module) if site in self._sites else {}

    def left(self, module: Module, site: str, before: Mapping[str, Any]) -> Left:
        """Return what a call assigned, compared."""
        if site not in self._sites:
            return Left({}, [])
        wanted = _by_name(self._sites[site])
        found = attributes.assigned(self._probe.model, module, before)
        own = {name: value for name, value in found.items() if name in wanted}
        self._probe.adapter.sync(tensors(self._probe.adapter, own))
        compared = self._values.compared(arrays(self._probe.adapter, own), site, "attributes")
        unfit = [part.path for part in compared.parts if part.path != part.partner.path or "mismatch" in part.off]
        odd = set(map(_name, (*unfit, *compared.unknown, *(one.path for one in compared.missing))))
        kept = {name: value for name, value in own.items() if name not in odd}
        return Left(kept, [part for part in compared.parts if _name(part.path) in kept])

    def rows(self, site: str, left: Left) -> Rows:
        """Return how far off is what a call assigned: a row of a reading for each tensor."""
        of = self._sites[site]["attributes"]["of"] if left.parts else ""
        prefix = PATH + ("%s." % of if of else "")
        return [dict(part.off, path=prefix + part.path) for part in left.parts]

    def put(self, module: Module, left: Left) -> None:
        """Let the attributes that a call assigned hold what the reference's do."""
        for name, value in (self._values.filled(left.values, left.parts) if left.parts else {}).items():
            setattr(module, name, value)


def put_inside(probe: Probe, site: str, form: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> None:
    """Let what a call and those in it assign hold what the reference's do, where none of them is computed."""
    for inner, entry in probe.reference.leaving.items():
        if site in (inner, *probe.reference.around(inner)):
            module = next(module for name, module, _ in probe.model.tree if name == inner.partition("#")[0])
            for name, tree in _by_name(entry).items():
                if name in vars(module):
                    setattr(module, name, trees.decode(tree, lambda key: form(probe.tensor(probe.reference.read(key)))))


def _by_name(entry: Dict[str, Any]) -> Dict[str, trees.Tree]:
    return {str(name): tree for name, tree in entry["attributes"]["values"]["dict"]}


def _name(path: str) -> str:
    return path.partition(".")[0]
