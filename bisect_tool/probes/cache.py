"""Readings on disk: an interrupted or repeated run asks no probe twice."""

from __future__ import annotations

import json
from pathlib import Path

from bisect_tool.errors import BisectError
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Reading


class ProbeCache:
    """Readings of one port of one state of its code, one JSON line each.

    ``path`` must name everything a reading depends on but the intervention. A line that a crash cut short is
    passed over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._readings: dict[str, Reading] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    data = json.loads(line)
                    self._readings[data["key"]] = Reading.from_json(data["reading"])
                except (ValueError, KeyError, TypeError, AttributeError):
                    continue

    def get(self, intervention: Intervention) -> Reading | None:
        """Return the reading of an intervention, if it was ever asked."""
        return self._readings.get(intervention.key)

    def put(self, intervention: Intervention, reading: Reading) -> None:
        """Keep a reading, on disk before this returns. Raises BisectError when the disk does not take it."""
        self._readings[intervention.key] = reading
        line = json.dumps({"key": intervention.key, "reading": reading}, default=vars)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" + line + "\n")  # the first newline ends whatever a crash left behind
        except OSError as error:
            raise BisectError(
                f"cannot keep the probe in {self._path}: {error.strerror or error}; those before it are kept",
                hint="free some space and run the same command to go on",
            ) from error
