"""Variables as sites: how they are called, whose they are, what of them is kept and put back."""

from __future__ import annotations

import importlib
import itertools
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from conftest import imports_from

from bisect_tool.worker.adapters import torch_adapter
from bisect_tool.worker.arrays import shards, trees
from bisect_tool.worker.code import lines
from bisect_tool.worker.code.rewriting import Place
from bisect_tool.worker.model import build, calls
from bisect_tool.worker.recording.recorder import Recorder

NUMBERS = itertools.count()
Load = Callable[..., ModuleType]


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Write a module into the recipe's folder, or beside it, and import it under a name that no other test has."""
    with imports_from(tmp_path / "recipe", tmp_path / "elsewhere"):

        def written(text: str, name: str = "losses", folder: str = "recipe") -> ModuleType:
            path = tmp_path / folder / f"{name}_{next(NUMBERS)}.py"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"))
            importlib.invalidate_caches()
            return importlib.import_module(path.stem)

        (tmp_path / "recipe").mkdir()
        yield written


def watched(folder: Path, *patterns: str) -> lines.Lines:
    """Return the watched functions of the recipe's folder."""
    return lines.Lines([str(folder / "recipe")], list(patterns))


def seen(made: lines.Lines, run: Callable[[], Any], current: Callable[[], Any] = lambda: None) -> list[str]:
    """Return the sites of a run, in order."""
    found = []

    def assigned(site: str, _place: Place, _where: tuple, value: Any) -> Any:
        found.append(site)
        return value

    with made.watching(current, assigned):
        run()
    return found


SIMPLE = """
def scaled(x):
    y = x + 1
    y = y * 2
    return y

def other(x):
    z = scaled(x)
    return z
"""


def test_a_variable_is_its_function_and_its_name(load: Load, tmp_path: Path) -> None:
    """A name is counted from the second time on, over the whole run and whoever calls the function."""
    module = load(SIMPLE)
    found = seen(watched(tmp_path), lambda: (module.scaled(1), module.other(2)))
    assert found == [
        "scaled:x", "scaled:y", "scaled:y#2", "scaled:return", "other:x", "scaled:x#2", "scaled:y#3", "scaled:y#4",
        "scaled:return#2", "other:z", "other:return",
    ]  # fmt: skip


def test_every_run_counts_anew(load: Load, tmp_path: Path) -> None:
    """The same run has the same sites, however often it is made."""
    module, made = load(SIMPLE), watched(tmp_path)
    first = seen(made, lambda: module.scaled(1))
    assert first == ["scaled:x", "scaled:y", "scaled:y#2", "scaled:return"]
    assert seen(made, lambda: module.scaled(1)) == first


