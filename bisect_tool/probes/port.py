"""A port in its worker, asked in the reference's names."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.numpy import load_file

from bisect_tool.captures.manifest import Caught, Described, Excerpt, OptimizerGroup
from bisect_tool.captures.reader import Capture, tensor_keys
from bisect_tool.errors import InconclusiveError, ModelError, WorkerError
from bisect_tool.finding import listed
from bisect_tool.pairing.names import Matching, match
from bisect_tool.probes.attachment import attach_request, port_names
from bisect_tool.probes.cache import ProbeCache
from bisect_tool.probes.handed import Handed, PulledStatements, Steps, Survey, Variable
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.probes.receipts import Receipts
from bisect_tool.sites import Site, module_of
from bisect_tool.workers.process import Worker, worker_digest

MOST_RESTARTS = 3
T = TypeVar("T")


class WorkerPort:
    """A port of the reference model, and all that the search may ask of it.

    Every ``run`` starts from the same weights, inputs and random state, and leaves nothing behind. A worker
    that dies is started again; its probe is unresolved.

    Attributes:
        described: names, shapes, settings of the port.
        matching: which of its names are which of the reference's.
        rename: the rules that it rests on beside equal names.
        sum_error: relative error of the framework's own sum of as many numbers as the largest recorded tensor has.
        asked: (intervention, reading, from the cache) of every probe, in order.

    """

    def __init__(
        self,
        start: Callable[[], tuple[Worker, Described]],
        capture: Capture,
        rename: Sequence[tuple[str, str]],
        cache_folder: Path,
        cache_words: Iterable[str],
    ) -> None:
        self._start = start
        self._capture = capture
        self.rename = tuple(rename)
        self._worker, self.described = start()
        self.matching = _match(capture.manifest.described, self.described, rename)
        self._restarts = 0
        self._remembered: tuple[list[str], list[str]] = ([], [])
        self._to_port = port_names(capture.manifest, self.matching)
        self._attachment = attach_request(capture.folder, capture.manifest, self.matching, self._to_port)
        self._receipts = Receipts(capture.manifest, self.matching)
        self._to_reference = {port: ours for ours, port in self._to_port.items()}
        self._variables: dict[Site, dict[str, Any]] = {}
        described = self.described.model_dump_json(exclude={"seconds"})  # with settings and a hash of every value
        words = json.dumps([*cache_words, capture.key, described, self._to_port, list(rename), worker_digest()])
        self._cache = ProbeCache(cache_folder / f"{hashlib.blake2b(words.encode(), digest_size=8).hexdigest()}.jsonl")
        self.asked: list[tuple[Intervention, Reading, bool]] = []
        self.unanswered: dict[str, str] = {}
        self.sum_error = self._attach()

    @property
    def asides(self) -> WorkerPort:
        """What can be asked beside probes."""
        return self

    @property
    def capabilities(self) -> frozenset[str]:
        """What its worker can do."""
        return frozenset({"run", "values", "survey", "gradients", "statements", "optimizer"})

    def can_patch(self, site: str) -> bool:
        """Tell whether the reference's value can be put at a site of the port."""
        return site in self._to_port

    def port_call(self, call: str) -> str | None:
        """Return the port's name of a module call of the reference."""
        return self._to_port.get(call)

    def run(self, intervention: Intervention) -> Reading:
        """Run one probe, or take its reading from the cache.

        Raises BisectError when a patch was not consumed: such a reading would exonerate without reason.
        """
        cached = self._cache.get(intervention)
        if cached is not None:
            cached = dataclasses.replace(cached, kernels=None)  # this process needed none for it
            self.asked.append((intervention, cached, True))
            return cached
        reading = self._run_in_worker(intervention)
        self.asked.append((intervention, reading, False))
        return reading

    def values(self, intervention: Intervention, sites: Iterable[Site]) -> dict[Site, Handed]:
        """Run one probe and return what some calls were handed and gave; empty where the run fails."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "values.safetensors"

            def read(found: Any) -> dict[Site, Handed]:
                arrays = load_file(file) if file.exists() else {}
                return {
                    Site(self._to_reference[site]): Handed(
                        *([(str(path), arrays[key]) for path, key in parts[part]] for part in ("inputs", "output"))
                    )
                    for site, parts in found.items()
                }

            hand = sorted(self._to_port[site] for site in sites)
            return self._asked("values", intervention, read, {}, hand=hand, file=str(file))

    def survey(self, intervention: Intervention) -> Survey:
        """Run one probe and return what the port's watched functions assigned; nothing where the run fails."""

        def read(found: Any) -> Survey:
            return Survey(
                tuple(Variable.from_json(self._in_reference, row) for row in found["variables"]),
                {str(place): Excerpt.model_validate(lines) for place, lines in found["excerpts"].items()},
                tuple(Caught.model_validate(row) for row in found["caught"]),
                {str(name): str(why) for name, why in found["skipped"].items()},
                frozenset(map(str, found["cut"])),
                frozenset(map(str, found["functions"])),
                {
                    str(call): tuple((str(place), frozenset(map(str, called))) for place, called in conditions)
                    for call, conditions in found["conditions"].items()
                },
            )

        return self._asked("survey", intervention, read, Survey())

    def identify(
        self, intervention: Intervention, ours: Sequence[Variable], theirs: Sequence[Variable]
    ) -> dict[Site, Site]:
        """Run one probe and pair variables of the port with those of the reference's that have the same values."""
        candidates = {variable.site: self._capture.variables[variable.site] for variable in ours}
        if not candidates or not theirs:
            return {}

        def read(found: Any) -> dict[Site, Site]:
            return {Site(mine): Site(port) for mine, port in found.items() if mine in candidates}

        names = [variable.site for variable in theirs]
        return self._asked("identify", intervention, read, {}, names=names, candidates=candidates)

    def statements(self, intervention: Intervention, owner: Site, variables: Iterable[Site]) -> PulledStatements:
        """Run one probe and return what each statement of one call's own code contributes to gradients.

        ``variables`` are those of the reference that the port has too, and that were attached.
        """
        recorded = self._capture.manifest.gradients
        if recorded is None:
            return PulledStatements()
        shared = [site for site in variables if site in recorded.connected]
        given = {
            f"{self._to_port[site]}|{path}": key
            for site in shared
            for path, key in recorded.variables.get(site, {}).items()
        }

        def renamed(name: str) -> str:
            site, bar, rest = name.partition("|")
            return f"{self._in_reference(site)}{bar}{rest}"

        def read(found: Any) -> PulledStatements:
            rows = found["edges"].get(self._to_port.get(owner, owner), [])
            return PulledStatements(
                {
                    renamed(statement): {renamed(name): tuple(map(float, edge)) for name, edge in edges.items()}
                    for statement, edges in rows
                },
                {self._in_reference(site): str(place) for site, place in found["places"].items()},
                {str(place): Excerpt.model_validate(lines) for place, lines in found["excerpts"].items()},
                frozenset(map(renamed, found["stopped"])),
            )

        request = self._request(intervention)
        request.update(
            owners=[self._to_port.get(owner, owner)],
            named=[self._to_port[site] for site in shared],
            given=given,
        )
        del request["variables"]
        return self._answered("pull_statements", request, read, PulledStatements())

    def steps(self, patched: Iterable[Site]) -> Steps | None:
        """Let the port's optimizer take its steps from the reference's parameters and gradients; None where it cannot."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "steps.safetensors"

            def read(found: Any) -> Steps:
                arrays = load_file(file)
                groups = [OptimizerGroup.model_validate(group) for group in found["groups"]]
                named = [
                    group.model_copy(update={"parameters": tuple(map(self._in_reference, group.parameters))})
                    for group in groups
                ]
                after = {
                    self._in_reference(str(name)): [arrays[key] for key in keys]
                    for name, keys in found["after"].items()
                }
                return Steps(tuple(named), after)

            request = {"patch": sorted(self._to_port[site] for site in patched), "file": str(file)}
            return self._answered("take_steps", request, read, None)

    def _asked(
        self, operation: str, intervention: Intervention, read: Callable[[Any], T], otherwise: T, **request: Any
    ) -> T:
        """Run a probe for something beside its reading; see ``_answered``."""
        return self._answered(operation, {**self._request(intervention), **request}, read, otherwise)

    def _answered(self, operation: str, request: dict[str, Any], read: Callable[[Any], T], otherwise: T) -> T:
        """Ask for something beside readings that the answer can do without: ``otherwise`` where it cannot be had.

        Why it could not is kept in ``unanswered``, by the operation.
        """
        try:
            return read(self._worker.ask(operation, **request))
        except (ModelError, KeyError, TypeError, ValueError, AttributeError, OSError, SafetensorError) as error:
            self.unanswered[operation] = str(error)
        except WorkerError as error:
            self._restart(error)
            self.unanswered[operation] = str(error)
        return otherwise

    def attach_variables(self, pairs: Mapping[Site, Site]) -> None:
        """Take variables as sites: the reference's name of each to the port's own."""
        self._variables |= {site: self._capture.variables[site] for site in pairs}
        self._to_port.update((str(ours), str(port)) for ours, port in pairs.items())
        self._to_reference = {port: ours for ours, port in self._to_port.items()}
        self._attach_values()

    def _attach_values(self) -> None:
        if self._variables:
            self._worker.ask("attach_variables", sites={self._to_port[s]: tree for s, tree in self._variables.items()})

    def _in_reference(self, name: str) -> str:
        return self._to_reference.get(name, name)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def kill(self) -> None:
        """End the worker at once."""
        self._worker.kill()

    def _run_in_worker(self, intervention: Intervention) -> Reading:
        try:
            self._remember(intervention)
            operation, request = self._operation(intervention)
            data = self._worker.ask(operation, **request)
            reading = self._in_reference_names(Reading.from_json(data))
            read = {str(key): str(found) for key, found in data["read"].items()}
        except ModelError as error:  # failures are not cached: it may go well another time
            return Reading(failure=str(error), detail=error.detail)
        except WorkerError as error:
            self._restart(error)
            return Reading(failure=str(error), detail=error.detail)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            unusable = WorkerError(f"the worker's reading is not usable: {error!r}")
            self._restart(unusable)
            return Reading(failure=str(unusable))
        self._capture.check_recorded(read)
        lost = [
            site for site in sorted(intervention.patched & self._variables.keys()) if not self._holds(site, reading)
        ]
        if lost:
            return Reading(
                failure=f"the port does not come to {listed(lost)}, or cannot hold the reference's value there"
            )
        patched = intervention.patched - self._variables.keys()
        self._receipts.check(reading, patched, intervention.patched | intervention.kept, self._calls)
        self._cache.put(intervention, reading)
        return reading

    def _operation(self, intervention: Intervention) -> tuple[str, dict[str, Any]]:
        """Return which request runs a probe, and its fields."""
        request = self._request(intervention)
        if intervention.backward == "pieces":
            return "pull_pieces", request
        if not intervention.backward:
            return "run", request
        extra = {
            "straight": intervention.straight,
            "pulled": intervention.pulled,
            "severed": intervention.severed,
            "thawed": intervention.thawed,
        }
        return "pull", {
            **request,
            **{key: sorted(map(self._to_port.__getitem__, names)) for key, names in extra.items()},
        }

    def _request(self, intervention: Intervention) -> dict[str, Any]:
        def named(sites: frozenset[Site]) -> list[str]:
            return sorted(self._to_port[site] for site in sites if site in self._to_port)

        return {
            "patch": sorted(self._to_port[site] for site in intervention.patched),
            "watch": named(intervention.watched),
            "keep": named(intervention.kept),
            "feed": named(intervention.fed),
            "exact": named(intervention.exact),
            "disturb": {
                self._to_port[site]: size for site, size in sorted(intervention.disturbed) if site in self._to_port
            },
            "variables": not self._variables.keys().isdisjoint(intervention.patched | intervention.watched),
            "echo": intervention.echo,
        }

    def _remember(self, intervention: Intervention) -> None:
        calls = sorted(self._to_port[site] for site in intervention.patched if site in self._capture.manifest.calls)
        wanted = (calls, sorted(self._to_port[site] for site in intervention.kept))
        if intervention.kept and wanted != self._remembered:
            self._worker.ask("remember", patch=wanted[0], sites=wanted[1])
            self._remembered = wanted

    def _restart(self, error: WorkerError) -> None:
        self._restarts += 1
        if self._restarts > MOST_RESTARTS:
            raise InconclusiveError(
                f"the port's worker failed {self._restarts} times; last: {error}",
                hint="run again with -v to see what it prints; finished probes are kept",
                detail=error.detail,
            ) from error
        self._worker.kill()
        self._worker, _ = self._start()
        self._remembered = ([], [])
        self._attach()

    def _attach(self) -> float:
        sum_error = float(self._worker.ask("attach", **self._attachment)["sum_error"])
        self._attach_values()
        return sum_error

    def _in_reference_names(self, reading: Reading) -> Reading:
        back = self._in_reference
        return dataclasses.replace(
            reading,
            receipts={back(k): v for k, v in reading.receipts.items()},
            standing={back(k): v for k, v in reading.standing.items()},
            watched={back(k): v for k, v in reading.watched.items()},
            calls=tuple((back(site), outputs) for site, outputs in reading.calls),
            gradients={back(k): v for k, v in reading.gradients.items()},
            pieces=tuple(
                dataclasses.replace(row, site=back(row.site), path=back(row.path) if row.part == "state" else row.path)
                for row in reading.pieces
            ),
        )

    def _calls(self, module: str) -> bool:
        """Tell whether the first probe called a module: the port as it is."""
        return any(module_of(call) == module for _, first, _ in self.asked[:1] for call, _ in first.calls)

    def _holds(self, variable: Site, reading: Reading) -> bool:
        """Tell whether the port took the reference's value of a variable; a dict may have its keys in any order."""
        hashes = [self._capture.manifest.tensors[key].hash for _, key in tensor_keys(self._variables[variable])]
        return sorted(reading.receipts.get(variable, ())) == sorted(hashes)


def _match(ours: Described, theirs: Described, rename: Sequence[tuple[str, str]]) -> Matching:
    return match(
        [(entry.name, entry.shape) for entry in ours.state],
        [(entry.name, entry.shape) for entry in theirs.state],
        [module.name for module in ours.modules],
        [module.name for module in theirs.modules],
        rename,
    )
