"""What is imported where: the tool needs no framework, and the worker no new Python."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import bisect_tool

WORKER = Path(bisect_tool.__file__).parent / "worker"
FRAMEWORKS = ("torch", "jittor")


def loaded(statement: str, folder: Path) -> set[str]:
    """Return which frameworks a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {FRAMEWORKS} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_command_line_loads_no_framework():
    """Importing the whole command line imports neither torch nor jittor."""
    assert loaded("import bisect_tool.cli.app, bisect_tool.session", WORKER.parent.parent) == set()


def test_an_adapter_loads_its_framework_when_it_is_prepared():
    """Importing both adapters imports neither torch nor jittor."""
    adapters = "from bisect_tool.worker.adapters import jittor_adapter, torch_adapter"
    assert loaded(adapters, WORKER.parent.parent) == set()


def test_a_loaded_framework_would_be_seen(tmp_path):
    """The check above fails for whatever imports torch or jittor, be it indirectly."""
    for name in FRAMEWORKS:
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "helper.py").write_text("def use():\n    import torch\nuse()\nimport jittor\n")
    assert loaded("import helper", tmp_path) == set(FRAMEWORKS)


@pytest.mark.parametrize("path", sorted(WORKER.rglob("*.py")), ids=lambda path: path.name)
def test_the_worker_parses_on_python_3_8(path):
    """Each file of the worker is Python 3.8."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("code", ["match x:\n    case 1: pass", "with (open(a) as b, open(c) as d): pass"])
def test_newer_syntax_would_be_seen(code):
    """The check above fails for what only later versions parse."""
    ast.parse(code)
    with pytest.raises(SyntaxError):
        ast.parse(code, feature_version=(3, 8))
