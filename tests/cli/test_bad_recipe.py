"""A recipe or a command with a mistake in it gets one line that says where, and exit code 2."""

from __future__ import annotations

import pytest

from cli.desk import TOML, Desk


def test_a_missing_recipe_is_named(desk: Desk) -> None:
    """The message says which files were looked for, and which recipes are in sight."""
    error = desk.capture("--recipe", "nosuch").error(2)
    assert "nosuch/recipe.toml" in error
    assert "choose one with --recipe: small" in error


def test_no_recipe_in_sight_is_said(desk: Desk) -> None:
    """Without --recipe the current folder has to hold a recipe."""
    desk.folder /= "recipes"
    assert "no recipe in sight" in desk.capture().error(2)


def test_several_recipes_in_sight_are_listed(desk: Desk) -> None:
    """With two recipes in sight both are offered."""
    Desk(desk.folder).write()
    (desk.folder / "recipes" / "other").mkdir()
    (desk.folder / "recipes" / "other" / "recipe.toml").write_text(TOML)
    error = desk.capture().error(2)
    assert "2 recipes in sight: other, small" in error
    assert 'name one with --recipe, or in pyproject.toml: [tool.bisect] recipe = "NAME"' in error


def test_the_projects_default_recipe_is_taken_and_said(desk: Desk) -> None:
    """Of two recipes the one that pyproject.toml names is used, and stderr says which; --recipe wins, and says nothing."""
    (desk.folder / "recipes" / "other").mkdir()
    (desk.folder / "recipes" / "other" / "recipe.toml").write_text("")
    (desk.folder / "pyproject.toml").write_text('[tool.bisect]\nrecipe = "small"\n')
    done = desk.capture()
    assert (done.code, done.err.splitlines()[0]) == (0, f"recipe: {desk.recipe}")
    assert "models: missing" in desk.capture("--recipe", "other").error(2)
    assert "recipe: " not in desk.capture("--recipe", "small").err


def test_a_default_recipe_that_is_none_is_refused(desk: Desk) -> None:
    """The key in pyproject.toml is named."""
    (desk.folder / "pyproject.toml").write_text("[tool.bisect]\nrecipe = 3\n")
    assert "pyproject.toml: tool.bisect.recipe: expected text, found 3" in desk.capture().error(2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[models.ref\nframework =", "not valid TOML"),
        (b"\xff\xfe\x00", "not valid TOML"),
        (b"", "models: missing"),
        (b"[models]\n", "models: expected at least one model"),
        (b"folder = 3\n[models.ref]\nframework = 'torch'\nentry = 'port.py:build'\n", "folder: unknown key"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(desk: Desk, content: bytes, words: str) -> None:
    """The message has the path of the file and what is wrong with it."""
    (desk.recipe / "recipe.toml").write_bytes(content)
    error = desk.capture().error(2)
    assert f"{desk.recipe / 'recipe.toml'}: " in error
    assert words in error


def test_a_recipe_that_cannot_be_read_is_named(desk: Desk) -> None:
    """A folder where the file should be is no recipe."""
    (desk.recipe / "recipe.toml").unlink()
    (desk.recipe / "recipe.toml").mkdir()
    assert "no recipe" in desk.capture("--recipe", "small").error(2)


def test_all_mistakes_of_a_recipe_are_listed_at_once(desk: Desk) -> None:
    """Every mistake has its place in the file, what was expected and what was found."""
    desk.write(
        toml="""
        modles = 1
        [models.ref]
        framework = "tensorflow"
        entry = "reference.py"
        [models.port]
        framework = "torch"
        entry = "nosuch.py:build"
        pyhton = "python3"
        [targets]
        loss = { rtol = -1, atol = inf }
        [names]
        rename = [["(", "x"], ["a", "\\\\1"], ["b", "\\\\g<no>"], ["one"]]
        """
    )
    done = desk.capture()
    assert (done.code, done.out) == (2, "")
    error = done.err
    for words in (
        "modles: unknown key",
        "models.ref.framework: expected 'torch', 'jittor', 'libtorch', or any word beside `command`, found 'tensorflow'",
        "models.ref.entry: expected 'file.py:function', found 'reference.py'",
        f"models.port.entry: there is no file nosuch.py in {desk.recipe}",
        "models.port.pyhton: unknown key",
        "targets.loss.rtol: expected a number greater than 0, found -1",
        "targets.loss.atol: expected a finite number, found inf",
        "names.rename.0: '(' is no regular expression",
        "names.rename.1: '\\\\1' cannot replace 'a': invalid group reference 1",
        "names.rename.2: '\\\\g<no>' cannot replace 'b'",
        "names.rename.3: expected ['pattern', 'replacement'], found ['one']",
    ):
        assert any(line.startswith(f"  {words}") for line in error.splitlines())
    assert not any(word in error for word in ("Input", "Tuple", "should"))


def test_an_unknown_model_is_answered_with_those_there_are(desk: Desk) -> None:
    """--model and --reference must name models of the recipe."""
    assert "no model 'nosuch'; it has ref, port" in desk.capture("--model", "nosuch").error(2)
    assert "no model 'nosuch'; it has ref, port" in desk.run("--model", "nosuch").error(2)
    assert "no model 'nosuch'; it has ref, port" in desk.run("--reference", "nosuch").error(2)


def test_a_malformed_option_is_answered_with_what_is_expected(desk: Desk) -> None:
    """All malformed options are named together."""
    error = desk.capture("--option", "seed", "--option", "=3", "--option", "seed=1").error(2)
    assert "--option seed, =3: expected KEY=VALUE" in error


def test_an_unknown_option_of_build_is_answered_with_those_it_takes(desk: Desk) -> None:
    """The model is named, and every option that its build takes."""
    error = desk.capture("--option", "nosuch=1").error(2)
    assert "model 'ref' of small: build failed: build takes no option nosuch; it takes seed, fault" in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("capture", "--nosuch"), "--nosuch"),
        (("nosuch",), "nosuch"),
        (("run", "--target"), "--target"),
        (("run", "--target", "loss", "--rtol", "nan"), "--rtol"),
        (("run", "--target", "loss", "--rtol", "-1"), "--rtol"),
        (("capture", "--timeout", "0"), "--timeout"),
        (("capture", "--timeout", "nan"), "--timeout"),
        (("capture", "--seeds", "some"), "--seeds"),
        (("report",), "file"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error(desk: Desk, words: tuple[str, ...], said: str) -> None:
    """The option is named on stderr, stdout stays empty, the exit code is 2."""
    done = desk.bisect(*words)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err.lower()
    assert "Traceback" not in done.err


@pytest.mark.parametrize("command", [(), ("capture",), ("run",), ("report",), ("doctor",)])
def test_help_is_printed_for_every_command(desk: Desk, command: tuple[str, ...]) -> None:
    """--help goes to stdout and ends well."""
    done = desk.bisect(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert "Usage: bisect" in done.out


def test_bisect_alone_shows_help_and_version_prints_one_line(desk: Desk) -> None:
    """The bare command lists the commands; --version is one line."""
    assert "capture" in desk.bisect().out + desk.bisect().err
    done = desk.bisect("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("bisect ")
    assert done.out.count("\n") == 1
