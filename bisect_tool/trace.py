"""The reference's calls in execution order, as far as the port makes them too: the axis that cuts lie on."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bisect_tool.sites import Site, calls_around, module_of


@dataclass(frozen=True)
class Trace:
    """The sites that can be patched, in order of completion: children before the container around them.

    Attributes:
        sites: the axis; cut ``k`` patches ``sites[:k]``.
        parents: each recorded call to the call around it.
        classes: each module to (reference class, port class).
        differences: each module whose settings differ to the differences, as ``setting_differences`` has them.
        rounding: the relative error that honest rounding makes in one layer of any framework.
        misshapen: calls that are no site, since their outputs have other shapes than the reference's.
        exact: each site to the relative error that rounding makes there in the reference, against float64.

    """

    sites: tuple[Site, ...]
    parents: Mapping[str, str | None]
    classes: Mapping[str, tuple[str, str]]
    differences: Mapping[str, Mapping[str, tuple[object, object]]]
    rounding: float
    exact: Mapping[str, float]
    misshapen: tuple[Site, ...] = ()

    def without(self, sites: Iterable[Site]) -> Trace:
        """Return the trace with fewer calls to patch."""
        fewer = frozenset(sites)
        sites, misshapen = (tuple(s for s in group if s not in fewer) for group in (self.sites, self.misshapen))
        return dataclasses.replace(self, sites=sites, misshapen=misshapen)

    @functools.cached_property
    def containers(self) -> frozenset[str | None]:
        """Return the calls that have calls inside them."""
        return frozenset(self.parents.values())

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

    def unseen_in(self, site: Site) -> list[Site]:
        """Return the calls inside a call that belong to its own code as far as probes can tell: none of them a site."""
        between = {Site(call): self.chain(Site(call))[1:] for call in self.parents if call not in self.members}
        return [
            call
            for call, around in between.items()
            if site in around and not set(around[: around.index(site)]) & self.members
        ]

    def chain(self, site: Site) -> list[Site]:
        """Return a site and the calls around it, innermost first."""
        return [site, *calls_around(self.parents, site)]

    def kinds(self, sites: Iterable[Site]) -> list[tuple[Site, ...]]:
        """Return some calls by their kind: those of one are of the same classes, and differ in the same settings."""
        groups: dict[tuple[str, str] | None, list[tuple[object, list[Site]]]] = {}
        found: list[list[Site]] = []
        for site in sites:
            module = module_of(site)
            differences = self.differences.get(module)
            alike = groups.setdefault(self.classes.get(module), [])
            group = next((group for wanted, group in alike if wanted == differences), None)
            if group is None:
                group = []
                alike.append((differences, group))
                found.append(group)
            group.append(site)
        return [tuple(group) for group in found]

    def kin(self, site: Site) -> list[Site]:
        """Return the other sites of the same classes that differ in the same settings, whichever call they are."""
        module = module_of(site)
        wanted = (self.classes.get(module), self.differences.get(module))
        return [
            other
            for other in (*self.sites, *self.misshapen)
            if other != site and (self.classes.get(module_of(other)), self.differences.get(module_of(other))) == wanted
        ]


def lies_in(module: str, owners: Iterable[str]) -> bool:
    """Tell whether a module is one of some modules, or lies in one of them."""
    return any(module == owner or module.startswith(f"{owner}.") or not owner for owner in owners)
