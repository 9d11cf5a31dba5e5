"""The reference's calls in execution order, as far as the port makes them too."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bisect_tool.captures.described import StateEntry
from bisect_tool.captures.manifest import Manifest, SiteEntry
from bisect_tool.captures.reader import tensor_keys
from bisect_tool.frameworks import known_framework
from bisect_tool.pairing.pair import Pair, setting_differences
from bisect_tool.sites import STEP, Site, calls_around, module_of
from bisect_tool.worker.arrays import pairs


@dataclass(frozen=True)
class Trace:
    """The sites that can be patched, in order of completion: children before the container around them.

    Attributes:
        sites: the calls, in that order.
        parents: each recorded call to the call around it.
        classes: each module to (reference class, port class).
        differences: each module whose settings differ to the differences, as ``setting_differences`` has them.
        rounding: the relative error that honest rounding makes in one layer of any framework.
        misshapen: calls that are no site, since their outputs have other shapes than the reference's.
        library: the modules whose class comes with the framework on both sides.
        exact: each site to the relative error that rounding makes there in the reference, against float64.

    """

    sites: tuple[Site, ...]
    parents: Mapping[str, str | None]
    classes: Mapping[str, tuple[str, str]]
    differences: Mapping[str, Mapping[str, tuple[object, object]]]
    rounding: float
    exact: Mapping[str, float]
    misshapen: tuple[Site, ...] = ()
    library: frozenset[str] = frozenset()

    def without(self, sites: Iterable[Site]) -> Trace:
        """Return the trace with fewer calls to patch."""
        fewer = frozenset(sites)
        sites, misshapen = (tuple(s for s in group if s not in fewer) for group in (self.sites, self.misshapen))
        return dataclasses.replace(self, sites=sites, misshapen=misshapen)

    @functools.cached_property
    def containers(self) -> frozenset[str | None]:
        """Return the calls that have calls inside them."""
        return frozenset(self.parents.values())

    @property
    def given(self) -> tuple[Site, ...]:
        """Return what a forced pass can give, be it of another shape."""
        return (*self.sites, *self.misshapen)

    @functools.cached_property
    def members(self) -> frozenset[Site]:
        """Return the sites without their order, to look one up in."""
        return frozenset(self.sites)

    def untouched_by(self, modules: Iterable[str]) -> frozenset[Site]:
        """Return the outermost calls that are complete before any of these modules, or what lies in them, is called."""
        owners = tuple(modules)
        first = next((i for i, s in enumerate(self.sites) if lies_in(module_of(s), owners)), len(self.sites))
        return self.outermost(self.sites[:first])

    def outermost(self, sites: Iterable[Site]) -> frozenset[Site]:
        """Return those of some calls that lie in none of the others."""
        among = frozenset(sites)
        return frozenset(site for site in among if among.isdisjoint(self.chain(site)[1:]))

    def chain(self, site: Site) -> list[Site]:
        """Return a site and the calls around it, innermost first."""
        return [site, *calls_around(self.parents, site)]

    def owner(self, site: Site) -> Site:
        """Return the innermost call around a site that can be cut out: its own code holds what cannot be."""
        return next((outer for outer in self.chain(site)[1:] if outer in self.members), STEP)

    def is_library(self, site: Site) -> bool:
        """Tell whether a call is that of a framework's own layer."""
        return module_of(site) in self.library

    def kinds(self, sites: Iterable[Site], *, values: bool = True) -> list[tuple[Site, ...]]:
        """Return some calls by their kind: those of one are of the same classes, and differ in the same settings.

        By the same ``values``, or not necessarily.
        """
        groups: dict[tuple[str, str] | None, list[tuple[object, list[Site]]]] = {}
        found: list[list[Site]] = []
        for site in sites:
            module = module_of(site)
            differ = self.differences.get(module)
            differences: object = differ if values else frozenset(differ or ())
            alike = groups.setdefault(self.classes.get(module), [])
            group = next((group for wanted, group in alike if wanted == differences), None)
            if group is None:
                group = []
                alike.append((differences, group))
                found.append(group)
            group.append(site)
        return [tuple(group) for group in found]


def lies_in(module: str, owners: Iterable[str]) -> bool:
    """Tell whether a module is one of some modules, or lies in one of them."""
    return any(module == owner or module.startswith(f"{owner}.") or not owner for owner in owners)


def trace_of(pair: Pair, can_patch: Callable[[str], bool]) -> Trace:
    """Return the calls that have a partner of the same shape in the port, in the reference's order of execution."""
    manifest = pair.reference
    times = Counter(module_of(call) for call in manifest.calls)
    theirs = Counter(module_of(call) for call in pair.calls)
    comparable = [  # calls of a module are told apart by their number: it must be the same on both sides
        e for e in manifest.sites if e.site in pair.calls and times[e.module] == theirs[e.module] and can_patch(e.site)
    ]
    complex_too = not known_framework(pair.port.framework).lacks_complex
    sites = tuple(
        Site(e.site)
        for e in comparable
        if _same_shapes(manifest, e, pair.calls[e.site]) and (complex_too or not _is_complex(manifest, e))
    )
    classes = {ours.name: (ours.class_, theirs.class_) for ours, theirs in pair.modules()}
    library = frozenset(ours.name for ours, theirs in pair.modules() if ours.library and theirs.library)
    fitting = frozenset(sites)
    misshapen = tuple(Site(e.site) for e in comparable if e.site not in fitting)
    noise = manifest.noise
    return Trace(
        sites, manifest.calls, classes, setting_differences(pair), noise.rounding, noise.exact, misshapen, library
    )


def _same_shapes(manifest: Manifest, entry: SiteEntry, outputs: Sequence[tuple[str, tuple[int, ...]]]) -> bool:
    ours = [manifest.tensors[key].shape for _, key in tensor_keys(entry.output)]
    theirs = [shape for _, shape in outputs]
    return len(ours) == len(theirs) and all(
        a == b or math.prod(a) == math.prod(b) == 1 for a, b in zip(ours, theirs, strict=True)
    )


def _is_complex(manifest: Manifest, entry: SiteEntry) -> bool:
    return any(pairs.kind_of(manifest.tensors[key].dtype) == "c" for _, key in tensor_keys(entry.output))


def state_of(pair: Pair) -> list[Site]:
    """Return what can be given the reference's value: tensors that fit, a tied one by its first name alone."""
    return [Site(a.name) for a, b in pair.state() if b.alias_of is None and fits(a, b)]


def fits(ours: StateEntry, theirs: StateEntry) -> bool:
    """Tell whether a tensor of the port can hold the reference's value; complex numbers may be pairs of real ones there."""
    if ours.shape == theirs.shape or ours.size == theirs.size == 1:
        return True
    return pairs.form_of(theirs.shape, pairs.kind_of(theirs.dtype), ours.shape, pairs.kind_of(ours.dtype)) is not None
