"""What a run found, put into the words and data of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bisect_tool.axes.calls.search import CodeAnswer
from bisect_tool.axes.gradients.search import GradientAnswer
from bisect_tool.axes.start.search import StartAnswer
from bisect_tool.captures.manifest import Described, Manifest
from bisect_tool.checks.initial.start import NOT_LOADED
from bisect_tool.checks.preflight.sizes import sizes
from bisect_tool.culprit import Culprit, Line
from bisect_tool.finding import Finding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.reading import Reading
from bisect_tool.questions.question import verdict_on
from bisect_tool.questions.tolerance import FEWEST_SEEDS, Interval
from bisect_tool.report.data import FORMAT, culprit_data, finding_data, interval_data, plain_data, sentence_list
from bisect_tool.search.verdict import Verdict
from bisect_tool.sites import STEP, variable_of

# What a report lacks where the port fails at what it is asked beside probes, by the operation.
UNANSWERED = {
    "values": "what the culprits compute was not looked at",
    "survey": "lines of code were not looked for",
    "attach_variables": "lines of code were not looked for",
    "identify": "variables of other names were not recognised by their values",
    "pull_statements": "the lines of the backward pass were not looked for",
    "take_steps": "the optimiser step was not compared",
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """All that a report rests on.

    Attributes: ``target`` (None: every call is judged by itself), ``own`` is the port as it is, ``base`` with the
    reference's weights; ``ranges`` (by target) and ``start_range`` say where a target agrees in the two questions
    (None: not asked). ``about`` is the target where it is one of gradients, and ``gradients`` what was found of them.
    ``unanswered`` says why the worker could not answer what was asked beside probes, by the operation.
    """

    capture: Manifest
    port: Described
    target: str | None
    trace: Trace
    findings: list[Finding]
    census: list[dict[str, Any]]
    own: Reading
    base: Reading
    code: CodeAnswer
    start: StartAnswer
    about: str | None
    gradients: GradientAnswer | None
    ranges: Mapping[str, Interval]
    start_range: Interval | None
    passed_over: tuple[str, ...]
    unanswered: Mapping[str, str]
    probes: dict[str, Any]


def report_data(answer: Answer) -> dict[str, Any]:
    """Return the report as plain data: the verdict, and all that it rests on."""
    target, code, start = answer.target, answer.code, answer.start
    pulled = answer.gradients or GradientAnswer()
    culprits = [*code.culprits, *start.culprits, *pulled.culprits]
    open_ends = [*code.open_ends, *start.open_ends, *pulled.open_ends]
    values = {"code": _value(answer.base, target), "start": _value(answer.own, target)}
    asked_about = answer.ranges if target is None else {target: answer.ranges[target]}
    off = [n for n, interval in asked_about.items() if verdict_on(answer.base, n, interval) is not Verdict.AGREES]
    base_ok = not off
    if any(c.confirmed for c in culprits):
        verdict, sentence = "diverges", _sentence(answer, values, culprits)
    elif culprits or open_ends or not base_ok:
        why = "; ".join(open_ends) or _unproved(target, off)
        verdict, sentence = "inconclusive", f"{target or 'All calls'}: no culprit could be proved; {why}."
    else:
        verdict, sentence = "agrees", _agreement(answer)
    questions = {}
    if target is not None:
        questions = {
            "code": {"value": values["code"], **(interval_data(answer.ranges[target]) or {})},
            "start": {"value": values["start"], **(interval_data(answer.start_range) or {})},
        }
    start_diverges = any(c.kind == "values" for c in culprits)
    return plain_data(
        {
            "format": FORMAT,
            "verdict": verdict,
            "sentence": sentence,
            "recipe": answer.capture.recipe,
            "models": {
                "reference": _words(answer.capture.described),
                "port": _words(answer.port),
            },
            "target": target,
            "reference": None if target is None else answer.capture.targets[target],
            "port": values["start" if start_diverges else "code"],
            "questions": questions,
            "targets": {
                name: {
                    "reference": value,
                    "port": answer.own.targets.get(name),
                    "port_with_reference_weights": answer.base.targets.get(name),
                }
                for name, value in answer.capture.targets.items()
            },
            "culprits": [culprit_data(c) for c in culprits],
            "open_ends": open_ends,
            "ruled_out": _ruled_out(answer, base_ok=base_ok),
            "preflight": [finding_data(f) for f in answer.findings],
            "census": answer.census,
            "gradients": _gradients(answer),
            "sizes": sizes(answer.capture),
            "notes": _notes(answer),
            "probes": answer.probes,
        }
    )


def _gradients(answer: Answer) -> dict[str, Any] | None:
    """Return who gets a gradient and how large they are together, None where they were not compared."""
    found, recorded = answer.gradients, answer.capture.gradients
    if found is None or recorded is None:
        return None
    reference, port, own = found.norms
    return {
        "of": list(recorded.of),
        "target": answer.about,
        "norm": {"reference": reference, "port": own, "port_with_reference_weights": port},
        "by_module": found.triage,
        "said": list(found.said),
    }


def _value(reading: Reading, target: str | None) -> float | None:
    return None if target is None else reading.targets.get(target)


def _unproved(target: str | None, off: list[str]) -> str:
    if target is None and off:
        return (
            f"every call is right by itself, yet {', '.join(off)} diverges; --target {off[0]} says what was ruled out"
        )
    return "the probes that should prove it do not agree with each other"


def _agreement(answer: Answer) -> str:
    if answer.target is None:
        names = ", ".join(answer.ranges)
        verb = "does" if len(answer.ranges) == 1 else "do"
        pulled = (
            f" Every gradient of {' + '.join(answer.capture.gradients.of)} agrees too."
            if answer.gradients and answer.capture.gradients
            else ""
        )
        return f"Every module call agrees by itself, from the reference's inputs and weights, and so {verb} {names}.{pulled}"
    asked = ", and starts the same" if answer.start_range and not answer.start.said else ""
    return f"{answer.target} agrees: the code computes the same with the reference's weights{asked}."


def _words(described: Described) -> str:
    return f"{described.framework} {described.version}"


def _notes(answer: Answer) -> list[str]:
    seeds = len(answer.capture.spread.seeds)
    unasked = (
        f"whether it starts the same was not asked: the capture has {seeds} other initialisations, "
        f"{FEWEST_SEEDS - 1} are needed (`bisect capture --seeds 8`)"
    )
    asked = answer.start_range is not None or answer.target is None
    known = answer.capture.gradients is not None
    how = (
        "`bisect run --target grad_norm`" if known else "`bisect capture --grads`, then `bisect run --target grad_norm`"
    )
    settled = answer.gradients is not None or answer.code.culprits or answer.start.culprits
    forward = [] if settled else [f"gradients were not compared: {how}"]
    failed = [f"{UNANSWERED[operation]}: {why}" for operation, why in answer.unanswered.items()]
    said = (*answer.start.said, *answer.passed_over, *answer.code.rounded)
    return [*([] if asked else [unasked]), *forward, *said, *failed]


def _sentence(answer: Answer, port: dict[str, float | None], culprits: list[Culprit]) -> str:
    """Say who is to blame for what; ``port`` has the target's value for each question."""
    target = answer.target
    if target is None:
        proved = [c for c in culprits if c.confirmed]
        sentences = []
        for kind, opening in (
            ("code", "Wrong from the reference's inputs and weights: "),
            ("gradient", "The backward pass is wrong, from the reference's values and gradients: "),
            ("unfelt", f"The backward pass is wrong, though {answer.about} does not feel it: "),
            ("values", "At the start others get no gradient: to blame is "),
            ("step", "The optimiser steps otherwise, from the reference's parameters and gradients: "),
        ):
            ours = [c for c in (culprits if kind == "code" else proved) if _felt_as(c, answer.about) == kind]
            if ours:
                sentences.append(f"{opening}{', and '.join(map(_blamed, ours))}.")
        return " ".join(sentences)
    reference = answer.capture.targets[target]
    code, own = (", not ".join(apart(port[question], reference)) for question in ("code", "start"))
    openings = {
        "code": f"With the reference's weights {target} is {code}: to blame is ",
        "values": f"With its own weights {target} starts at {own}: to blame is ",
        "silent code": f"Wrong from the reference's inputs and weights, though {target} alone does not show it: ",
        "silent values": f"Constant, so that it carries no signal, though {target} does not feel it yet: ",
        "fixed values": f"Not what the reference starts with at every seed, though {target} alone does not show it: ",
    }
    sentences = []
    for manner, opening in openings.items():
        ours = [c for c in culprits if _manner(c) == manner and c.confirmed]
        if ours:
            sentences.append(f"{opening}{', and '.join(_blamed(c) for c in ours)}.")
    return " ".join(sentences)


