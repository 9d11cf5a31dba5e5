"""How right an answer is about a mutant: what the report blames, against the place that was changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# From best to worst, but for wrong: an answer is as bad as the worst that it says.
OUTCOMES = ("exact", "enclosing", "noted", "inconclusive", "missed", "crashed", "wrong")


# A statement whose variable has no counterpart in the reference can only be named together with those it is used in.
SPAN = 6  # lines that count as one place, when the report says that they cannot be told apart


def outcome(report: Mapping[str, Any], mutant: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> str:
    """Return how right a report is about a single mutant; ``classes`` are the modules of each class.

    exact: all that it blames is the place itself; of a statement, its line, or a few that it says it cannot tell apart.
    enclosing: the container or the function around it. wrong: it blames
    something else, alone or beside. noted: no target and no call feels it, and preflight names the place. missed: it says
    that the port agrees.
    """
    if report["verdict"] != "diverges":
        if report["verdict"] != "agrees":
            return "inconclusive"
        return "noted" if _noted(report, mutant["truth"]) else "missed"
    relations = {relation(culprit, mutant["truth"], classes) for culprit in confirmed(report)}
    return max(relations, key=OUTCOMES.index)


def pair_outcome(report: Mapping[str, Any], pair: Sequence[Mapping], classes: Mapping[str, Sequence[str]]) -> str:
    """Return both, one or none for how many of two mutants a report blames exactly, or wrong where it blames another."""
    found = set()
    for culprit in confirmed(report) if report["verdict"] == "diverges" else ():
        relations = [relation(culprit, mutant["truth"], classes) for mutant in pair]
        if all(r == "wrong" for r in relations) and not _split(culprit, pair, classes):
            return "wrong"
        found |= {i for i, r in enumerate(relations) if r == "exact"}
        found |= _split(culprit, pair, classes)
    return ("none", "one", "both")[len(found)]


def _split(culprit: Mapping, pair: Sequence[Mapping], classes: Mapping) -> set[int]:
    """Return the mutants that one culprit blames together: every site is one's or the other's."""
    whose = [
        {
            i
            for i, mutant in enumerate(pair)
            if relation({**culprit, "sites": [site]}, mutant["truth"], classes) == "exact"
        }
        for site in culprit["sites"]
    ]
    return set().union(*whose) if whose and all(whose) else set()


def _noted(report: Mapping[str, Any], truth: Mapping[str, Any]) -> bool:
    places = set(truth.get("modules", ())) | set(truth.get("state", ()))
    return any(places & {site.partition("#")[0] for site in f["sites"]} for f in report["preflight"])


def confirmed(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the culprits of a report that are proved: the others accuse nobody."""
    return [culprit for culprit in report["culprits"] if culprit["confirmed"]]


def relation(culprit: Mapping[str, Any], truth: Mapping[str, Any], classes: Mapping[str, Sequence[str]]) -> str:
    """Return exact, enclosing or wrong for one culprit."""
    if "state" in truth:
        return "exact" if culprit["kind"] == "values" and set(culprit["sites"]) <= set(truth["state"]) else "wrong"
    if culprit["kind"] in ("values", "step"):
        return "wrong"
    modules = truth.get("modules") or [name for cls in truth["classes"] for name in classes.get(cls, ())]
    in_layers = among(_modules(culprit), modules) if modules else "wrong"
    if in_layers != "wrong" or "function" not in truth:
        return in_layers
    return _in_function(culprit, truth)


def _modules(culprit: Mapping[str, Any]) -> list[str]:
    return [site.partition(":")[0].partition("#")[0] for site in culprit["sites"]]


def among(blamed: Iterable[str], modules: Sequence[str]) -> str:
    """Return exact where all that is blamed are of these modules, enclosing where all are around them, else wrong."""
    blamed = list(blamed)
    if all(name in modules for name in blamed):
        return "exact"
    around = all(any(m == name or m.startswith(name + ".") for m in modules) for name in blamed)
    return "enclosing" if around else "wrong"


def _in_function(culprit: Mapping[str, Any], truth: Mapping[str, Any]) -> str:
    """Return how near the blamed line of the loss is to the statement that was changed."""
    if culprit["sites"][0] != "step" and ":" not in culprit["sites"][0]:
        return "wrong"
    line = culprit["line"] and culprit["line"]["port"]

    def is_there(name: str, number: int) -> bool:
        return any(name == file and first <= number <= last for file, first, last in truth["places"])

    if line is None:
        return "enclosing" if culprit["sites"][0] == "step" else "wrong"
    if is_there(line["file"], line["line"]):
        return "exact"
    functions = {site.partition(":")[0] for site in culprit["sites"]}
    unclear = [place.rpartition(":") for place in culprit["line"]["unclear"]]
    if any(is_there(name, int(number)) for name, _, number in unclear):
        return "exact" if len(unclear) < SPAN else "enclosing"
    return "enclosing" if functions & {truth["function"], *truth["callers"]} or functions == {"step"} else "wrong"
