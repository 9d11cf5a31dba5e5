"""Reading recipe.toml: every mistake at once, in words that say where."""

import json

import pytest

from bisect_tool.errors import BisectError
from bisect_tool.recipes.load import load_recipe

GOOD = """
[models.ref]
framework = "torch"
entry = "reference.py:build"
[models.port]
framework = "jittor"
entry = "port.py:build"
options = { depth = 3 }
[targets]
loss = { rtol = 1e-3 }
[names]
rename = [["^model", "net"]]
[watch]
functions = ["loss.py:Loss.__call__"]
"""


@pytest.fixture
def folder(tmp_path):
    """A recipe's folder with both entry files."""
    place = tmp_path / "recipes" / "tiny"
    place.mkdir(parents=True)
    (place / "reference.py").touch()
    (place / "port.py").touch()
    (place / "recipe.toml").write_text(GOOD)
    return place


def mistakes(folder, text):
    """Return what loading says about a recipe."""
    (folder / "recipe.toml").write_text(text)
    with pytest.raises(BisectError) as caught:
        load_recipe(folder)
    return str(caught.value)


def with_command(words, *, framework='"numpy"', entry=""):
    """Return the recipe whose port is a worker of its own."""
    text = GOOD.replace('entry = "port.py:build"\n', entry + words + "\n")
    return text.replace('framework = "jittor"', f"framework = {framework}")


@pytest.mark.parametrize(("entry", "read"), [("", ""), ('entry = "model 7"\n', "model 7")])
def test_a_worker_of_its_own_is_started_by_a_command(folder, entry, read):
    """Its framework is any word, and its entry any text or none."""
    (folder / "recipe.toml").write_text(with_command('command = ["./worker", "--fast"]', entry=entry))
    port = load_recipe(folder).model("port")
    assert (port.command, port.framework, port.entry, port.python) == (("./worker", "--fast"), "numpy", read, None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            with_command('command = ["./worker"]\npython = "python3"'),
            "models.port.python: there is `command` too, which starts the worker: leave one of them out, found 'python3'",
        ),
        (
            with_command("command = []"),
            "models.port.command: expected a program and its arguments such as ['./worker']",
        ),
        (with_command('command = ["", "-v"]'), "models.port.command: expected a program and its arguments"),
        (with_command('command = "./worker"'), "models.port.command: expected a list, found './worker'"),
        (with_command('command = ["./worker", 3]'), "models.port.command.1: expected text, found 3"),
        (
            with_command('command = ["./worker"]', framework='"two words"'),
            "models.port.framework: expected one word such as 'numpy', found 'two words'",
        ),
        (
            GOOD.replace('"jittor"', '"numpy"'),
            "models.port.framework: expected 'torch', 'jittor', 'libtorch', or any word beside `command`, found 'numpy'",
        ),
        (GOOD.replace('entry = "port.py:build"', ""), "models.port.entry: missing"),
    ],
)
def test_mistakes_about_a_command_are_told(folder, text, words):
    """Each alone: what is right beside a command is no mistake because of it."""
    assert mistakes(folder, text).startswith(f"{folder / 'recipe.toml'}: {words}")
    assert ";" not in mistakes(folder, text)


def test_a_good_recipe_is_read_whole(folder):
    """Models, options, tolerances and rules arrive as written."""
    recipe = load_recipe(folder)
    assert (recipe.name, recipe.folder) == ("tiny", folder)
    assert list(recipe.models) == ["ref", "port"]
    assert recipe.model("port").options == {"depth": 3}
    assert (recipe.targets["loss"].rtol, recipe.targets["loss"].atol) == (1e-3, None)
    assert recipe.names.rename == (("^model", "net"),)
    assert recipe.watch.functions == ("loss.py:Loss.__call__",)


def test_every_mistake_is_reported_together(folder):
    """One message names each key that is wrong, with what is wrong about it."""
    message = mistakes(
        folder,
        """
        colour = "red"
        [models.ref]
        framework = "tensorflow"
        entry = "reference.py:build"
        [models.port]
        framework = "torch"
        entry = "port"
        pyhton = "python3"
        [models.other]
        framework = "torch"
        [models.lost]
        framework = "torch"
        entry = "nowhere.py:build"
        [targets]
        loss = { rtol = -1 }
        [names]
        rename = [["(", ""]]
        """,
    )
    assert str(folder / "recipe.toml") in message
    for part in (
        "colour: unknown key",
        "models.ref.framework: ",
        "found 'tensorflow'",
        "models.port.entry: expected 'file.py:function', found 'port'",
        "models.port.pyhton: unknown key",
        "models.other.entry: missing",
        "models.lost.entry: there is no file nowhere.py",
        "targets.loss.rtol: ",
        "found -1",
        "names.rename.0: '(' is no regular expression",
    ):
        assert part in message


