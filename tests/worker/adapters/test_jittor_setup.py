"""Where Jittor's compiled code lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bisect_tool.worker.adapters.jittor_setup import jittor_home


def test_a_home_that_jittor_noted_stays_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jittor writes down a JITTOR_HOME of one run; oneDNN has to lie where later runs look."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JITTOR_HOME", raising=False)
    notes = tmp_path / ".cache" / "jittor" / "config.json"
    assert jittor_home() == tmp_path
    notes.parent.mkdir(parents=True)
    for damaged in ("", "[]", "{}"):
        notes.write_text(damaged)
        assert jittor_home() == tmp_path
    notes.write_text(json.dumps({"JITTOR_HOME": "/elsewhere"}))
    assert jittor_home() == Path("/elsewhere")
    monkeypatch.setenv("JITTOR_HOME", "/now")
    assert jittor_home() == Path("/now")
