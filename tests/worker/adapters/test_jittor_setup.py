"""Where Jittor's compiled code lies."""

from __future__ import annotations

import json
from pathlib import Path

from bisect_tool.worker.adapters.jittor_setup import jittor_home


def test_a_home_that_jittor_noted_stays_in_force(tmp_path: Path) -> None:
    """Jittor writes down a JITTOR_HOME of one run; oneDNN has to lie where later runs look."""
    user = {"HOME": str(tmp_path)}
    notes = tmp_path / ".cache" / "jittor" / "config.json"
    assert jittor_home(user) == tmp_path
    notes.parent.mkdir(parents=True)
    for damaged in ("", "[]", "{}", '{"JITTOR_HOME": 5}'):
        notes.write_text(damaged)
        assert jittor_home(user) == tmp_path
    notes.write_text(json.dumps({"JITTOR_HOME": "/elsewhere"}))
    assert jittor_home(user) == Path("/elsewhere")
    assert jittor_home({**user, "JITTOR_HOME": "/now"}) == Path("/now")
