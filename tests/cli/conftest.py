"""Desks: folders with a small recipe in them, with or without a capture."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a folder with the small recipe, nothing captured."""
    return Desk(tmp_path).write()


@pytest.fixture(scope="session")
def _recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Desk(tmp_path_factory.mktemp("recorded")).write().captured()


@pytest.fixture
def recorded(_recorded: Path, tmp_path: Path) -> Desk:
    """Return a folder with the small recipe and a capture of its reference."""
    shutil.copytree(_recorded, tmp_path, dirs_exist_ok=True)
    return Desk(tmp_path)
