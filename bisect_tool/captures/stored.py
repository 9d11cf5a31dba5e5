"""What a capture holds each tensor for, and where each lies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bisect_tool.captures.manifest import Manifest, Point
from bisect_tool.worker.arrays import trees

STIRRED = " at stirred weights"


def stored(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return of each tensor its file, its shape, its content hash, and in words what it is: all that reading it takes."""
    what = {key: where for where, key in reversed(list(uses_of(manifest)))}  # the first use of each
    return {
        key: {"file": entry.file, "shape": list(entry.shape), "hash": entry.hash, "what": what.get(key, "used nowhere")}
        for key, entry in manifest.tensors.items()
    }


def uses_of(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield (what, tensor key) for all that a capture holds."""
    yield from (("batch", key) for _, key in trees.keys(manifest.batch))
    yield from (pair for part in (_keys_of(manifest), _draw_keys(manifest), _gradient_keys(manifest)) for pair in part)
    yield from ((variable.site, key) for variable in manifest.variables for _, key in trees.keys(variable.value))
    if manifest.stirred is not None:
        yield from ((f"{where}{STIRRED}", key) for where, key in _keys_of(manifest.stirred))


def _keys_of(run: Manifest | Point) -> Iterator[tuple[str, str]]:
    """Yield (what, tensor key) for the calls and the state of one run."""
    for site in run.sites:
        yield from ((f"{site.site} inputs", key) for _, key in trees.keys(site.inputs))
        yield from ((f"{site.site} output", key) for _, key in trees.keys(site.output))
        yield from ((f"{site.site} attributes", key) for _, key in trees.keys(site.attributes or {"list": []}))
        yield from ((f"{name} in {site.site}", key) for name, keys in site.state.items() for key in keys)
    yield from run.state.items()
    yield from ((f"{name} after the step", key) for name, key in run.left.items())


def _draw_keys(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for draw in manifest.draws:
        keys = [draw.value, *(one for one in draw.parameters if isinstance(one, str))]
        yield from ((f"a draw in {draw.site}", key) for key in keys)


def _gradient_keys(manifest: Manifest) -> Iterator[tuple[str, str]]:
    gradients = manifest.gradients
    if gradients is None:
        return
    yield from ((f"the gradient of {name}", key) for name, key in gradients.parameters.items() if key is not None)
    for name, after in (gradients.optimizer.after if gradients.optimizer else {}).items():
        yield from ((f"{name} after a step", key) for key in after)
    for site, keys in gradients.variables.items():
        yield from ((f"the gradient of {site}", key) for key in keys.values())
    for site, entry in gradients.sites.items():
        pairs = [pair for part in (entry.inputs, entry.output, entry.state) for pair in part.items()]
        yield from ((f"the gradient at {site} {path}", key) for path, (key, _) in pairs if key is not None)
