"""A port in its worker, asked in the reference's names."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from bisect_tool.captures.described import Described
from bisect_tool.captures.reader import Capture, has_opaque, tensor_keys
from bisect_tool.errors import ModelError, WorkerError
from bisect_tool.pairing.names import Matching, match_described
from bisect_tool.probes.asides import Asides
from bisect_tool.probes.attachment import attach_request, port_names
from bisect_tool.probes.cache import ProbeCache
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.link import Link, Start
from bisect_tool.probes.naming import Naming
from bisect_tool.probes.reading import Reading
from bisect_tool.probes.receipts import Receipts
from bisect_tool.sentences.spelling import listed
from bisect_tool.sites import Site, module_of
from bisect_tool.validation import explain
from bisect_tool.workers.failures import model_error
from bisect_tool.workers.process import worker_digest

if TYPE_CHECKING:
    from typing import Self


class WorkerPort:
    """A port of the reference model, and all that the search may ask of it. ``open`` starts one.

    Every ``run`` starts from the same weights, inputs and random state, and leaves nothing behind. A worker
    that dies is started again; its probe is unresolved.

    Attributes:
        described: names, shapes, settings of the port.
        matching: which of its names are which of the reference's.
        rename: the rules that it rests on beside equal names.
        sum_error: relative error of the framework's own sum of as many numbers as the largest recorded tensor has.
        asides: what can be asked beside probes.
        asked: (intervention, reading, from the cache) of every probe, in order.

    """

    def __init__(
        self,
        link: Link,
        naming: Naming,
        capture: Capture,
        *,
        described: Described,
        matching: Matching,
        rename: Sequence[tuple[str, str]],
        cache: ProbeCache,
        kept: Path,
        sum_error: float,
    ) -> None:
        self.described = described
        self.matching = matching
        self.rename = tuple(rename)
        self.sum_error = sum_error
        self.asides = Asides(link, naming, capture, kept)
        self.asked: list[tuple[Intervention, Reading, bool]] = []
        self._link = link
        self._naming = naming
        self._capture = capture
        self._cache = cache
        manifest = capture.manifest
        self._opaque = {entry.site for entry in manifest.sites if has_opaque(entry.output)}
        self._receipts = {"": Receipts(manifest, manifest.tensors, matching)}
        if manifest.stirred is not None:
            self._receipts["stirred"] = Receipts(manifest.stirred, manifest.tensors, matching)

    @classmethod
    def open(
        cls,
        start: Start,
        capture: Capture,
        rename: Sequence[tuple[str, str]],
        kept: Path,
        about: Iterable[str],
    ) -> Self:
        """Start a port and tell it of the capture; readings ``about`` the same are kept in the folder ``kept``.

        Raises BisectError, and leaves no worker then.
        """
        worker, described = start()
        try:
            matching = match_described(capture.manifest, described, rename)
            names = port_names(capture.manifest, matching)
            link = Link(start, worker, attach_request(capture.folder, capture.manifest, matching, names))
            words = [*about, capture.key, _initially(described), names, list(rename), worker_digest()]
            return cls(
                link,
                Naming(names),
                capture,
                described=described,
                matching=matching,
                rename=rename,
                cache=ProbeCache(kept / f"{_short_hash(words)}.jsonl"),
                kept=kept,
                sum_error=link.attach(),
            )
        except BaseException:
            worker.kill()
            raise

    @property
    def capabilities(self) -> frozenset[str]:
        """What its worker can do; see ``worker.protocol``."""
        return self._link.capabilities

    @property
    def killed(self) -> Sequence[str]:
        """What its worker was asked as somebody killed it; each was asked once more."""
        return self._link.killed

    def knows(self, capture: Capture) -> bool:
        """Tell whether it was opened beside this very capture."""
        return capture.key == self._capture.key

    def can_patch(self, site: str) -> bool:
        """Tell whether the reference's value can be put at a site of the port."""
        return site in self._naming.to_port and site not in self._opaque

    def port_call(self, call: str) -> str | None:
        """Return the port's name of a module call of the reference."""
        return self._naming.to_port.get(call)

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

    def on_life(self, check: Callable[[], None]) -> None:
        """Have something called at every sign of life of the worker; what it raises ends the probe, and the port."""
        self._link.on_life = check

    def close(self) -> None:
        """End the worker."""
        self._link.close()

    def kill(self) -> None:
        """End the worker at once."""
        self._link.kill()

    def _run_in_worker(self, intervention: Intervention) -> Reading:
        try:
            data = self._ask(intervention)
            reading = self._naming.reading(Reading.from_json(data))
        except (ModelError, WorkerError) as error:  # failures are not cached: it may go well another time
            return Reading(failure=str(error), detail=error.detail)
        except ValidationError as error:
            return Reading(failure=f"the worker's reading is not usable: {explain(error)}")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return Reading(failure=f"the worker's reading is not usable: {error!r}")
        if reading.failed is not None:
            return self._broken_off(intervention, reading, data["failed"])
        return self._whole(intervention, reading)

    def _whole(self, intervention: Intervention, reading: Reading) -> Reading:
        """Return and keep a reading whose run came to its end, once it is checked; why it cannot be used, where that is so."""
        variables = intervention.patched & self._naming.variables
        lost = [site for site in sorted(variables) if not self._holds(site, reading)]
        if lost:
            return Reading(
                failure=f"the port does not come to {listed(lost)}, or cannot hold the reference's value there"
            )
        failed = {Site(site) for site, row in reading.watched.items() if row.failed is not None}
        unread = intervention.patched | intervention.kept | failed
        watched = () if intervention.backward else filter(self.can_patch, intervention.watched)
        receipts = self._receipts[intervention.point]
        if intervention.dissolved is None:
            silent: Sequence[str] = receipts.not_compared(reading, watched)
        else:
            silent = receipts.not_judged(reading, self.can_patch, intervention.patched - intervention.drifting)
        if silent:
            return Reading(failure=f"the worker's reading is not usable: it does not compare {listed(silent)}")
        receipts.check(reading, intervention.patched - variables, unread, self._calls)
        self._cache.put(intervention, reading)
        return reading

    def _broken_off(self, intervention: Intervention, reading: Reading, failed: Any) -> Reading:
        """Return what a run gave that raised: no answer by itself, and not kept, since it may go well another time."""
        error = model_error(failed, "", self._link.worker.tail())
        consumed = intervention.patched & reading.receipts.keys() - self._naming.variables
        receipts = self._receipts[intervention.point]
        receipts.check(reading, consumed, (), self._calls)
        usable = not receipts.not_compared(
            reading, [Site(s) for s, row in reading.watched.items() if row.failed is None]
        )
        how = reading.failed if usable else None
        return dataclasses.replace(reading, failure=str(error), failed=how, detail=error.detail)

    def _ask(self, intervention: Intervention) -> Any:
        if intervention.kept:
            calls = [site for site in intervention.patched if site in self._capture.manifest.calls]
            self._link.remember(self._naming.in_port(calls), self._naming.in_port(intervention.kept))
        operation, request = self._naming.probe(intervention)
        return self._link.ask(operation, **request)

    def _calls(self, module: str) -> bool:
        """Tell whether the first probe called a module: the port as it is."""
        return any(module_of(call) == module for _, first, _ in self.asked[:1] for call, _ in first.calls)

    def _holds(self, variable: Site, reading: Reading) -> bool:
        """Tell whether the port took the reference's value of a variable; a dict may have its keys in any order."""
        keys = tensor_keys(self._capture.variables[variable])
        hashes = [self._capture.manifest.tensors[key].hash for _, key in keys]
        return sorted(reading.receipts.get(variable, ())) == sorted(hashes)


def _initially(described: Described) -> str:
    return described.model_dump_json(exclude={"seconds"})  # with settings and a hash of every value


def _short_hash(words: list[Any]) -> str:
    return hashlib.blake2b(json.dumps(words).encode(), digest_size=8).hexdigest()
