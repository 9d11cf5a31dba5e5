"""What a worker does with requests that are not as the protocol has them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bisect_tool.worker import operations, protocol, serve, wire


class Lines(wire.Wire):
    """A wire without a parent."""

    def __init__(self) -> None:
        pass


def answered(request: Any) -> dict[str, Any]:
    """Return what a worker without a model answers."""
    session = operations.Session(None, Lines(), [])  # type: ignore[arg-type]
    return serve.answer(session, request if isinstance(request, str) else json.dumps(request))


def test_every_operation_that_is_declared_is_served() -> None:
    """The worker's table has the operations of the protocol, and no others."""
    assert operations.OPERATIONS.keys() == protocol.REQUESTS.keys()


@pytest.mark.parametrize(
    ("request_", "wrong"),
    [
        ({"op": "_probe", "patch": []}, "unknown operation '_probe'"),
        ({"op": "__init__"}, "unknown operation '__init__'"),
        ({"op": ["run"]}, "unknown operation ['run']"),
        ({"patch": []}, "unknown operation None"),
        ({"op": "run"}, "the request 'run' is not as the protocol has it: patch is missing"),
        ({"op": "run", "patch": [], "colour": 1}, "the request 'run' is not as the protocol has it: colour is unknown"),
        ({"op": "run", "patch": [1], "echo": 1}, "patch is [1], expected names; echo is 1, expected flag"),
        ([], "a request is an object with a field op"),
    ],
)
def test_a_request_that_is_not_as_declared_is_answered(request_: Any, wrong: str) -> None:
    """All that is wrong with it is said in one sentence, and nothing of it reaches the model."""
    failure = answered(request_)["error"]
    assert failure["type"] == "ProtocolError"
    assert wrong in failure["message"]
    protocol.check_failure(failure)


def test_a_line_that_is_no_json_is_answered() -> None:
    """Even then the worker lives on."""
    assert answered("{run")["error"]["type"] == "JSONDecodeError"


def test_an_operation_before_its_time_is_answered() -> None:
    """A step without a model is an error like any other."""
    assert answered({"op": "step"})["error"]["phase"] == "step"
