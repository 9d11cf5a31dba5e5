"""The digest of the user's code: what is kept of a port holds only while it is the same."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from bisect_tool.worker.model import sources


@pytest.mark.parametrize("place", ["site-packages", "src"])
def test_code_that_changes_wherever_it_lies_is_other_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Also in an installed package: a loss may stand there."""
    file = tmp_path / place / f"loss_of_{place.replace('-', '_')}.py"
    file.parent.mkdir()
    file.write_text("def scaled(x): return x\n")
    monkeypatch.syspath_prepend(str(file.parent))
    holder = tmp_path / "own" / f"own_{file.stem}.py"  # the user's code, which names it
    holder.parent.mkdir()
    holder.write_text(f"from {file.stem} import scaled\n")
    monkeypatch.syspath_prepend(str(holder.parent))
    importlib.import_module(holder.stem)
    before = sources.sources([])
    assert sources.sources([]) == before
    file.write_text("def scaled(x): return 2 * x\n")
    assert sources.sources([]) != before


def test_frameworks_and_python_are_no_users_code() -> None:
    """Whatever folder the virtual environment lies in."""
    frameworks = sources.folders_of_frameworks()
    assert sources.is_library(importlib.import_module("json").__file__ or "", frameworks)
    assert sources.is_library(np.__file__, frameworks)
    assert sources.is_library(sources.__file__, frameworks)
    assert not sources.is_library(pytest.__file__, frameworks)
    assert not sources.is_library(__file__, frameworks)