def test_a_name_that_is_assigned_very_often_is_a_site_for_the_first_times(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a loop over single numbers does is not written down without end, and not replaced either."""
    monkeypatch.setattr(lines, "MOST_TIMES", 3)
    module = load("""
        def f():
            found = []
            for x in range(5):
                found = found + [x]
            return found
    """)
    results = []
    sites = []

    def assigned(site: str, _place: Place, _where: tuple, value: Any) -> Any:
        sites.append(site)
        return value + 10 if site.startswith("f:x") else value

    with watched(tmp_path).watching(lambda: None, assigned):
        results.append(module.f())
    assert [site for site in sites if site.startswith("f:x")] == ["f:x", "f:x#2", "f:x#3"]
    assert results == [[10, 11, 12, 3, 4]]


def test_a_nested_function_is_called_by_what_follows_its_locals(load: Load, tmp_path: Path) -> None:
    """What build makes is the same function for whoever reads it: step, and a class's method."""
    module = load("""
        def build():
            class Loss:
                def __call__(self, x):
                    total = x
                    self.total = total
            def step(x):
                loss = Loss()
                loss(x)
            return step
    """)
    step = module.build()
    assert seen(watched(tmp_path), lambda: step(1)) == [
        "step:x", "step:loss", "Loss.__call__:x", "Loss.__call__:total", "Loss.__call__:self.total",
    ]  # fmt: skip


def test_a_function_that_was_made_since_the_last_run_is_watched_too(load: Load, tmp_path: Path) -> None:
    """A loss that is built when it is first needed, in a run that nobody watched, is in the next one's sites."""
    module = load("""
        import functools
        @functools.cache
        def make():
            def loss(x):
                total = x
            return loss
        def step(x):
            make()(x)
    """)
    made = watched(tmp_path)
    module.step(1)
    assert seen(made, lambda: module.step(1)) == ["step:x", "loss:x", "loss:total"]


NET = """
import torch
from torch import nn

def squash(x):
    low = x.clamp(max=1)
    return low

class Base(nn.Module):
    def forward(self, x):
        kept = squash(x)
        return kept

class Block(Base):
    def shifted(self, x):
        by = x + 1
        return by
    def forward(self, x):
        y = self.shifted(x)
        return super().forward(y)

class Other:
    def forward(self, x):
        z = x
        return z

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
    def forward(self, x):
        h = self.block(x)
        h = Other().forward(h)
        return self.block(h)
"""


def test_a_forward_method_is_called_by_its_module_s_call(load: Load, tmp_path: Path) -> None:
    """An inherited one too; a helper, another method and another object's forward keep their own names."""
    net = load(NET).Net()
    tree = torch_adapter.module_tree({"net": net})
    made, found = watched(tmp_path), []

    def watching(current: Callable[[], Any]) -> Any:
        def assigned(site: str, _place: Place, _where: tuple, value: Any) -> Any:
            found.append((site, current().site))
            return value

        return made.watching(current, assigned)

    with calls.wrapped(torch_adapter, tree, lambda _call, compute, args, kwargs: compute(*args, **kwargs), watching):
        net(torch.ones(2))
    assert [site for site, _ in found] == [
        "net:x", "net.block:x", "Block.shifted:x", "Block.shifted:by", "Block.shifted:return", "net.block:y",
        "net.block:x#2", "squash:x", "squash:low", "squash:return", "net.block:kept", "net.block:return",
        "net.block:return#2", "net:h", "Other.forward:x", "Other.forward:z", "Other.forward:return", "net:h#2",
        "net.block#2:x", "Block.shifted:x#2", "Block.shifted:by#2", "Block.shifted:return#2", "net.block#2:y",
        "net.block#2:x#2", "squash:x#2", "squash:low#2", "squash:return#2", "net.block#2:kept", "net.block#2:return",
        "net.block#2:return#2", "net:return",
    ]  # fmt: skip
    assert dict(found)["squash:low"] == "net.block"
    assert dict(found)["squash:low#2"] == "net.block#2"


def test_forward_and_execute_are_the_same_method(load: Load, tmp_path: Path) -> None:
    """What one framework calls forward is execute in another: outside of calls too they have one name."""
    module = load("""
        class Thing:
            def execute(self, x):
                y = x
        def execute(x):
            y = x
        def executes(x):
            y = x
    """)
    found = seen(watched(tmp_path), lambda: (module.Thing().execute(1), module.execute(1), module.executes(1)))
    assert found == ["Thing.forward:x", "Thing.forward:y", "forward:x", "forward:y", "executes:x", "executes:y"]


def test_a_parameter_stands_where_it_is_passed(load: Load, tmp_path: Path) -> None:
    """A call from elsewhere, such as a library's, has no line that its author could mend: then it is the function's."""
    module = load(SIMPLE)
    places = {}

    def assigned(site: str, _place: Place, where: tuple, value: Any) -> Any:
        places[site] = where
        return value

    with watched(tmp_path).watching(lambda: None, assigned):
        module.other(1)
    file = module.__file__
    assert places["scaled:x"] == (file, 7)
    assert places["other:x"] == (file, 6)
    assert places["scaled:y#2"] == (file, 3)


def test_a_new_value_takes_the_place_of_what_can_be_replaced(load: Load, tmp_path: Path) -> None:
    """A name and an attribute that is assigned are; a sum on an attribute exists only once it is stored."""
    module = load("""
        class Box:
            def __init__(self):
                self.a, self.b = 1, 1
            def run(self):
                x = 1
                self.a = 1
                self.b += 1
                return x, self.a, self.b
    """)
    box = module.Box()
    new = {"Box.run:x": 10, "Box.run:self.a": 20, "Box.run:self.b": 30}
    with watched(tmp_path).watching(lambda: None, lambda site, _place, _where, value: new.get(site, value)):
        assert box.run() == (10, 20, 2)


FILE = """
class Loss:
    def __call__(self, x):
        a = x
    def decode(self, x):
        b = x

def assign(x):
    c = x
"""


@pytest.mark.parametrize(
    ("patterns", "variables"),
    [
        ([], "abc"),
        (["{}:assign"], "c"),
        (["{}.py:assign"], "c"),
        (["{}:Loss.*"], "ab"),
        (["*:Loss.decode"], "b"),
        (["loss*:*__call__", "*:assign"], "ac"),
        (["{}:loss.*"], ""),
        (["another:*"], ""),
        (["some.package.{}:assign"], "c"),
    ],
)
def test_patterns_choose_functions(patterns: list[str], variables: str, load: Load, tmp_path: Path) -> None:
    """A module, with wildcards and with or without its ending, and a function as Python spells it."""
    module = load(FILE)
    made = watched(tmp_path, *[pattern.format(module.__name__) for pattern in patterns])
    found = seen(made, lambda: (module.Loss()(1), module.Loss().decode(1), module.assign(1)))
    assert [site[-1] for site in found if not site.endswith(":x")] == list(variables)
    assert sum(site.endswith(":x") for site in found) == len(variables)


def test_a_pattern_adds_an_imported_module_from_elsewhere(load: Load, tmp_path: Path) -> None:
    """A library's loss is watched when it is asked for by its module's name, and only then."""
    outside, inside = load(FILE, "library", "elsewhere"), load(SIMPLE)

    def run() -> None:
        outside.assign(1)
        inside.scaled(1)

    own = ["scaled:x", "scaled:y", "scaled:y#2", "scaled:return"]
    assert seen(watched(tmp_path), run) == own
    assert seen(watched(tmp_path, f"{outside.__name__}:assign"), run) == ["assign:x", "assign:c"]
    assert seen(watched(tmp_path, f"{outside.__name__}:assign", f"{inside.__name__}:*"), run) == [
        "assign:x", "assign:c", *own,
    ]  # fmt: skip
    assert seen(watched(tmp_path, "never_imported:assign", f"{inside.__name__}:*"), run) == own


def test_a_pattern_adds_a_package_s_own_functions(load: Load, tmp_path: Path) -> None:
    """A package's name means its __init__.py, a dotted one the module in it."""
    name = f"pack{next(NUMBERS)}"
    package = tmp_path / "elsewhere" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FILE)
    (package / "inner.py").write_text(SIMPLE)
    outer, inner = importlib.import_module(name), importlib.import_module(f"{name}.inner")

    def run() -> None:
        outer.assign(1)
        inner.scaled(1)

    assert seen(watched(tmp_path, f"{name}.inner:scaled"), run)[:2] == ["scaled:x", "scaled:y"]
    assert seen(watched(tmp_path, f"{name}:assign"), run) == ["assign:x", "assign:c"]


