"""A target that is unknown, no scalar, NaN, or missing on one side; a port that cannot run or is random."""

from __future__ import annotations

import json

import pytest

from cli.desk import Desk, changed

RETURN = 'return {"loss": (out**2).mean(), "size": out.abs().sum()}'
HIDDEN = "hidden = torch.tanh(self.first(x))"
OUT = 'out = net(batch["x"])'


def test_an_unknown_target_is_answered_with_those_there_are(recorded: Desk) -> None:
    """The reference's targets are listed."""
    error = recorded.bisect("run", "--target", "nosuch").error(2)
    assert "no target 'nosuch': step of the reference returned loss, size" in error


def test_no_name_is_no_target(recorded: Desk) -> None:
    """A target without a name is unknown, and not the same as none."""
    assert "no target ''" in recorded.bisect("run", "--target", "").error(2)


@pytest.mark.parametrize("name", ["../../up", "a/b", "x" * 300, "\n[red]"])
def test_a_report_lies_with_the_others_whatever_its_target_is_called(desk: Desk, name: str) -> None:
    """No name of a target leads out of their folder, or is too long for a file."""
    desk.write(reference=changed(('"loss"', repr(name))), port=changed(('"loss"', repr(name))))
    assert desk.capture().code == 0
    done = desk.bisect("run", "--target", name)
    assert done.code == 0, done.err
    assert [p.parent.name for p in desk.folder.rglob("port-*.json")] == ["reports"]


def test_a_target_that_is_no_scalar_in_the_reference_is_refused(desk: Desk) -> None:
    """Recording says that it cannot be a target, and bisecting it is an error with its shape."""
    desk.write(reference=changed((RETURN, 'return {"loss": out, "size": out.abs().sum()}')))
    assert "loss has shape [3, 2], expected a scalar: it cannot be a target" in desk.capture().out
    assert "target 'loss' of the reference has shape [3, 2], expected a scalar" in desk.run().error(2)


def test_a_target_that_is_nan_in_the_reference_is_refused(desk: Desk) -> None:
    """There is nothing to compare with; recording already says so, in JSON that any reader takes."""
    desk.write(reference=changed(("(out**2).mean()", "(out**2).mean() * float('nan')")))
    assert "loss nan: it cannot be compared" in desk.capture().out
    done = desk.capture("--json")
    assert json.loads(done.out, parse_constant=pytest.fail)["targets"]["loss"] == "nan"
    assert "target 'loss' of the reference is nan: there is nothing to compare with" in desk.run().error(2)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ('{"loss": out}', "target 'loss' of the port has shape [3, 2], expected a scalar"),
        ('{"loss": "high"}', "target 'loss' of the port is str 'high', expected a scalar"),
        ('{"size": out.sum()}', "no target 'loss' in the port: its step returned size"),
    ],
)
def test_a_target_that_the_port_does_not_return_is_refused(recorded: Desk, returned: str, words: str) -> None:
    """What the port's step returned instead is shown."""
    recorded.port((RETURN, f"return {returned}"))
    assert words in recorded.run().error(2)


@pytest.mark.parametrize(
    ("change", "site"),
    [
        ((HIDDEN, "hidden = self.first(x) * float('nan')"), "net"),
        ((RETURN, 'return {"loss": (out**2).mean() * float("nan"), "size": out.sum()}'), "step:return"),
    ],
)
def test_a_nan_in_the_port_is_a_divergence_with_a_culprit(recorded: Desk, change: tuple[str, str], site: str) -> None:
    """The culprit is named, the value is shown, and the JSON has no NaN that a strict reader refuses."""
    recorded.port(change)
    done = recorded.run("--json")
    assert done.code == 1, done.err + done.out
    report = json.loads(done.out, parse_constant=pytest.fail)
    assert [culprit["sites"] for culprit in report["culprits"]] == [[site]]
    assert report["port"] == "nan"
    shown = recorded.bisect("report", str(recorded.captures / "reports" / "port-loss.json"))
    assert shown.code == 1
    assert "nan" in shown.out


def test_a_port_that_cannot_run_is_inconclusive(recorded: Desk) -> None:
    """The line of the port's own code is named; --debug shows its traceback; a mended environment is tried anew."""
    recorded.port((HIDDEN, "hidden = torch.tanh(self.first(x)) + open('shift.txt').read()"))
    done = recorded.run("--json")
    assert done.code == 3, done.err
    report = json.loads(done.out)
    place = f"{recorded.recipe / 'port.py'}:13: FileNotFoundError"
    assert any(end.startswith(f"the port does not run as it is: run failed at {place}") for end in report["open_ends"])
    assert "hidden = torch.tanh" in recorded.run("--debug").err
    (recorded.recipe / "shift.txt").write_text("words")
    assert "TypeError at port.py:13" in json.loads(recorded.run("--json").out)["sentence"]


