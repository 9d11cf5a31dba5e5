"""What a port's worker is told of a capture: the reference's values by the port's own names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bisect_tool.captures.manifest import Gradients, Manifest
from bisect_tool.captures.reader import has_opaque, tensor_keys
from bisect_tool.frameworks import Framework
from bisect_tool.pairing.names import Matching
from bisect_tool.sites import STEP, call_number, call_site, calls_around, module_of


def port_names(manifest: Manifest, matching: Matching, framework: Framework) -> dict[str, str]:
    """Return the port's name of every recorded call, parameter and buffer at which the reference's value can be put."""
    lost = {key for key, entry in manifest.tensors.items() if entry.dtype.startswith("complex")}
    lost = lost if framework.lacks_complex else set()
    calls = {
        entry.site: call_site(matching.modules[entry.module], call_number(entry.site))
        for entry in manifest.sites
        if entry.module in matching.modules
        and not has_opaque(entry.output)
        and lost.isdisjoint(key for _, key in tensor_keys(entry.output))
    }
    return {**calls, **matching.state}


def attach_request(folder: Path, manifest: Manifest, matching: Matching, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of ``attach``; ``names`` are the port's, see ``port_names``."""
    sites: dict[str, dict[str, Any]] = {
        names[entry.site]: {"inputs": entry.inputs, "output": entry.output, "inside": {}}
        for entry in manifest.sites
        if entry.site in names
    }
    for call in manifest.calls:
        module = matching.modules.get(module_of(call))
        for around in calls_around(manifest.calls, call) if module is not None else ():
            if around in names:
                inside = sites[names[around]]["inside"]
                inside[module] = inside.get(module, 0) + 1
    return {
        "folder": str(folder),
        "sites": sites,
        "state": {port: manifest.state[name] for name, port in matching.state.items()},
        "batch": manifest.batch,
        "tensors": {key: {"file": entry.file, "shape": list(entry.shape)} for key, entry in manifest.tensors.items()},
        "gradients": None if manifest.gradients is None else _gradients(manifest.gradients, names),
        "largest": max((math.prod(entry.shape) for entry in manifest.tensors.values()), default=1),
    }


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