def test_only_the_recipe_s_own_files_are_watched(load: Load, tmp_path: Path) -> None:
    """A folder whose name only starts alike is another one, and what is installed inside is no code of the recipe."""
    beside = tmp_path / "recipe2"
    packages = tmp_path / "recipe" / "site-packages"
    with imports_from(beside, packages):
        modules = []
        for folder in (beside, packages):
            folder.mkdir()
            name = f"alike_{next(NUMBERS)}"
            (folder / f"{name}.py").write_text(SIMPLE)
            modules.append(importlib.import_module(name))
        own = load(SIMPLE)
        made = watched(tmp_path)
        assert [seen(made, lambda m=m: m.scaled(1)) for m in modules] == [[], []]
        assert seen(made, lambda: own.scaled(1))


def test_an_excerpt_is_the_text_around_a_line(load: Load, tmp_path: Path) -> None:
    """It ends where the file does, and is the text that was loaded, whatever was written since."""
    text = "\n".join(["def f():", *[f"    x = {n}" for n in range(2, 10)], "    return x"]) + "\n"
    module = load(text)
    path = Path(module.__file__)
    made = watched(tmp_path)
    path.write_text("# something else\n" * 20)
    every = text.splitlines()
    assert made.excerpt(str(path), 5) == {"file": path.name, "line": 5, "first": 2, "text": every[1:8]}
    assert made.excerpt(str(path), 1) == {"file": path.name, "line": 1, "first": 1, "text": every[:4]}
    assert made.excerpt(str(path), 10) == {"file": path.name, "line": 10, "first": 7, "text": every[6:]}


