"""What a port's worker is told of a capture: the reference's values by the port's own names."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from bisect_tool.captures.manifest import Gradients, Manifest, Point
from bisect_tool.captures.stored import stored
from bisect_tool.pairing.names import Matching
from bisect_tool.sites import STEP, Site, call_number, call_site, calls_around, module_of


def port_names(manifest: Manifest, matching: Matching) -> dict[str, str]:
    """Return the port's name of every recorded call, parameter and buffer that has a partner."""
    calls = {
        entry.site: call_site(matching.modules[entry.module], call_number(entry.site))
        for entry in manifest.sites
        if entry.module in matching.modules
    }
    return {**calls, **matching.state}


def call_of_draw(manifest: Manifest, site: str, known: Container[str]) -> Site:
    """Return the innermost call that the port makes too around one that draws, itself included; ``step`` where there is none."""
    return next((Site(call) for call in (site, *calls_around(manifest.calls, site)) if call in known), STEP)


def attach_request(folder: Path, manifest: Manifest, matching: Matching, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of ``attach``; ``names`` are the port's, see ``port_names``."""
    arguments = {module.name: list(module.arguments) for module in manifest.described.modules}
    return {
        "folder": str(folder),
        **_run(manifest, matching, names, arguments),
        "stirred": None if manifest.stirred is None else _run(manifest.stirred, matching, names, arguments),
        "batch": manifest.batch,
        "draws": _draws(manifest, names),
        "tensors": stored(manifest),
        "gradients": None if manifest.gradients is None else _gradients(manifest.gradients, names),
        "largest": max((math.prod(entry.shape) for entry in manifest.tensors.values()), default=1),
    }


def _run(
    run: Manifest | Point, matching: Matching, names: Mapping[str, str], arguments: Mapping[str, list[str]]
) -> dict[str, Any]:
    """Return what one recorded run was given and gave at each call, where each lies, and the weights that it had."""
    sites: dict[str, dict[str, Any]] = {
        names[entry.site]: {
            "inputs": entry.inputs,
            "output": entry.output,
            "state": {matching.state[n]: list(keys) for n, keys in entry.state.items() if n in matching.state},
            "inside": {},
            "around": None,
            "arguments": arguments[entry.module],
            **({"attributes": {"of": entry.module, "values": entry.attributes}} if entry.attributes else {}),
        }
        for entry in run.sites
        if entry.site in names
    }
    for call in run.calls:
        module = matching.modules.get(module_of(call))
        around = [names[outer] for outer in calls_around(run.calls, call) if names.get(outer) in sites]
        if names.get(call) in sites:
            sites[names[call]]["around"] = around[0] if around else None
        for outer in around if module is not None else ():
            inside = sites[outer]["inside"]
            inside[module] = inside.get(module, 0) + 1
    state, left = ({port: of[n] for n, port in matching.state.items() if n in of} for of in (run.state, run.left))
    return {"sites": sites, "state": state, "left": left}


def _draws(manifest: Manifest, names: Mapping[str, str]) -> dict[str, Any]:
    """Return what the reference draws, by the port's innermost call around it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for draw in manifest.draws:
        entry = {"law": draw.law, "parameters": list(draw.parameters), "value": draw.value}
        found.setdefault(names.get(call_of_draw(manifest, draw.site, names), STEP), []).append(entry)
    return found


def _gradients(recorded: Gradients, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the reference's gradients: keys alone, and which calls lie in which."""
    sites = {
        names.get(site, site): {
            "inputs": {path: key for path, (key, _) in entry.inputs.items()},
            "output": {path: key for path, (key, _) in entry.output.items()},
            "state": {names[name]: key for name, (key, _) in entry.state.items() if name in names},
        }
        for site, entry in recorded.sites.items()
        if site == STEP or site in names
    }
    return {
        "of": recorded.of,
        "off": [names[site] for site in recorded.off if site in names],
        "parameters": {names[name]: key for name, key in recorded.parameters.items() if name in names},
        "sites": sites,
    }
