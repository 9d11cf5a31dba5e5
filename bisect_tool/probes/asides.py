"""What a port is asked beside probes, each of which an answer can do without."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter
from safetensors import SafetensorError

from bisect_tool.captures.described import OptimizerGroup
from bisect_tool.captures.manifest import Caught, Excerpt, WatchedFunctions
from bisect_tool.captures.owned import temporary
from bisect_tool.captures.reader import Capture
from bisect_tool.errors import ModelError, WorkerError
from bisect_tool.probes.handed import (
    Handed,
    PulledStatements,
    Raised,
    Steps,
    Survey,
    Value,
    Values,
    Variable,
    last_shared,
)
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.link import Link
from bisect_tool.probes.naming import Naming, renamed_buffer
from bisect_tool.probes.reading import Comparison
from bisect_tool.sentences import limits
from bisect_tool.sites import Edge, Site
from bisect_tool.worker import protocol
from bisect_tool.worker.arrays import files
from bisect_tool.workers.failures import model_error

T = TypeVar("T")
COMPARISON = TypeAdapter(Comparison)


class Asides:
    """Values, variables, statements and steps of a port; nothing where its worker cannot tell, or does not say that it can.

    ``kept`` is the folder of kept readings, where files pass from the worker.

    Attributes: ``unanswered``: why it could not, by the operation; ``watched``: which functions the last survey looked at beside
    the recipe's.
    """

    def __init__(self, link: Link, naming: Naming, capture: Capture, kept: Path) -> None:
        self.unanswered: dict[str, str] = {}
        self.watched = WatchedFunctions()
        self._link = link
        self._naming = naming
        self._capture = capture
        self._kept = kept.resolve()  # the worker runs elsewhere

    def values(self, intervention: Intervention, sites: Iterable[Site]) -> dict[Site, Handed]:
        """Run one probe and return what some calls were handed and gave; empty where the run fails."""
        with temporary(self._kept / "values") as folder:
            file = folder / "values.safetensors"
            request = {
                **self._naming.fields_with_variables(intervention),
                "hand": self._naming.in_port(sites),
                "file": str(file),
            }
            return self._answered("values", request, lambda found: self._handed(found, file), {})

    def compare_state(self, names: Iterable[Site]) -> dict[Site, float]:
        """Return how far parameters and buffers, as the port builds them, are off from the reference's: infinitely at most."""
        asked = self._naming.in_port(names)
        if not asked:
            return {}

        def read(found: Any) -> dict[Site, float]:
            rows = {name: COMPARISON.validate_python({"path": "", **row}) for name, row in found.items()}
            return {
                Site(self._naming.to_reference[name]): math.inf if row.error is None else row.error
                for name, row in rows.items()
            }

        return self._answered("compare_state", {"names": asked}, read, {})

    def survey(self, intervention: Intervention, *, to_a_crash: bool = False) -> Survey:
        """Run one probe and return what the port's watched functions assigned.

        Nothing where the run fails; with ``to_a_crash`` what was assigned up to where it raised.
        """

        def read(found: Any) -> Survey:
            if "failed" in found and not to_a_crash:
                raise model_error(found["failed"], "", "")
            return self._surveyed(found)

        return self._answered("survey", self._naming.fields(intervention), read, Survey())

    def identify(
        self, intervention: Intervention, ours: Sequence[Variable], theirs: Sequence[Variable]
    ) -> dict[Site, Site]:
        """Run one probe and pair variables of the port with those of the reference's that have the same values."""
        candidates = {variable.site: self._capture.variables[variable.site] for variable in ours}
        if not candidates or not theirs:
            return {}

        def read(found: Any) -> dict[Site, Site]:
            return {Site(mine): Site(port) for mine, port in found.items() if mine in candidates}

        request = {**self._naming.fields(intervention), "candidates": candidates}
        request["names"] = [variable.site for variable in theirs]
        return self._answered("identify", request, read, {})

    def expressions(self, intervention: Intervention, lines: Iterable[str]) -> Values:
        """Run one probe and return what the expressions in the statements on some lines give; nothing where there are too many."""
        with temporary(self._kept / "expressions") as folder:
            file = folder / "values.safetensors"
            request = {**self._naming.fields(intervention), "lines": sorted(lines), "file": str(file)}

            def read(found: Any) -> Values:
                arrays = files.load(file)
                rows = tuple(Value.from_json(row, number) for number, row in enumerate(found["rows"]))
                return Values() if found["cut"] or not _are_there(rows, arrays) else Values(rows, arrays)

            return self._answered("expressions", request, read, Values())

    def attach_variables(self, pairs: Mapping[Site, Site]) -> Mapping[Site, Site]:
        """Take variables as sites, the reference's name of each to the port's own; return those that are sites now."""
        if not pairs:
            return {}
        trees = {str(port): self._capture.variables[ours] for ours, port in pairs.items()}
        try:
            self._link.attach_variables(trees)
        except (ModelError, WorkerError) as error:
            self.unanswered["attach_variables"] = str(error)
            return {}
        self._naming.add_variables(pairs)
        return pairs

    def statements(self, intervention: Intervention, owner: Site, variables: Iterable[Site]) -> PulledStatements:
        """Run one probe and return what each statement of one call's own code contributes to gradients.

        ``variables`` are those of the reference that the port has too, and that were attached.
        """
        recorded = self._capture.manifest.gradients
        if recorded is None:
            return PulledStatements()
        to_port = self._naming.to_port
        shared = [site for site in variables if site in recorded.connected]
        given = {
            f"{to_port[site]}|{path}": key for site in shared for path, key in recorded.variables.get(site, {}).items()
        }
        mine = to_port.get(owner, owner)
        request = self._naming.fields(intervention)
        request.update(owners=[mine], named=[to_port[site] for site in shared], given=given)
        return self._answered("pull_statements", request, lambda found: self._pulled(found, mine), PulledStatements())

    def steps(self, patched: Iterable[Site]) -> Steps | None:
        """Let the port's optimizer take its steps from the reference's parameters and gradients; None where it cannot."""
        with temporary(self._kept / "steps") as folder:
            file = folder / "steps.safetensors"
            request = {"patch": self._naming.in_port(patched), "file": str(file)}
            return self._answered("take_steps", request, lambda found: self._stepped(found, file), None)

    def _answered(self, operation: str, request: dict[str, Any], read: Callable[[Any], T], otherwise: T) -> T:
        """Return what is read from a reply; ``otherwise``, and why, where there is none that can be used."""
        needed = protocol.REQUESTS[operation].capability
        if needed not in self._link.capabilities:
            self.unanswered[operation] = limits.not_announced([needed])
            return otherwise
        try:
            return read(self._link.ask(operation, **request))
        except (ModelError, WorkerError) as error:
            self.unanswered[operation] = str(error)
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, OSError, SafetensorError) as error:
            self.unanswered[operation] = f"the worker's answer is not usable: {error!r}"
        return otherwise

    def _handed(self, found: Any, file: Path) -> dict[Site, Handed]:
        arrays = files.load(file) if file.exists() else {}
        return {
            Site(self._naming.to_reference[site]): Handed(
                *(
                    [(renamed_buffer(str(path), self._naming.in_reference), arrays[key]) for path, key in parts[part]]
                    for part in ("inputs", "output")
                )
            )
            for site, parts in found.items()
        }

    def _surveyed(self, found: Any) -> Survey:
        ended = list(map(str, found["ended"]))
        self.watched = WatchedFunctions(elsewhere=found.get("elsewhere", ()), only=found.get("only", ()))
        after = last_shared(ended, self._shared)
        variables = tuple(Variable.from_json(row, after, self._shared) for row in found["variables"])
        return Survey(
            variables,
            _excerpts(found),
            tuple(Caught.model_validate(row) for row in found["caught"]),
            {str(name): str(why) for name, why in found["skipped"].items()},
            frozenset(map(str, found["cut"])),
            frozenset(map(str, found["functions"])),
            {
                str(call): tuple((str(place), frozenset(map(str, called))) for place, called in conditions)
                for call, conditions in found["conditions"].items()
            },
            _raised(found.get("raised")),
            self._next_after(ended, variables, [int(row["after"]) for row in found["variables"]]),
        )

    def _shared(self, call: str) -> str | None:
        """Return the reference's name of a call of the port that it makes too."""
        name = self._naming.in_reference(call)
        return name if name in self._capture.manifest.calls else None

    def _next_after(
        self, ended: Sequence[str], variables: Sequence[Variable], after: Sequence[int]
    ) -> dict[str, Variable]:
        """Return for each call that both sides make the next variable; so many calls had ended ``after`` which each came."""
        following = ((self._shared(call), bisect.bisect_right(after, place)) for place, call in enumerate(ended))
        return {call: variables[number] for call, number in following if call and number < len(variables)}

    def _pulled(self, found: Any, owner: str) -> PulledStatements:
        def renamed(name: str) -> str:
            return Edge.parse(name).renamed(self._naming.in_reference).spell()

        rows = found["edges"].get(owner, [])
        return PulledStatements(
            {
                renamed(statement): {renamed(name): tuple(map(float, edge)) for name, edge in edges.items()}
                for statement, edges in rows
            },
            {self._naming.in_reference(site): str(place) for site, place in found["places"].items()},
            _excerpts(found),
            frozenset(map(renamed, found["stopped"])),
            {renamed(name): tuple(map(str, places)) for name, places in found["backward"].items()},
        )

    def _stepped(self, found: Any, file: Path) -> Steps:
        back = self._naming.in_reference
        arrays = files.load(file)
        groups = [OptimizerGroup.model_validate(group) for group in found["groups"]]
        named = [group.model_copy(update={"parameters": tuple(map(back, group.parameters))}) for group in groups]
        after = {back(str(name)): [arrays[key] for key in keys] for name, keys in found["after"].items()}
        self._check_steps([name for group in named for name in group.parameters], after)
        return Steps(tuple(named), after)

    def _check_steps(self, grouped: Iterable[str], after: Mapping[str, Sequence[Any]]) -> None:
        """Raise ValueError unless each parameter of a group is there after both steps, as large as the reference's."""
        manifest = self._capture.manifest
        for name in grouped:
            if len(after.get(name, ())) != 2:
                raise ValueError(f"{name} is in a group, and not there after both steps")
        for name, arrays in after.items():
            size = math.prod(manifest.tensors[manifest.state[name]].shape) if name in manifest.state else None
            if any(size not in (None, array.size) for array in arrays):
                raise ValueError(f"{name} is of another size after the steps")


def _excerpts(found: Any) -> dict[str, Excerpt]:
    """Return the lines around each place; those of a file that cannot be read hold not even their own, and show nothing."""
    excerpts = {str(place): Excerpt.model_validate(lines) for place, lines in found["excerpts"].items()}
    return {place: e for place, e in excerpts.items() if e.first <= e.line < e.first + len(e.text)}


def _are_there(rows: Iterable[Value], arrays: Mapping[str, Any]) -> bool:
    return all(key in arrays for row in rows for _, key, _ in row.parts)


def _raised(found: Any) -> Raised | None:
    return None if found is None else Raised(str(found["place"]), str(found["function"]))
