"""A build or step that raises or returns the wrong thing: file and line, or what was expected and what was found."""

from __future__ import annotations

import json

import pytest

from cli.desk import TOML, Desk, changed

DICT = 'return {"modules": {"net": net}, "batch": batch, "step": step}'
RETURN = 'return {"loss": (out**2).mean(), "size": out.abs().sum()}'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((DICT, "return None"), "build returned NoneType, expected a dict with 'modules', 'batch' and 'step'"),
        ((DICT, "return net"), "build returned Net, expected a dict"),
        (
            (DICT, 'return {"modules": {"net": 3, "head": None, 7: net}, "step": "step"}'),
            (
                "build returned the wrong thing: 'batch' is missing; modules['net'] is int 3, expected a module of "
                "this framework; modules['head'] is NoneType, expected a module of this framework; modules[7] has a "
                "name that is int 7, expected a word; 'step' is str 'step', expected a function"
            ),
        ),
        (
            (DICT, 'return {"modules": {}, "batch": batch, "step": step}'),
            "'modules' is an empty dict, expected a dict of named",
        ),
        ((RETURN, "return out.mean()"), "step(batch) returned Tensor, expected a dict of named scalars"),
        ((RETURN, "return (out.mean(),)"), "step(batch) returned tuple, expected a dict of named scalars"),
        (
            (RETURN, "return {0: out.mean()}"),
            "step(batch) returned a dict with the key 0, which is no string, expected",
        ),
        ((RETURN, "return {}"), "step(batch) returned an empty dict, expected a dict of named scalars"),
        ((RETURN, 'return {"loss": out, "size": None}'), "no scalar among what step(batch) returned: loss has shape"),
        (("def build(", "def builder("), "reference.py has no function build"),
        (("net = Net()", "sys.exit('give up')"), "reference.py:19: SystemExit: give up"),
    ],
)
def test_a_wrong_return_value_is_described(desk: Desk, change: tuple[str, str], words: str) -> None:
    """The message has the model's name, what was expected and what was found; nothing is kept."""
    desk.write(reference=changed(change))
    error = desk.capture().error(2)
    assert "model 'ref' of small: " in error
    assert words in error
    assert desk.leftovers() == []
    assert not (desk.captures / "ref").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("net = Net()", "net = Net(1)"), "build failed at {}:19: TypeError"),
        (("net = Net()", "net = nn.Linear('a', 2)"), "build failed at {}:19: TypeError"),
        (("net = Net()", "net = __import__('json').loads('{')"), "build failed at {}:19: JSONDecodeError"),
        (("net = Net()", "raise ValueError('one\\n\\n  two\\x1b[31m')"), "build failed at {}:19: ValueError: one two"),
        (("net = Net()", "raise ValueError('x' * 100000)"), "build failed at {}:19: ValueError: xxx"),
        (("def build(", "def build(:"), "build failed at {}:17: SyntaxError"),
        (("import torch\n", "import torch\nimport nosuch\n"), "ModuleNotFoundError: No module named 'nosuch'"),
        (("out = net(", "out = net(1, "), "record failed at {}:23: TypeError"),
        (("hidden = torch.tanh(self.first(x))", "hidden = x @ x"), "record failed at {}:13: RuntimeError"),
    ],
)
def test_the_users_own_line_is_named(desk: Desk, change: tuple[str, str], words: str) -> None:
    """An exception is reported with file and line of the recipe's own code, in one line of bearable length."""
    desk.write(reference=changed(change))
    error = desk.capture().error(2)
    assert "model 'ref' of small: " in error
    assert words.format(desk.recipe / "reference.py") in error
    assert "\x1b" not in error
    assert len(error) < 2500
    assert not desk.captures.exists() or list(desk.captures.iterdir()) == []


def test_a_missing_module_of_the_user_is_looked_for_in_path(desk: Desk) -> None:
    """What to do next is to add a folder to `path`."""
    desk.write(reference=changed(("import torch\n", "import torch\nimport nosuch\n")))
    assert "next: add the folder that holds it to `path`" in desk.capture().error(2)