def _manner(culprit: Culprit) -> str:
    if culprit.silent and any(finding.check == NOT_LOADED for finding in culprit.findings):
        return "fixed values"
    return f"silent {culprit.kind}" if culprit.silent else culprit.kind


def _felt_as(culprit: Culprit, about: str | None) -> str:
    """Return the kind of a culprit; "unfelt" where a target of gradients that is asked about does not show it."""
    return "unfelt" if about is not None and culprit.kind == "gradient" and culprit.silent else culprit.kind


def _blamed(culprit: Culprit) -> str:
    line = culprit.line
    if culprit.kind == "step":
        return culprit.findings[0].message
    if culprit.kind == "gradient":
        return _blamed_backward(culprit)
    if not culprit.held:
        where = f": {_places([*line.unclear, _place(line)])}" if line and line.port else ""
        return f"the code after the last layer, in the loss{where}"
    variables = list(dict.fromkeys(variable_of(site) for site in culprit.sites))
    if any(variables):
        where = _places([_place(line)]) if line and line.port else "the line"
        also = f", or what it is computed from: {_places(line.unclear)}" if line and line.unclear else ""
        does = line.words if line and line.words else f"which computes {sentence_list(variables)}"
        return f"{where}, {does}{also}"
    return f"the {'code' if culprit.kind == 'code' else 'initial value'} of {sentence_list(culprit.sites)}"


