"""What the line that raises reads, and what of it is of another kind than the reference's: a tuple for a tensor.

A variable is compared with the reference's of that name, or with what a call gives, where it holds that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bisect_tool.axes.lines.reads import unclear_before
from bisect_tool.captures.manifest import Manifest, VariableEntry
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.probes.handed import Part, Survey, Variable
from bisect_tool.sentences import crash as sentences
from bisect_tool.sites import STEP, Site, variable_of

NUMBERS = {"u": "i"}  # kinds of dtypes that frameworks choose between for the same values
NONE = "None"


@dataclass(frozen=True)
class _Value:
    """What a variable holds: its class, where that is known, and the shape and dtype of each part."""

    class_: str
    parts: Sequence[Part]

    @property
    def single(self) -> bool:
        return len(self.parts) == 1 and not self.parts[0][0]

    @property
    def words(self) -> str:
        if not self.parts:
            return NONE
        _, shape, dtype = self.parts[0]
        return sentences.tensor(shape, dtype) if self.single else sentences.container(self.class_, len(self.parts))


Given = Sequence[tuple[str, Sequence[tuple[str, tuple[int, ...]]]]]  # each call with (path, shape) of what it gives


def read_where_it_raises(survey: Survey) -> list[Variable]:
    """Return the variables that the statement which raises reads, and what they were computed from in its own function."""
    raised = survey.raised
    if raised is None:
        return []
    end = Variable(Site(f"{raised.function}:"), STEP, False, raised.place, ())
    return unclear_before(
        end, [*survey.variables, end], survey.excerpts, lambda variable: variable.function != raised.function
    )


def of_another_kind(
    manifest: Manifest, theirs: Sequence[Variable], port_call: Callable[[str], str | None], given: Given = ()
) -> Iterator[str]:
    """Say which variables are of another kind than the reference's of that name, as the port runs, each name once.

    A list for a tuple and one element for a number are the same kind. What has no partner of its name, and is what one of the
    calls gives (``given``), is compared with what that gives in the reference.
    """
    ours = {_port_name(entry, port_call): entry for entry in manifest.variables}
    said = set()
    for variable in theirs:
        entry, name = ours.get(variable.site), variable_of(variable.site)
        port = _Value(_class(variable.type), variable.parts)
        if name not in said and entry is None:
            words = next(_given_otherwise(manifest, variable, port, given), None)
            if words is not None:
                said.add(name)
                yield words
        if entry is None or name in said or variable.passed != (entry.kind == "parameter"):
            continue
        reference = _recorded(manifest, entry.value)
        if _differ(port, reference):
            said.add(name)
            yield sentences.other_kind(name, port.words, reference.words, variable.place, entry.place)


def _given_otherwise(manifest: Manifest, variable: Variable, port: _Value, given: Given) -> Iterator[str]:
    """Say which calls give what a variable holds, and give one tensor there in the reference, the innermost call first."""
    held = [(path, shape) for path, shape, _ in variable.parts]
    ours = {entry.site: entry for entry in manifest.sites}
    for call, outputs in given if not port.single else ():
        for path, key in tensor_keys(ours[call].output) if call in ours else ():
            inside = [(theirs[len(path) + 1 :], shape) for theirs, shape in outputs if theirs.startswith(f"{path}.")]
            if inside and inside == held:
                tensor = manifest.tensors[key]
                words = sentences.tensor(tensor.shape, tensor.dtype)
                yield sentences.given_otherwise(
                    variable_of(variable.site), port.words, variable.place, call, path, words
                )


def _port_name(entry: VariableEntry, port_call: Callable[[str], str | None]) -> str:
    function, colon, name = entry.site.partition(":")
    return f"{port_call(function) or function}{colon}{name}"


def _class(name: str) -> str:
    return NONE if name == "NoneType" else name


def _recorded(manifest: Manifest, tree: Mapping[str, Any]) -> _Value:
    ((kind, content),) = tree.items()
    parts = [(path, manifest.tensors[key].shape, manifest.tensors[key].dtype) for path, key in tensor_keys(dict(tree))]
    return _Value(content if kind == "opaque" else kind, parts)


def _differ(port: _Value, reference: _Value) -> bool:
    if not port.parts or not reference.parts:
        return NONE in (port.class_, reference.class_) and bool(port.parts or reference.parts)
    if not (port.single and reference.single):
        return port.single != reference.single or len(port.parts) != len(reference.parts)
    (_, shape, dtype), (_, expected, recorded) = port.parts[0], reference.parts[0]
    if math.prod(shape) == math.prod(expected) == 1:
        return False
    return len(shape) != len(expected) or _letter(dtype) != _letter(recorded)


def _letter(dtype: str) -> str:
    """Return the kind of a dtype: "f" of all fractions, "i" of all whole numbers, "b" of flags."""
    return NUMBERS.get(dtype[0], dtype[0])
