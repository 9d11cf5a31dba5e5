"""Whether a port consumed what it was given: a patch that nobody read would exonerate without reason."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

from bisect_tool.captures.manifest import Manifest, Point, SiteEntry, TensorEntry
from bisect_tool.captures.reader import has_opaque, tensor_keys
from bisect_tool.errors import BisectError
from bisect_tool.pairing.names import Matching
from bisect_tool.probes.reading import Reading, Watched
from bisect_tool.sites import STEP, Site, buffer_of, calls_around, module_of, parent_of


class Receipts:
    """The hashes that a capture holds for each site in one recorded run, and which calls of the reference read which values."""

    def __init__(self, run: Manifest | Point, tensors: Mapping[str, TensorEntry], matching: Matching) -> None:
        self._matching = matching
        self._parents = run.calls
        self._calls_of: dict[str, list[str]] = {}
        for call in run.calls:
            self._calls_of.setdefault(module_of(call), []).append(call)
        self._hashes = {name: [tensors[key].hash] for name, key in run.state.items()}
        self._compared = {entry.site: _rows(entry) for entry in run.sites}
        self._buffers = {entry.site: frozenset(entry.state) for entry in run.sites}
        self._left = frozenset(run.left)
        self._whole = [entry.site for entry in run.sites if not has_opaque(entry.output)]
        for entry in run.sites:
            self._hashes[entry.site] = [tensors[key].hash for _, key in tensor_keys(entry.output)]

    def check(
        self, reading: Reading, patched: Iterable[Site], unread: Collection[Site], calls: Callable[[str], bool]
    ) -> None:
        """Check that a probe consumed the reference's value at every patched call, parameter and buffer.

        ``unread`` are all calls that were not computed; ``calls`` tells whether the port as it is calls a module. Raises
        BisectError for a patch that was not consumed, or whose value another framework cannot hold.
        """
        for site in sorted(patched):
            got = reading.receipts.get(site)
            if got is None and self._may_be_unread(site, unread):
                continue
            if got is None and [reading.standing.get(site)] == self._hashes[site] and not calls(parent_of(site)):
                continue  # read by other code than its module's own call, as functional calls do
            if got is None:
                raise self._not_consumed(site)
            if got != self._hashes[site]:
                raise BisectError(
                    f"the port consumed another value at {site} than the capture holds: "
                    f"the value does not survive the conversion to the port's framework",
                    hint="exclude it from the capture: `bisect capture --exclude`",
                )

    def not_compared(self, reading: Reading, watched: Iterable[Site]) -> list[Site]:
        """Return the watched calls that the port came to and of which a reading does not compare all: no row exonerates."""
        came_to = {call for call, _ in reading.calls} | reading.receipts.keys()
        silent = []
        for site in sorted(watched):
            seen = reading.watched.get(site, Watched())
            rows = {("inputs", row.path) for row in seen.inputs} | {("output", row.path) for row in seen.output}
            if site in came_to and not self._compared.get(site, frozenset()) <= rows:
                silent.append(site)
        return silent

    def not_judged(self, reading: Reading, given: Callable[[str], bool], buffers: Collection[str]) -> list[str]:
        """Return the calls of a forced pass without a row, or with one that does not compare all; a module for calls of it.

        ``given`` tells which calls the worker was told of, ``buffers`` are among those it has to compare.
        """
        seen = Counter(module_of(site) for site in reading.watched)
        recorded = Counter(module_of(site) for site in self._whole if given(site))
        made = Counter(module_of(site) for site, _ in reading.calls)
        lost = [module for module in recorded if seen[module] < min(recorded[module], made[module])]
        came_to = [Site(site) for site, row in reading.watched.items() if row.failed is None]
        rows = dataclasses.replace(reading, receipts={site: [] for site in came_to})
        silent = {site for site in came_to if not self._compares(reading.watched[site], site, buffers)}
        if not self._left & set(buffers) <= {buffer_of(row.path) for row in reading.left}:
            silent.add(STEP)
        return sorted({*lost, *silent, *self.not_compared(rows, came_to)})

    def _compares(self, row: Watched, site: Site, buffers: Collection[str]) -> bool:
        wanted = self._buffers.get(site, frozenset()) & set(buffers)
        return all(wanted <= {buffer_of(one.path) for one in rows} for rows in (row.inputs, row.output))

    def _not_consumed(self, site: str) -> BisectError:
        guessed = self._matching.how.get(site) in ("shape", "guess")
        pair = f"; it was matched with {self._matching.state[site]} by shape and order only" if guessed else ""
        return BisectError(
            f"the patch at {site} was not consumed: the port never read it, so this probe proves nothing{pair}",
            hint="say which name is which with rename rules under [names] in recipe.toml"
            if guessed
            else "the port uses another module or tensor there: check the names, or exclude it from the capture",
        )

    def _may_be_unread(self, site: str, unread: Collection[str]) -> bool:
        """Tell whether nothing should have read this patch: a call around it is patched, or the reference never reads it."""
        if site in self._parents:
            return any(around in unread for around in calls_around(self._parents, site))
        calls = self._calls_of.get(parent_of(site), ())
        return all(call in unread or self._may_be_unread(call, unread) for call in calls)


def _rows(entry: SiteEntry) -> frozenset[tuple[str, str]]:
    """Return what a call is compared by: the part and the path of every recorded tensor."""
    parts = {"inputs": entry.inputs, "output": entry.output}
    return frozenset((part, path) for part, tree in parts.items() for path, _ in tensor_keys(tree))
