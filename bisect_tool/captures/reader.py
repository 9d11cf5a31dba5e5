"""Open a capture: check the manifest, the files and their fit (see `problems`) before anything is used."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from pydantic import ValidationError

from bisect_tool.captures.again import again
from bisect_tool.captures.manifest import FORMAT, Manifest
from bisect_tool.captures.owned import is_capture, tidy
from bisect_tool.captures.problems import problems_of
from bisect_tool.captures.stored import stored
from bisect_tool.errors import BisectError, CaptureError
from bisect_tool.sealed import fits
from bisect_tool.validation import explain
from bisect_tool.worker import plain_files
from bisect_tool.worker.arrays import trees
from bisect_tool.worker.arrays.shards import DamagedError, OpenShards

MOST_BYTES = 1 << 30  # of a manifest
MOST_PROBLEMS = 20  # looked for
NAME_ONE = "record one with `bisect capture`, or give the folder of one: CAPTURES/RECIPE/MODEL"
MOST_SAID = 400  # characters of what is wrong with a capture


@dataclass(frozen=True)
class Capture:
    """A checked capture. Attributes: ``folder``, ``manifest`` and ``key``, a hash of the manifest."""

    folder: Path
    manifest: Manifest
    key: str

    @classmethod
    def open(cls, place: str | os.PathLike[str], record: str = "") -> Capture:
        """Open and check the capture in a folder. Raises BisectError that says what is wrong with which file.

        One that a killed run moved aside is put back first. ``record`` is the next step where there is none.
        """
        folder = Path(place).resolve()
        tidy(folder)
        path = folder / "manifest.json"
        text = _text(path, record)
        data = _data(path, text)
        manifest = _manifest(path, data)
        problems = tuple(itertools.islice(problems_of(folder, manifest), MOST_PROBLEMS))
        if problems:
            raise BisectError(f"damaged capture {folder}: {_first('; '.join(problems))}", hint=again(folder, manifest))
        if not fits(text):
            raise BisectError(
                f"{path}: changed after it was recorded (its checksum does not fit)", hint=again(folder, manifest)
            )
        return cls(folder, manifest, hashlib.blake2b(text, digest_size=8).hexdigest())

    @functools.cached_property
    def variables(self) -> dict[str, dict[str, Any]]:
        """Return the recorded value of each variable by its site."""
        return {entry.site: entry.value for entry in self.manifest.variables}

    def read(self, key: str) -> npt.NDArray[Any]:
        """Return one recorded array. Raises CaptureError where it is not the one that was recorded."""
        with self.told():
            return self._stored.read(key)

    def view(self, key: str) -> npt.NDArray[Any]:
        """Return one recorded array as a view of its file; raises as ``read`` does."""
        with self.told():
            return self._stored.view(key)

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Tell of a tensor that is not the recorded one as the tool does, whichever process read it: with the whole next step."""
        try:
            yield
        except DamagedError as error:
            raise CaptureError(str(error), hint=again(self.folder, self.manifest)) from error
        except CaptureError as error:
            error.hint = again(self.folder, self.manifest)
            raise

    @functools.cached_property
    def _stored(self) -> OpenShards:
        return OpenShards(str(self.folder), stored(self.manifest))


def tensor_keys(tree: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return (path, tensor key) for every tensor of a recorded value."""
    return trees.keys(tree)


def has_opaque(tree: dict[str, Any]) -> bool:
    """Tell whether part of a recorded value could not be written down, so that it cannot be patched."""
    return any(True for _ in trees.opaque_in(tree))


def _text(path: Path, record: str) -> bytes:
    folder = path.parent
    try:
        return plain_files.content(path, MOST_BYTES)
    except FileNotFoundError:
        if is_capture(folder):
            raise BisectError(f"damaged capture {folder}: its {path.name} is gone", hint=again(folder)) from None
        nothing = "" if folder.exists() else ": nothing is there"
        raise BisectError(f"no capture in {folder}{nothing}", hint=record or NAME_ONE) from None
    except NotADirectoryError:
        raise BisectError(f"no capture in {folder}: it is no folder", hint=record or NAME_ONE) from None
    except OSError as error:
        raise BisectError(f"cannot read {path}: {error.strerror}", hint=again(folder)) from error


def _data(path: Path, text: bytes) -> dict[str, Any]:
    """Return what a manifest says, if it is of the format that this version reads."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BisectError(f"{path}: not valid JSON: {error}", hint=again(path.parent)) from error
    found = data.get("format") if isinstance(data, dict) else None
    if found != FORMAT:
        raise BisectError(f"{path}: format {found!r}, this version reads {FORMAT}", hint=again(path.parent))
    return dict(data)


def _manifest(path: Path, data: dict[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        raise BisectError(f"{path}: {_first(explain(error))}", hint=again(path.parent)) from error
    except RecursionError as error:
        raise BisectError(f"{path}: nested too deeply", hint=again(path.parent)) from error


def _first(text: str) -> str:
    return text if len(text) <= MOST_SAID else text[:MOST_SAID] + " ..."
