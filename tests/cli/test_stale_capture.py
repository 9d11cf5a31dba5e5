"""A capture that no longer fits its reference is said to be one, and another recipe's is not replaced."""

from __future__ import annotations

import json
import shutil

from cli.desk import MODEL, TOML, Desk

FROM_FILE = MODEL.replace("torch.manual_seed(seed)", "torch.manual_seed(int(open('seed.txt').read()))")


def test_what_changed_since_is_said_before_the_search_and_in_the_report(desk: Desk) -> None:
    """Lines of its code, files that it reads, its options."""
    (desk.recipe / "seed.txt").write_text("0\n")
    desk.write(reference=FROM_FILE)
    assert desk.capture().code == 0
    assert "changed after" not in desk.run().err
    (desk.recipe / "reference.py").write_text(FROM_FILE.replace("torch.tanh", "torch.sin"))
    (desk.recipe / "seed.txt").write_text("1\n")
    toml = TOML.replace('reference.py:build"', 'reference.py:build"\noptions = {seed = 0}')
    (desk.recipe / "recipe.toml").write_text(toml)
    done = desk.run("--json")
    said = "the reference changed after it was recorded (line 13 of reference.py, line 1 of seed.txt, options of 'ref' in recipe.toml"
    assert said in done.err
    assert any(note.startswith(said) for note in json.loads(done.out)["notes"])


def test_the_capture_of_another_recipe_with_the_same_name_is_not_replaced(recorded: Desk) -> None:
    """A copy of the recipe elsewhere finds the capture, is told whose it is, and records elsewhere."""
    other = recorded.folder / "other" / "small"
    shutil.copytree(recorded.recipe, other)
    error = recorded.capture("--recipe", "other/small").error(2)
    whose = f"of another recipe with this name, in {recorded.recipe}"
    assert f"captures/small/ref is the capture {whose}: it would be replaced" in error
    assert "next: choose another place with --captures" in error
    assert whose in recorded.run("--recipe", "other/small").err
    assert whose not in recorded.run().err
    recorded.recipe.rename(recorded.recipe.parent / "large")
    assert recorded.capture("--recipe", "other/small").code == 0