def test_a_file_is_shown_from_the_nearest_folder(tmp_path: Path) -> None:
    """The recipe's folder and its import path are what its author knows."""
    made = lines.Lines([str(tmp_path), str(tmp_path / "src" / "port")], [])
    assert made.shown(str(tmp_path / "loss.py")) == "loss.py"
    assert made.shown(str(tmp_path / "sub" / "loss.py")) == "sub/loss.py"
    assert made.shown(str(tmp_path / "src" / "port" / "deep" / "loss.py")) == "deep/loss.py"
    assert made.shown("/usr/lib/loss.py") == "loss.py"
    assert made.place(str(tmp_path / "sub" / "loss.py"), 40) == "sub/loss.py:40"


def test_a_caught_exception_tells_where_it_was_raised(load: Load, tmp_path: Path) -> None:
    """That is the last line of the recipe's own on the way to it, not one deep in a library."""
    module = load("""
        import json

        def build():
            def parse(text):
                return json.loads(text)
            def step(text):
                try:
                    parse(text)
                except ValueError:
                    return 0
            return step
    """)
    step = module.build()
    found, made = [], watched(tmp_path)
    with made.watching(lambda: None, lambda *a: a[-1], lambda place, error: found.append(made.caught(place, error))):
        step("{" + "x" * 300)
        step("1")
    name = Path(module.__file__).name
    (row,) = found
    assert (row["function"], row["type"]) == ("step", "JSONDecodeError")
    assert row["message"].startswith("Expecting property name")
    assert (row["raised"], row["place"]) == (f"{name}:5", f"{name}:9")


def test_a_long_message_of_an_exception_is_cut(load: Load, tmp_path: Path) -> None:
    """A framework's error may list every shape there is."""
    module = load("""
        def f():
            try:
                raise KeyError("k" * 1000)
            except KeyError:
                pass
    """)
    found, made = [], watched(tmp_path)
    with made.watching(lambda: None, lambda *a: a[-1], lambda place, error: found.append(made.caught(place, error))):
        module.f()
    name = Path(module.__file__).name
    assert [(len(row["message"]), row["raised"]) for row in found] == [(200, f"{name}:3")]


STEP = """
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        y = self.fc(x)
        return y.relu()


def assign(scores):
    table = scores.detach().numpy().astype("float64")
    ranks = np.zeros(3)
    ranks[0] = 1
    np.add(ranks, 1, out=ranks)
    empty = table[table > 1e9]
    return table.argmax(1), ranks


def build():
    torch.manual_seed(0)
    net = Net()

    def step(batch):
        out = net(batch["x"])
        sums = torch.zeros(3)
        kept = sums
        sums += out.sum(0)
        parts = [sums, 2]
        parts[0].mul_(2)
        best, ranks = assign(out)
        try:
            count = {}["count"]
        except KeyError:
            count = int(best.sum())
        note = "not a value"
        return {"loss": (parts[0].double() * torch.from_numpy(ranks)).sum() / (count + 1), "mean": out.mean()}

    return {"modules": {"net": net}, "batch": {"x": torch.randn(5, 4)}, "step": step}
"""


