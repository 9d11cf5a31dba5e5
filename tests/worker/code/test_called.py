"""Which files count of those whose functions a run calls."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from bisect_tool.worker.code.called import Called

PACKAGE = """
import torch

def loss(x):
    return inner(x)

def inner(x):
    return x.sum()

class Net(torch.nn.Module):
    def forward(self, x):
        return x
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> object:
    """A module that is installed, of a name of its own."""
    file = tmp_path / "site-packages" / f"{request.node.originalname}.py"
    file.parent.mkdir()
    file.write_text(PACKAGE)
    monkeypatch.syspath_prepend(str(file.parent))
    return importlib.import_module(file.stem)


def test_what_the_recipe_calls_counts_and_what_that_calls(package: object) -> None:
    """In an installed package."""
    called = Called(lambda file: file == __file__)
    with called.noted():
        package.loss(torch.ones(2))  # type: ignore[attr-defined]
    assert called.files == {package.__file__}  # type: ignore[attr-defined]


def test_a_module_that_a_framework_calls_counts(package: object) -> None:
    """Its class is installed, and nobody of the recipe calls it itself."""
    called = Called(lambda _file: False)
    with called.noted():
        torch.nn.Sequential(package.Net())(torch.ones(2))  # type: ignore[attr-defined]
    assert package.__file__ in called.files  # type: ignore[attr-defined]


def test_what_a_framework_or_an_import_needs_for_itself_does_not_count(package: object, tmp_path: Path) -> None:
    """Neither does code that an import runs."""
    (tmp_path / "site-packages" / "imported_late.py").write_text(
        f"from {package.__name__} import loss\nimport torch\nloss(torch.ones(2))\n"  # type: ignore[attr-defined]
    )
    called = Called(lambda file: file == __file__)
    with called.noted():
        importlib.import_module("imported_late")
        torch.utils._pytree.tree_map(package.inner, torch.ones(2))  # type: ignore[attr-defined]
    assert not called.files
