"""README, the documents and the changelog name only what there is, and README prints what the tool prints."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
import typer.main
from conftest import ROOT, TRANSCRIPTS, normalised

import bisect_tool
from bisect_tool.cli.app import app
from bisect_tool.recipes.load import load_recipe

README = ROOT / "README.md"
TEXTS = [README, ROOT / "CHANGELOG.md", ROOT / "captures" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?<![\w./-])bisect +([a-z][^`\"#|&\n]*)")
A_FILE = re.compile(r"\b(?:benchmarks|bisect_tool|docs|recipes|tests)/[\w./]+\.(?:md|py|toml)\b")
LINK = re.compile(r"\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)")
SPAN = re.compile(r"`([^`\n]+)`")
ROOMS = [ROOT, *(ROOT / "bisect_tool" / room for room in (".", "axes", "worker"))]
OF_A_READER = "recipes/mine/"  # the recipe that README has its reader write


def blocks(language: str = "") -> list[str]:
    """Return the fenced blocks of README in a language."""
    return [text for found, text in FENCE.findall(README.read_text(encoding="utf-8")) if found == language]


def the_block(language: str, word: str) -> str:
    """Return the one block that has a word in it."""
    (block,) = (text for text in blocks(language) if word in text)
    return block


def commands(path: Path) -> Iterator[str]:
    """Yield the command lines of a text, from its blocks and from its code spans."""
    text = path.read_text(encoding="utf-8")
    for block in [block for _, block in FENCE.findall(text)] + SPAN.findall(FENCE.sub("", text)):
        yield from (found[1].strip() for found in COMMAND.finditer(block))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_line_parses(path: Path) -> None:
    """Each command is there, with the options and arguments that it is given."""
    group = typer.main.get_command(app)
    for line in commands(path):
        name, *words = shlex.split(line)
        command = group.commands.get(name)
        assert command is not None, f"{path.name}: bisect {line}: no such command"
        if words or not any(parameter.required for parameter in command.params):
            command.make_context(name, words)


def test_readme_shows_all_commands() -> None:
    """No command is forgotten in README, and no block of commands is passed over by these tests."""
    named = {line.split()[0] for line in commands(README)}
    assert named == set(typer.main.get_command(app).commands)
    assert "run --target cls_loss --option fault=class_bias_lost" in set(commands(README))


def test_every_option_in_readme_exists() -> None:
    """An option that stands alone, as in the table of commands, is one of some command."""
    group = typer.main.get_command(app)
    known = {word for command in group.commands.values() for option in command.params for word in option.opts}
    spans = SPAN.findall(FENCE.sub("", README.read_text(encoding="utf-8")))
    wanted = {span.split()[0] for span in spans if span.startswith("-")}
    assert wanted
    assert wanted <= known


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_link_and_file_exists(path: Path) -> None:
    """What a text points to is there: links from its own folder, files from the root."""
    text = path.read_text(encoding="utf-8")
    missing = [link for link in LINK.findall(FENCE.sub("", text)) if not (path.parent / link).exists()]
    missing += [f for f in A_FILE.findall(text) if not f.startswith(OF_A_READER) and not (ROOT / f).is_file()]
    assert missing == []


def test_every_fault_in_readme_exists() -> None:
    """A mistake that README switches on is one of some recipe."""
    wanted = set(re.findall(r"fault=([a-z]\w*)", README.read_text(encoding="utf-8")))
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "recipes").glob("*/*faults.py"))
    assert {fault for fault in wanted if f'"{fault}": ' not in sources} == set()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_room_and_module_exists(path: Path) -> None:
    """A text may leave out the package, a module's ending, or what of the module it means: `probing/probe.substitute`."""
    spans = SPAN.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    named = [span.rstrip("/") for span in spans if re.fullmatch(r"[a-z_0-9]+(/[a-z_0-9.]*)+", span)]
    assert [name for name in named if not any(is_there(folder, name) for folder in ROOMS)] == []


def is_there(folder: Path, name: str) -> bool:
    """Return whether a folder has a file, a folder, or a module of this name."""
    return any((folder / found).exists() for found in (name, f"{name}.py", f"{name.partition('.')[0]}.py"))


def test_a_fresh_machine_needs_two_commands() -> None:
    """One block sets everything up: make demo, and make test; both are targets."""
    block = the_block("", "make ")
    assert [line.partition("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)


def test_the_library_takes_five_lines() -> None:
    """The example compiles, imports only what is exported, and is the one in the package's docstring."""
    block = the_block("python", "bisect_tool")
    assert len([line for line in block.splitlines() if line]) == 5
    (imported,) = (node for node in ast.parse(block).body if isinstance(node, ast.ImportFrom))
    assert imported.module == "bisect_tool"
    assert {alias.name for alias in imported.names} <= set(bisect_tool.__all__)
    described = {line.strip() for line in (bisect_tool.__doc__ or "").splitlines()}
    assert {line.strip() for line in block.splitlines()} <= described


def test_the_recipe_in_readme_is_one(tmp_path: Path) -> None:
    """It loads with all of its settings, those that it has as comments included; the build function compiles."""
    settings = re.sub(r"^# (?=\[|\w+ = )", "", the_block("toml", "[models.ref]"), flags=re.MULTILINE)
    (tmp_path / "recipe.toml").write_text(settings, encoding="utf-8")
    (tmp_path / "reference.py").write_text(the_block("python", "def build"), encoding="utf-8")
    (tmp_path / "port.py").write_text("", encoding="utf-8")
    recipe = load_recipe(tmp_path)
    assert recipe.model("port").options == {"variant": "n"}
    assert recipe.watch.functions
    ast.parse((tmp_path / "reference.py").read_text(encoding="utf-8"))


def test_the_first_report_is_what_the_tool_prints() -> None:
    """Each of its lines stands in the transcript that the same command is checked against, in that order."""
    shown = the_block("", "run --target cls_loss --option fault=class_bias_lost").partition("fault=class_bias_lost\n")[
        2
    ]
    printed = iter(normalised((TRANSCRIPTS / "yolo11n_class_bias_lost.txt").read_text(encoding="utf-8")))
    lines = [line for line in normalised(shown) if line != "..."]
    assert len(lines) > 5
    assert [line for line in lines if line not in printed] == []