@pytest.fixture
def recorded(load: Load, tmp_path: Path) -> tuple[Recorder, dict, build.Model, str]:
    """A recorded run, its targets, its model, and the name of the file that it lies in."""
    module = load(STEP)
    model = build.build(torch_adapter, module.build, {})
    (tmp_path / "capture").mkdir()
    store = shards.ShardWriter(str(tmp_path / "capture"))
    recorder = Recorder(torch_adapter, store, watched(tmp_path), [], [], lambda **_fields: None)
    with calls.wrapped(torch_adapter, model.tree, recorder.around, recorder.watching):
        targets = model.run_step(model.fresh_batch())
    store.flush()
    return recorder, targets, model, Path(module.__file__).name


def values_of(recorder: Recorder) -> dict[str, list]:
    """Return what was stored of every variable."""
    return {
        entry["site"]: [recorder.store.read(key) for _, key in trees.keys(entry["value"])]
        for entry in recorder.variables
    }


def test_a_recorded_variable_keeps_the_values_it_had(recorded: tuple) -> None:
    """What is written into a tensor or an array later shows in the next variable, and not in this one."""
    recorder, _, model, _ = recorded
    stored = values_of(recorder)
    out = model.roots["net"](model.batch["x"]).detach().numpy()
    assert not stored["step:sums"][0].any()
    assert not stored["step:kept"][0].any()
    assert np.allclose(stored["step:sums#2"][0], out.sum(0))
    assert np.array_equal(stored["step:parts"][0], stored["step:sums#2"][0])
    assert stored["step:parts"][1] == 2
    assert np.array_equal(stored["step:parts#2"][0], 2 * stored["step:sums#2"][0])
    assert [stored[f"assign:ranks{n}"][0].tolist() for n in ("", "#2")] == [[0, 0, 0], [1, 0, 0]]
    assert stored["step:ranks"][0].tolist() == [2, 1, 1]
    assert stored["assign:table"][0].dtype == np.float64
    assert stored["assign:empty"][0].size == 0


def test_a_recorded_variable_has_its_line_and_its_call(recorded: tuple) -> None:
    """Kind, place and the call around it are kept, with the text of the line; of what cannot be compared, what it is."""
    recorder, _, _, name = recorded
    entries = {entry["site"]: entry for entry in recorder.variables}
    assert entries["net:y"]["around"] == "net"
    assert entries["net:y"]["after"] == 1
    assert (entries["step:sums"]["around"], entries["step:sums"]["after"]) == (None, 2)
    kinds = {site: entries[site]["kind"] for site in ("assign:scores", "step:sums", "step:parts#2", "assign:return")}
    assert list(kinds.values()) == ["parameter", "assigned", "changed", "return"]
    place = entries["assign:scores"]["place"]
    assert recorder.excerpts[place]["text"][recorder.excerpts[place]["line"] - recorder.excerpts[place]["first"]] == (
        "        best, ranks = assign(out)"
    )
    assert place.startswith(f"{name}:")
    assert all(entry["place"] in recorder.excerpts for entry in recorder.variables)
    assert entries["step:note"]["value"] == {"opaque": "'not a value'"}
    assert "net:self" not in entries
    assert [(row["function"], row["type"]) for row in recorder.caught] == [("step", "KeyError")]
    json.dumps([recorder.variables, recorder.excerpts, recorder.caught])


def test_recording_variables_changes_no_bit(recorded: tuple) -> None:
    """The targets of the recorded run are those of a plain one, and nothing stays watched."""
    recorder, targets, model, _ = recorded
    count = len(recorder.variables)
    plain = model.run_step(model.fresh_batch())
    assert {k: v.item().hex() for k, v in targets.items()} == {k: v.item().hex() for k, v in plain.items()}
    assert len(recorder.variables) == count
