"""Readings on disk: an interrupted or repeated run asks no probe twice."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bisect_tool.errors import BisectError
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading
from bisect_tool.sealed import fits, seal
from bisect_tool.worker import plain_files

MOST_BYTES = 4 << 30
MOST_OF_A_LINE = 1 << 28  # bytes


class ProbeCache:
    """Readings of one port of one state of its code, one JSON line each.

    ``path`` must name everything a reading depends on but the intervention. A line that a crash cut short, or whose checksum does
    not fit, is passed over: what it answered is asked again. Raises BisectError for what is no plain file, or too large.

    Attributes: ``passed_over``: how many lines were.
    """

    def __init__(self, path: Path) -> None:
        self.passed_over = 0
        self._path = path
        self._readings: dict[str, Reading] = {}
        for line in _lines(path):
            try:
                data = _checked(line)
                self._readings[data["key"]] = Reading.from_json(data["reading"])
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                self.passed_over += 1

    def __len__(self) -> int:
        return len(self._readings)

    def get(self, intervention: Intervention) -> Reading | None:
        """Return the reading of an intervention, if it was ever asked, and is not to be asked anew."""
        return None if intervention.anew else self._readings.get(intervention.key)

    def put(self, intervention: Intervention, reading: Reading) -> None:
        """Keep a reading that may be used again, on disk before this returns. Raises BisectError when the disk does not take it."""
        if intervention.anew:
            return
        self._readings[intervention.key] = reading
        line = seal(json.dumps({"key": intervention.key, "reading": reading}, default=vars))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" + line + "\n")  # the first newline ends whatever a crash left behind
        except OSError as error:
            raise BisectError(
                f"cannot keep the probe in {self._path}: {error.strerror or error}; those before it are kept",
                hint="free some space and run the same command to go on",
            ) from error


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file that are not empty, none where there is no file."""
    if not os.path.lexists(path):
        return
    try:
        plain_files.check(path, MOST_BYTES)
        with path.open("rb") as file:
            while line := file.readline(MOST_OF_A_LINE):
                if line.strip():
                    yield line
    except OSError as error:
        raise BisectError(
            f"cannot read the kept probes {path}: {error.strerror}", hint="remove it and run again"
        ) from error


def _checked(line: bytes) -> Any:
    if not fits(line):
        raise ValueError("another checksum")
    return json.loads(line)