def _blamed_backward(culprit: Culprit) -> str:
    line = culprit.line
    checks = {finding.check for finding in culprit.findings}
    where = f", at {_places([*line.unclear, _place(line)])}" if line and line.port else ""
    if culprit.sites[0] == STEP:
        return f"the code after the last layer, in the loss{where}"
    for check, words in (("frozen", "is frozen"), ("not registered", "is not among the port's parameters")):
        if check in checks:
            return f"{sentence_list(culprit.sites)}, which {words if len(culprit.sites) == 1 else words.replace('is ', 'are ')}"
    return f"the code of {sentence_list(culprit.sites)}{where}"


def _place(line: Line) -> str:
    assert line.port is not None
    return f"{line.port.file}:{line.port.line}"


def _places(places: Iterable[str]) -> str:
    """Return lines in words: 'lines 24, 26 to 28 of port.py'."""
    by_file: dict[str, set[int]] = {}
    for place in places:
        file, _, number = place.rpartition(":")
        by_file.setdefault(file, set()).add(int(number))
    said = []
    for file, numbers in by_file.items():
        runs: list[list[int]] = []
        for line in sorted(numbers):
            if runs and line == runs[-1][-1] + 1:
                runs[-1].append(line)
            else:
                runs.append([line])
        words = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
        said.append(f"line{'s' if len(numbers) > 1 else ''} {sentence_list(words, 12)} of {file}")
    return sentence_list(said)


def apart(port: float | None, reference: float) -> tuple[str, str]:
    """Return two numbers in words, with as many digits as it takes to tell them apart."""
    if port is None:
        return "missing", f"{reference:.6g}"
    shown = ((f"{port:.{digits}g}", f"{reference:.{digits}g}") for digits in range(6, 18))
    return next((pair for pair in shown if pair[0] != pair[1]), (f"{port:.6g}", f"{reference:.6g}"))


def _ruled_out(answer: Answer, *, base_ok: bool) -> list[str]:
    trace, words = answer.trace, []
    blamed = {site for c in answer.code.culprits for site in (*c.sites, *c.held)}
    right = [site for site in trace.sites if site not in blamed]
    if answer.code.forced and right:
        words.append(
            f"{'the other' if len(right) < len(trace.sites) else 'all'} {len(right)} module calls: from the reference's "
            "inputs and weights each gives the reference's output, to within rounding"
        )
    if answer.gradients is not None and not answer.gradients.open_ends:
        guilty = {site for c in answer.gradients.culprits for site in c.sites}
        pulled = [site for site in trace.sites if site not in guilty and site not in blamed]
        words.append(
            f"the backward pass of {'the other' if len(pulled) < len(trace.sites) else 'all'} {len(pulled)} module calls: "
            "from the reference's values and gradients each gives the reference's, to within rounding"
        )
    if base_ok and not any(c.after_the_layers for c in answer.code.culprits):
        agree = f"{answer.target} agrees" if answer.target else f"{', '.join(answer.ranges)} agree"
        words.append(f"the code of step and of the loss: with the reference's weights {agree}")
    if answer.code.culprits or not base_ok:
        words.append("parameters and buffers as the cause of this: all of them were the reference's")
    for culprit in answer.code.culprits:
        if not culprit.after_the_layers and culprit.confirmed and not culprit.silent:
            last = max(trace.sites.index(s) for s in culprit.held)
            words.append(f"everything after {trace.sites[last]}: from there on the port agrees")
    words += [
        f"every other parameter and buffer, and with them all layers before these: with {len(culprit.sites)} own "
        f"and the rest the reference's, it still diverges"
        for culprit in answer.start.culprits
        if culprit.confirmed and not culprit.silent
    ]
    return list(dict.fromkeys(words))
