"""A worker whose first probe puts something in looks first at what the model has there."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_model import WIRE, Small, model_of, record_small

from bisect_tool.worker import operations
from bisect_tool.worker.adapters import torch_adapter


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """One recorded reference for the module."""
    return record_small(tmp_path_factory.mktemp("small"))


def test_the_first_probe_may_be_a_patch(small: Small, tmp_path: Path) -> None:
    """Others were answered from the cache: the model's own containers are known all the same, once."""
    session = operations.Session(torch_adapter, WIRE, [])
    session._model = model_of(small.folder)
    session._reference = small.reference()
    session._lines = None  # type: ignore[assignment]
    assert session._model.templates == {}
    reading = session.run(["net.block"])
    assert set(session._model.templates) == {entry["site"] for entry in small.manifest["sites"]}
    assert reading["targets"] == small.manifest["targets"]