@pytest.mark.parametrize("entry", ["port", "port.py", ":build", "port.py:", "port.py:2build", "port.txt:build"])
def test_an_entry_is_a_file_and_a_function(folder, entry):
    """Anything but file.py:function is refused with both shown."""
    message = mistakes(folder, GOOD.replace("port.py:build", entry))
    assert f"models.port.entry: expected 'file.py:function', found {entry!r}" in message


@pytest.mark.parametrize(
    "pattern", ["Loss", "losses", ":Loss", "losses:", "", " : ", "losses: Loss", "losses:Loss:x", "losses:Loss.*\n"]
)
def test_a_watched_function_is_a_module_and_a_name(folder, pattern):
    """Anything but module:function is refused on one line, with an example and what was found."""
    text = GOOD.replace('"loss.py:Loss.__call__"', f'"losses:Loss.*", {json.dumps(pattern)}')
    message = mistakes(folder, text)
    expected = f"watch.functions.1: expected 'module:function' such as 'losses:Loss.*', found {pattern!r}"
    assert message == f"{folder / 'recipe.toml'}: {expected}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('"losses:Loss.*"', "watch.functions: "),
        ("[3]", "watch.functions.0: "),
        ('["Loss", "Assigner"]', "found 'Loss'; watch.functions.1: expected"),
    ],
)
def test_watched_functions_are_a_list_of_words(folder, value, words):
    """A single word, or something else in the list, is named by its place; several mistakes are told together."""
    message = mistakes(folder, GOOD.replace('["loss.py:Loss.__call__"]', value))
    assert words in message
    assert "\n" not in message


def test_another_key_beside_the_watched_functions_is_unknown(folder):
    """A misspelt key is told, and does not watch everything instead."""
    assert "watch.function: unknown key" in mistakes(folder, GOOD.replace("functions =", "function ="))


@pytest.mark.parametrize(
    "pattern", ["*:*", "losses:Loss.*", "ultralytics.utils.loss:v8*", "loss.py:assign", "a:b.<locals>.c"]
)
def test_patterns_of_functions_are_taken_as_they_are(folder, pattern):
    """Modules with dots, endings and wildcards are all patterns."""
    (folder / "recipe.toml").write_text(GOOD.replace("loss.py:Loss.__call__", pattern))
    assert load_recipe(folder).watch.functions == (pattern,)


def test_a_key_of_the_tool_s_own_is_unknown_in_the_file(folder):
    """The folder is where the file lies, and not a key in it."""
    assert "folder: unknown key" in mistakes(folder, f'folder = "/tmp"\n{GOOD}')


def test_a_file_without_models_says_so(folder):
    """The one required key is asked for."""
    assert "models: missing" in mistakes(folder, "")


@pytest.mark.parametrize("text", ["[models", "a = 1\na = 2", "\0"])
def test_what_is_no_toml_is_said_to_be_none(folder, text):
    """A file that does not parse is named, with the line."""
    message = mistakes(folder, text)
    assert str(folder / "recipe.toml") in message
    assert "not valid TOML" in message


def test_bytes_that_are_no_text_are_no_toml(folder):
    """A file in another encoding is a mistake like any other."""
    (folder / "recipe.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(BisectError, match="not valid TOML"):
        load_recipe(folder)


def test_a_missing_file_is_named(tmp_path):
    """Loading a folder without recipe.toml names the file."""
    with pytest.raises(BisectError, match=r"cannot read .*recipe\.toml: No such file"):
        load_recipe(tmp_path)


def test_an_unknown_model_lists_the_known(folder):
    """Asking for a model that is not there lists those that are."""
    with pytest.raises(BisectError, match="no model 'prot'; it has ref, port"):
        load_recipe(folder).model("prot")


@pytest.mark.parametrize("name", ["", "..", "../out", "a/b", ".hidden", "reports", "probes"])
def test_a_model_is_named_by_one_folder_of_its_own(folder, name):
    """Its capture must not lie elsewhere, in another one's, or where reports are kept: the next one would replace them."""
    message = mistakes(folder, GOOD.replace("[models.port]", f'[models."{name}"]'))
    assert (
        f"models: expected a model's name such as 'port', and neither 'probes' nor 'reports', found {name!r}" in message
    )


def test_options_that_are_no_json_are_mistakes(folder):
    """A date is one in TOML alone."""
    message = mistakes(folder, GOOD.replace("depth = 3", "depth = 2020-01-01"))
    assert "models.port.options: the options of build cannot be written as JSON: " in message
