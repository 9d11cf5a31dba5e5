"""The report as data: what ``run`` saves, ``--json`` prints and renderers draw."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bisect_tool.culprit import Culprit, Line, Proof
from bisect_tool.errors import BisectError
from bisect_tool.finding import Finding
from bisect_tool.questions.question import LogRow, ProbeLog
from bisect_tool.questions.tolerance import Interval

FORMAT = 1
EXIT_CODES = {"agrees": 0, "diverges": 1, "inconclusive": 3}


def plain_data(data: dict[str, Any]) -> dict[str, Any]:
    """Return data with NaN and infinity as the words "nan" and "inf": JSON has no such numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return {key: plain(value) for key, value in data.items()}


def finding_data(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain data."""
    return {"check": finding.check, "sites": list(finding.sites), "message": finding.message}


def culprit_data(culprit: Culprit) -> dict[str, Any]:
    """Return a culprit with its two proof probes as plain data."""
    return {
        "kind": culprit.kind,
        "sites": list(culprit.sites),
        "confirmed": culprit.confirmed,
        "felt": not culprit.silent,
        "findings": [finding_data(f) for f in culprit.findings],
        "sufficient": _proof_data(culprit.sufficient),
        "necessary": _proof_data(culprit.necessary),
        "line": None if culprit.line is None else _line_data(culprit.line),
    }


def _line_data(line: Line) -> dict[str, Any]:
    return {
        "reference": None if line.reference is None else line.reference.model_dump(),
        "port": None if line.port is None else line.port.model_dump(),
        "unclear": list(line.unclear),
    }


def interval_data(interval: Interval | None) -> dict[str, Any] | None:
    """Return where a target may lie as plain data."""
    if interval is None:
        return None
    return {"low": interval.low, "high": interval.high, "centre": interval.centre, "origin": interval.origin}


def log_data(log: ProbeLog, sites: int) -> dict[str, Any]:
    """Return the probe log and what it cost; ``sites`` is the number of cuts that could be asked."""
    # A call in float64, single lines and a backward pass are asked of kernels that no other probe needs.
    plain = [row for row in log.rows if row.phase not in ("exact", "lines", "backward")]
    remembered = len({intervention.kept for intervention in log.readings if intervention.kept})  # one run each
    first = plain[0].kernels if plain else None  # None where it was kept from an earlier run, too
    return {
        "count": len(log.rows),
        "sites": sites,
        "search": log.count("search"),
        "search_limit": math.ceil(math.log2(max(sites, 2))) + 3,
        "values": log.count("start"),
        "search_passes": round(log.passes("search", "start") + remembered, 3),
        "passes": round(sum(row.share for row in log.rows) + remembered, 3),
        "seconds": round(sum(row.seconds for row in log.rows), 3),
        "kernels_first": first,
        "kernels_after": None if first is None else sum(row.kernels or 0 for row in plain[1:]),
        "log": [_row_data(row) for row in log.rows],
    }


def save_report(report: dict[str, Any], path: Path) -> None:
    """Write a report. Raises BisectError when the disk does not take it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".partial")
        temporary.write_text(json.dumps(report, indent=1), encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise BisectError(f"cannot save the report {path}: {error.strerror or error}") from error


def load_report(path: Path) -> dict[str, Any]:
    """Read a saved report. Raises BisectError when it is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BisectError(f"cannot read {path}: {error.strerror}", hint="make one with `bisect run`") from error
    except (ValueError, RecursionError) as error:
        raise BisectError(f"{path}: not valid JSON: {error}", hint="make one with `bisect run`") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT or str(data.get("verdict")) not in EXIT_CODES:
        raise BisectError(f"{path}: not a report of this version", hint="make one with `bisect run`")
    return data


def _proof_data(proof: Proof | None) -> dict[str, Any] | None:
    return None if proof is None else {"what": proof.what, "value": proof.value, "verdict": proof.verdict.value}


def _row_data(row: LogRow) -> dict[str, Any]:
    return {
        "phase": row.phase,
        "what": row.what,
        "patched": row.patched,
        "value": row.value,
        "verdict": row.verdict.value,
        "seconds": round(row.seconds, 4),
        "share": round(row.share, 4),
        "kernels": row.kernels,
        "failure": row.failure,
    }


def sentence_list(items: Sequence[str], most: int = 4) -> str:
    """Return names as a sentence part: 'a, b and c'."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