def test_debug_shows_the_traceback_of_the_models_own_process(desk: Desk) -> None:
    """With --debug the traceback comes before the message."""
    desk.write(reference=changed(("net = Net()", "net = Net(1)")))
    done = desk.capture("--debug")
    assert done.code == 2
    assert "Traceback (most recent call last)" in done.err
    assert "net = Net(1)" in done.err


def test_a_nondeterministic_reference_is_refused(desk: Desk) -> None:
    """Two runs of the reference that differ are a mistake of the recipe, with both values shown."""
    noise = "out = net(batch['x']) + int.from_bytes(os.urandom(2), 'big')"
    desk.write(reference=changed(('out = net(batch["x"])', noise)))
    error = desk.capture().error(2)
    assert "two runs of step(batch) gave different targets" in error
    assert "must be deterministic" in error


def test_a_build_of_any_options_is_recorded_at_one_seed(desk: Desk) -> None:
    """A build that names no seed is not given one behind the user's back: the whole recording would be lost to it."""
    any_option = changed(('seed=0, fault=""', "**options"), ("manual_seed(seed)", "manual_seed(options['size'])"))
    desk.write(reference=any_option)
    done = desk.bisect("capture", "--option", "size=3")
    assert done.code == 0, done.err
    assert "build takes no seed" in done.out
    assert "say so with --option seed=0" in done.out


def test_doctor_names_the_broken_model_and_goes_on(desk: Desk) -> None:
    """Every model gets its rows; the broken one says what is wrong, and the exit code is 2."""
    desk.write(port=changed(("net = Net()", "net = Net(1)")))
    done = desk.bisect("doctor")
    assert done.code == 2
    assert "Traceback" not in done.err
    assert done.out.count("FAILS") == 1
    assert "port.py:19: TypeError" in " ".join(done.out.split())
    assert "3 modules, 4 parameters and buffers" in done.out


def test_doctor_names_an_interpreter_that_does_not_exist(desk: Desk) -> None:
    """The row of the interpreter fails, and nothing else is tried with it."""
    desk.write(toml=TOML + 'python = "/no/such/python"\n')
    done = desk.bisect("doctor", "--json")
    rows = json.loads(done.out)
    assert done.code == 2
    assert [(row["what"], row["ok"]) for row in rows if row["model"] == "port"] == [("interpreter", False)]
    assert "/no/such/python" in rows[-1]["found"]
    assert rows[-1]["next"] == "set `python` in recipe.toml"


@pytest.mark.parametrize("value", ["[" * 300 + "]" * 300, '"\\ud800"', "\udcff"])
def test_an_option_that_no_report_can_keep_is_refused(recorded: Desk, value: str) -> None:
    """Before the run, not after it."""
    error = recorded.run("--option", f"fault={value}").error(2)
    assert "the options of build cannot be written as JSON: " in error


@pytest.mark.parametrize("name", ["g#2", "g#x", "g:h", "g|h"])
def test_a_module_whose_name_reads_as_another_is_refused(desk: Desk, name: str) -> None:
    """What it gives would be taken for another call's, and never be compared."""
    desk.write(reference=changed(('{"net": net}', f'{{"net": nn.ModuleDict({{{name!r}: net}})}}')))
    assert f"the name of a module may have no '#', ':' or '|': 'net.{name}'" in desk.capture().error(2)


def test_a_call_that_gives_an_object_of_its_own_is_not_compared(desk: Desk) -> None:
    """It can neither be replaced nor watched, and what it hands on inside is judged all the same."""
    boxed = changed(
        ("class Net", "class Box:\n    def __init__(self, value):\n        self.value = value\n\n\nclass Net"),
        ("return self.last(hidden)", "return Box(self.last(hidden))"),
        ('net(batch["x"])', 'net(batch["x"]).value'),
    )
    desk.write(reference=boxed, port=boxed.replace("torch.tanh", "torch.sin"))
    assert desk.capture().code == 0
    done = desk.run("--json")
    log = json.loads(done.out)["probes"]["log"]
    assert [row["failure"] for row in log if row["failure"]] == []
