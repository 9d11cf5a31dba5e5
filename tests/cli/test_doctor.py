"""``bisect doctor`` on models that build and step, and that yet cannot be compared."""

from __future__ import annotations

import json

import pytest

from cli.desk import TOML, Desk, changed

IDLE = ("net = Net()", "net = Net(); other = Net()")
HEAD = "class Free(nn.Module):\n    def forward(self, x):\n        return x\n\n\nclass Net"


def rows(desk: Desk, code: int) -> dict[str, dict]:
    """Return the port's rows by what they are about."""
    done = desk.bisect("doctor", "--json")
    assert done.code == code, done.err
    return {row["what"]: row for row in json.loads(done.out) if row["model"] == "port"}


@pytest.mark.parametrize(
    ("change", "what", "words"),
    [
        ((IDLE, ('{"net": net}', '{"net": other}')), "step", "step calls none of its modules (3 modules)"),
        (
            (("class Net", HEAD), ('{"net": net}', '{"net": Free()}')),
            "build",
            "no parameter and no buffer in any of its modules (1 module): nothing of the other side's can be given to it",
        ),
    ],
)
def test_a_model_of_which_nothing_can_be_compared_is_not_well(desk: Desk, change: tuple, what: str, words: str) -> None:
    """Modules that step does not call, and modules without parameters, are as bad as none."""
    desk.write(port=changed(*change))
    found = rows(desk, 2)
    assert (found[what]["ok"], found[what]["found"]) == (False, words)
    assert "`modules`" in found[what]["next"]


def test_a_root_that_is_not_called_is_said(desk: Desk) -> None:
    """Its parameters may be read by other code, so it is no mistake by itself."""
    desk.write(port=changed(IDLE, ('{"net": net}', '{"net": net, "other": other}')))
    found = rows(desk, 0)
    assert found["step"]["found"] == "targets: loss, size; no module of 'other' is called"


def test_what_is_no_python_is_said_to_be_none(desk: Desk) -> None:
    """Nothing is asked to be installed in it."""
    desk.write(toml=TOML.replace('entry = "port.py:build"', 'entry = "port.py:build"\npython = "/bin/ls"'))
    found = rows(desk, 2)["interpreter"]
    assert found["found"].startswith("/bin/ls is no Python interpreter")
    assert found["next"] == "set `python` in recipe.toml"
