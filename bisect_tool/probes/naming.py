"""The port's names beside the reference's: requests are made in the port's, readings come back in the reference's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Draws, Reading, Watched
from bisect_tool.sites import BUFFER, STEP, Site, buffer_of


class Naming:
    """Which name of the port stands for which of the reference's.

    Attributes: ``to_port``, ``to_reference``, and ``variables``: the sites among them that are variables.
    """

    def __init__(self, to_port: Mapping[str, str]) -> None:
        self.to_port = dict(to_port)
        self.to_reference = {port: ours for ours, port in self.to_port.items()}
        self.variables: set[Site] = set()

    def add_variables(self, pairs: Mapping[Site, Site]) -> None:
        """Take variables as sites: the reference's name of each to the port's own."""
        self.variables |= pairs.keys()
        self.to_port.update((str(ours), str(port)) for ours, port in pairs.items())
        self.to_reference = {port: ours for ours, port in self.to_port.items()}

    def in_port(self, sites: Iterable[str]) -> list[str]:
        """Return the port's names of some sites, sorted. Raises KeyError for one that the port does not have."""
        return sorted(self.to_port[site] for site in sites)

    def known(self, sites: Iterable[str]) -> list[str]:
        """Return the port's names of those sites that it has, sorted."""
        return self.in_port(site for site in sites if site in self.to_port)

    def in_reference(self, name: str) -> str:
        """Return the reference's name for one of the port's; one that stands for nothing stays what it is."""
        return self.to_reference.get(name, name)

    def fields(self, intervention: Intervention) -> dict[str, Any]:
        """Return what every request that runs a probe says of an intervention."""
        disturbed = sorted(intervention.disturbed)
        return {
            "patch": self.in_port(intervention.patched),
            "watch": self.known(intervention.watched),
            "keep": self.known(intervention.kept),
            "feed": self.known(intervention.fed),
            "exact": self.known(intervention.exact),
            "disturb": {self.to_port[site]: size for site, size in disturbed if site in self.to_port},
            "aimed": self.known(intervention.aimed),
            "shake": self.known(intervention.shaken),
            "echo": intervention.echo,
            "point": intervention.point,
            "dissolved": None
            if intervention.dissolved is None
            else self.known(intervention.dissolved | intervention.drifting),
        }

    def fields_with_variables(self, intervention: Intervention) -> dict[str, Any]:
        """Return the same, and whether variables are sites in this run."""
        asked = intervention.patched | intervention.watched
        return {**self.fields(intervention), "variables": not self.variables.isdisjoint(asked)}

    def probe(self, intervention: Intervention) -> tuple[str, dict[str, Any]]:
        """Return which request runs a probe, and its fields."""
        request = self.fields_with_variables(intervention)
        if intervention.as_it_is:
            request["digests"] = True
        if intervention.backward == "pieces":
            return "pull_pieces", request
        if not intervention.backward:
            return "run", request
        return "pull", {
            **request,
            "straight": self.in_port(intervention.straight),
            "pulled": self.in_port(intervention.pulled),
            "severed": self.in_port(intervention.severed),
            "corrected": [
                *self.in_port(intervention.corrected - {STEP}),
                *(site for site in intervention.corrected if site == STEP),
            ],
            "thawed": self.in_port(intervention.thawed),
            "tied": {self.to_port[copy]: self.to_port[first] for copy, first in sorted(intervention.tied)},
        }

    def reading(self, reading: Reading) -> Reading:
        """Return a reading in the reference's names."""
        back = self.in_reference
        return dataclasses.replace(
            reading,
            receipts={back(k): v for k, v in reading.receipts.items()},
            standing={back(k): v for k, v in reading.standing.items()},
            watched={back(k): _renamed(v, back) for k, v in reading.watched.items()},
            left=_buffers(reading.left, back),
            calls=tuple((back(site), outputs) for site, outputs in reading.calls),
            draws=Draws(
                {back(site): count for site, count in reading.draws.given.items()},
                tuple(dataclasses.replace(draw, site=back(draw.site)) for draw in reading.draws.kept),
            ),
            digests={back(site): digest for site, digest in reading.digests.items()},
            transformed=tuple(map(back, reading.transformed)),
            unread=tuple(Site(back(name)) for name in reading.unread),
            gradients={back(k): v for k, v in reading.gradients.items()},
            pieces=tuple(
                dataclasses.replace(row, site=back(row.site), path=back(row.path) if row.part == "state" else row.path)
                for row in reading.pieces
            ),
            unsure=tuple(Site(back(site)) for site in reading.unsure),
        )


def _renamed(watched: Watched, back: Callable[[str], str]) -> Watched:
    return dataclasses.replace(
        watched,
        around=None if watched.around is None else back(watched.around),
        inputs=_buffers(watched.inputs, back),
        output=_buffers(watched.output, back),
        exact=None if watched.exact is None else _buffers(watched.exact, back),
        exact_inputs=None if watched.exact_inputs is None else _buffers(watched.exact_inputs, back),
    )


def _buffers(rows: tuple[Comparison, ...], back: Callable[[str], str]) -> tuple[Comparison, ...]:
    return tuple(dataclasses.replace(row, path=renamed_buffer(row.path, back)) for row in rows)


def renamed_buffer(path: str, back: Callable[[str], str]) -> str:
    """Return a path with another name of the buffer in it, where it is one."""
    name = buffer_of(path)
    return path if name is None else BUFFER + back(name)
