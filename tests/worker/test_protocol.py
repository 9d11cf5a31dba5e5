"""The declaration of the protocol, and the page that explains it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bisect_tool.worker import protocol

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^##+ (.+?)\n(.*?)(?=^##|\Z)", PAGE, flags=re.DOTALL | re.MULTILINE))
CODE = re.compile(r"^```json\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def examples(section: str) -> Iterator[dict[str, Any]]:
    """Yield the messages of a section's examples."""
    for text in CODE.findall(SECTIONS[section]):
        rest = text.strip()
        while rest:
            message, end = json.JSONDecoder().raw_decode(rest)
            yield message
            rest = rest[end:].strip()


def explained(section: str) -> set[str]:
    """Return all that stands in back quotes in a section, beside its examples."""
    return set(re.findall(r"`([^`\n]+)`", CODE.sub("", SECTIONS[section])))


@pytest.mark.parametrize("operation", protocol.REQUESTS)
def test_every_field_of_an_operation_is_explained(operation: str) -> None:
    """In its own section, or, of what it shares with ``run`` and ``survey``, in theirs."""
    request = protocol.REQUESTS[operation]
    shared = explained("run") | (explained("survey") if operation == "pull_statements" else set())
    reply = set() if isinstance(request.reply, str) else set(request.reply)
    assert {*request.needs, *request.may, *reply, *request.reply_may} <= explained(operation) | shared


@pytest.mark.parametrize("operation", protocol.REQUESTS)
def test_the_example_of_an_operation_is_as_declared(operation: str) -> None:
    """It is a request and its reply; ``stop`` alone has none."""
    request, *replies = examples(operation)
    assert request.pop("op") == operation
    protocol.check_request(operation, request)
    assert len(replies) == (operation != "stop")
    for reply in replies:
        protocol.check_reply(operation, reply["ok"])


def test_every_event_is_explained_and_its_example_as_declared() -> None:
    """A failure at the start, too."""
    ready, failed = examples("Ready")
    for event in (ready, *examples("Events")):
        protocol.check_event(event)
    protocol.check_failure(failed["error"])
    assert {event["event"] for event in (ready, *examples("Events"))} == set(protocol.EVENTS)
    assert set(protocol.EVENTS) <= explained("Events")
    fields = {field for declared in protocol.EVENTS.values() for field in declared}
    assert fields <= explained("Events") | explained("Ready")


def test_failures_kinds_version_and_capabilities_are_explained() -> None:
    """Each capability with its operations, in one row."""
    assert set(protocol.FAILURE) <= explained("Requests, replies, failures")
    _, failed = examples("Requests, replies, failures")
    protocol.check_failure(failed["error"])
    assert all(f"*{kind}*" in PAGE for kind in protocol.KINDS if kind != "null")
    assert f"version **{protocol.VERSION}**" in PAGE
    rows = re.findall(r"^\| (\(always\)|`\w+`) \| (.*?) \|", SECTIONS["Capabilities"], flags=re.MULTILINE)
    said = {(word.strip("`"), name) for word, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert said == {(request.capability or "(always)", name) for name, request in protocol.REQUESTS.items()}


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("flag", [True], [1, "true"]),
        ("whole", [3], [True, 3.0, "3"]),
        ("number", [3, 0.5, float("nan")], [False, "3"]),
        ("names", [[], ["a"]], ["a", [1]]),
        ("object or null", [{}, None], [[], 0]),
    ],
)
def test_kinds(kind: str, right: list[Any], wrong: list[Any]) -> None:
    """A flag is no number, and a text no list of names."""
    assert all(protocol._is(kind, value) for value in right)
    assert not any(protocol._is(kind, value) for value in wrong)
