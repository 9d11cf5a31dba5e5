"""Mistakes in source: each is a program, changes one place, and knows where it lies."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from conftest import ROOT, imports_from

with imports_from(ROOT / "benchmarks"):
    from mutant_build import changed
    from mutating_source import source_mutants

SOURCE = """\
class Block(nn.Module):
    def execute(self, x):
        return gate(self.cv(x)) + x


class Loss:
    def __call__(self, a, b):
        total = (a - b) * 2.0
        total = total.abs()
        return spread(total.sum(-1) / 3, b)


def gate(x):
    return x * (x > 0)


def spread(x, y):
    return (x - y[..., :2]).max(-1, keepdims=True)
"""


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    file = tmp_path_factory.mktemp("port") / "port.py"
    file.write_text(SOURCE)
    return list(source_mutants([file]))


def _text(mutant: dict) -> str:
    return changed(SOURCE, mutant["edits"])


def test_every_mutant_is_another_program(mutants: list[dict]) -> None:
    """Each parses, and none is the original or another one over again."""
    texts = [_text(mutant) for mutant in mutants]
    assert all(ast.dump(ast.parse(text)) != ast.dump(ast.parse(SOURCE)) for text in texts)
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("operator", "        total = (a + b) * 2.0"),
        ("operator", "        total = (a - b) / 2.0"),
        ("constant", "        total = (a - b) * 4.0"),
        ("call dropped", "        total = total"),
        ("statement dropped", "        pass"),
        ("argument order", "        return spread(b, total.sum(-1) / 3)"),
        ("axis", "        return spread(total.sum(0) / 3, b)"),
        ("mask negated", "    return x * (x <= 0)"),
        ("index", "    return (x - y[..., 2:]).max(-1, keepdims=True)"),
        ("operator", "    return (x - y[..., :2]).min(-1, keepdims=True)"),
        ("gradient", "        return gate(self.cv(x.detach())) + x"),
    ],
)
def test_each_kind_of_mistake_is_made(kind: str, line: str, mutants: list[dict]) -> None:
    """Parentheses, which belong to no node, stay where they are."""
    assert line in {text for m in mutants if m["kind"] == kind for text in _text(m).splitlines()}


def test_a_function_that_a_layer_calls_is_the_layers_own_code(mutants: list[dict]) -> None:
    """The truth names the classes whose forward methods reach a function, and who else calls it."""
    truths = {m["truth"]["function"]: m["truth"] for m in mutants}
    assert truths["gate"]["classes"] == ["Block"]
    assert (truths["spread"]["classes"], truths["spread"]["callers"]) == ([], ["Loss.__call__"])
    places = [m["truth"]["places"] for m in mutants if m["truth"]["function"] == "spread"]
    assert all(place == [["port.py", 18, 18]] for place in places)
    (dropped,) = [m["truth"]["places"] for m in mutants if m["kind"] == "statement dropped"]
    assert dropped == [["port.py", 9, 9], ["port.py", 8, 8]]  # and where the variable is assigned before


def test_the_file_is_what_the_port_has(tmp_path: Path) -> None:
    """An edit replaces exactly what it says, whatever other edits stand in the file."""
    edits = [{"file": "f", "start": 0, "end": 1, "new": "xyz"}, {"file": "f", "start": 4, "end": 5, "new": ""}]
    assert changed("a + b", edits) == "xyz + "