def test_a_port_that_exits_in_its_step_is_inconclusive(recorded: Desk) -> None:
    """sys.exit in a step is reported with its line as any exception is."""
    recorded.port((HIDDEN, "sys.exit(0)"))
    assert "port.py:13: SystemExit: 0" in recorded.run().error(3)


def test_a_random_port_is_inconclusive(recorded: Desk) -> None:
    """Two identical runs that differ are said, with both values and what to do."""
    recorded.port((OUT, OUT + " + int.from_bytes(os.urandom(2), 'big')"))
    error = recorded.run().error(3)
    assert "identical runs of the port differ, in 1 of 2: loss " in error
    assert "next: switch dropout and other randomness off in build, and keep nothing in Python attributes" in error
    assert "--repeat 60 tells how often" in error


def test_a_port_that_differs_where_no_target_shows_it_is_inconclusive(recorded: Desk) -> None:
    """The first call whose output is another one is named."""
    recorded.port((OUT, f'net.last(torch.rand(1, 8) * int.from_bytes(os.urandom(2), "big")); {OUT}'))
    error = recorded.run("--repeat", "2").error(3)
    assert "identical runs of the port differ, in 3 of 4: the first call whose output differs is net.last" in error


def test_more_runs_are_made_anew_each_time(recorded: Desk) -> None:
    """And an answer says what they showed: what an earlier command saw is not asked again but these."""
    for _ in range(2):
        done = recorded.run("--repeat", "3", "--json")
        assert done.code == 0
        report = json.loads(done.out)
        assert "5 runs of the port as it is were the same, bit for bit" in " ".join(report["ruled_out"])
    assert report["probes"]["count"] - report["probes"]["cached"] == 3
    assert "as it is were" not in recorded.run("--json").out


def test_a_shape_that_does_not_fit_is_listed_and_the_search_goes_on(recorded: Desk) -> None:
    """A wider layer is in the preflight with both shapes, and the answer is one of the search's."""
    recorded.port(("nn.Linear(4, 8)", "nn.Linear(4, 6)"), ("nn.Linear(8, 2)", "nn.Linear(6, 2)"))
    done = recorded.run("--json")
    assert done.code in (1, 3), done.err
    messages = [finding["message"] for finding in json.loads(done.out)["preflight"]]
    assert "net.first.weight: shape [6, 4], reference [8, 4]" in messages
    assert any("the port has 44 parameters, 14 fewer than the reference's 58" in m for m in messages)


def test_no_name_in_common_is_said_with_both_sides_names(recorded: Desk) -> None:
    """Names that differ and shapes that do not say which is which leave nothing to patch."""
    recorded.port(
        ("self.first = nn.Linear(4, 8)", "self.enter = nn.Linear(4, 5, bias=False)"),
        ("self.last = nn.Linear(8, 2)", "self.leave = nn.Linear(5, 2, bias=False)"),
        ("self.first(x)", "self.enter(x)"),
        ("self.last(hidden)", "self.leave(hidden)"),
        ('{"net": net}', '{"other": net}'),
    )
    error = recorded.run().error(2)
    assert "no name in common" in error
    assert "the reference has net.first.weight, " in error
    assert "the port other.enter.weight, other.leave.weight" in error
    assert "next: say which name is which with rename rules" in error


@pytest.mark.parametrize(
    ("reference", "port", "said"),
    [
        ("", '"size": out.sum()', "size, which only the port returns"),
        ('"size": out.sum()', "", "size, which only the reference returns"),
        ('"size": out.sum() * float("nan")', '"size": out.sum() * float("nan")', "size, which is nan in the reference"),
        ('"size": out', '"size": out', "size, which is no scalar in the reference"),
        ('"size": out.sum()', '"size": out', "size, which is no scalar in the port"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_target_that_was_left_out_is_named_in_the_first_sentence(
    desk: Desk, reference: str, port: str, said: str, first: bool
) -> None:
    """Where no target is asked about, any that both sides have will do, in whatever order."""
    loss = '"loss": (out**2).mean()'
    sides = (", ".join(filter(None, (side, loss) if first else (loss, side))) for side in (reference, port))
    ours, theirs = (changed((RETURN, f"return {{{side}}}")) for side in sides)
    desk.write(reference=ours, port=theirs)
    assert desk.capture().code == 0
    done = desk.bisect("run", "--json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert f"and so does loss (not compared: {said})" in report["sentence"].partition(". ")[0]
    assert f"not compared: {said}" in report["notes"]
