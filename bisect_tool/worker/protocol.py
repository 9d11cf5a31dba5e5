"""Every message between the tool and a worker: its fields, what its reply holds, and the capability it belongs to.

Both sides check by these tables, and by them alone. docs/protocol.md says what the fields mean.

A field's kind is "flag", "whole", "number", "text", "names" (a list of texts), "list", "object" or "null"; "text or null"
is either of two.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Dict, FrozenSet, Mapping, NamedTuple, Union

VERSION = 4
ALWAYS = ""  # no capability: what every worker answers

Fields = Mapping[str, str]  # field -> its kind
NOTHING: Fields = MappingProxyType({})


class ProtocolError(Exception):
    """A message that is not as it is declared; one sentence that names every field that is wrong."""


class Request(NamedTuple):
    """What a request needs, what it may have beside, and what the reply to it holds.

    ``reply`` are the fields of an object, or the kind of a reply without fields of its own; ``reply_may`` what it may have beside.
    """

    capability: str
    needs: Fields
    reply: Union[Fields, str]
    may: Fields = NOTHING
    reply_may: Fields = NOTHING


DESCRIPTION = {
    "framework": "text",
    "version": "text",
    "python": "text",
    "seconds": "number",
    "modules": "list",
    "state": "list",
    "batch": "list",
    "sources": "text",
    "options": "list or null",
}
ATTACHED = {
    "folder": "text",
    "sites": "object",
    "state": "object",
    "batch": "object",
    "draws": "object",
    "tensors": "object",
    "gradients": "object or null",
    "left": "object",
    "stirred": "object or null",
    "largest": "whole",
}
INTERVENTION = {  # what every probe may have beside what it patches
    "watch": "names",
    "keep": "names",
    "feed": "names",
    "exact": "names",
    "disturb": "object",
    "aimed": "names",
    "shake": "names",
    "echo": "flag",
    "dissolved": "names or null",
    "point": "text",
}
WITH_VARIABLES = {**INTERVENTION, "variables": "flag"}
RUN = {**WITH_VARIABLES, "digests": "flag"}
BACKWARD = {
    **RUN,
    "straight": "names",
    "pulled": "names",
    "severed": "names",
    "corrected": "names",
    "thawed": "names",
    "tied": "object",
}
READING = {
    "targets": "object",
    "not_scalar": "object",
    "receipts": "object",
    "standing": "object",
    "watched": "object",
    "calls": "list",
    "draws": "object",
    "kernels": "whole or null",
    "seconds": "number",
}
READING_MAY = {"transformed": "names", "unread": "names", "digests": "object"}
SURVEY = {
    "variables": "list",
    "excerpts": "object",
    "caught": "list",
    "skipped": "object",
    "cut": "names",
    "functions": "names",
    "conditions": "object",
    "ended": "names",
}
WATCHED = {"elsewhere": "names", "only": "names"}  # which functions are watched beside the recipe's, or alone
LEFT = {"left": "list"}  # of a forced pass
PATCH = {"patch": "names"}
FAILED = {"failed": "object"}  # of a run that raised: the reply is what there is of it up to there

REQUESTS: Dict[str, Request] = {
    "build": Request(
        ALWAYS,
        {"folder": "text", "entry": "text", "options": "object", "watch": "names"},
        may={"sources": "names"},
        reply=DESCRIPTION,
        reply_may={"optimizer": "list"},
    ),
    "stop": Request(ALWAYS, {}, reply="null"),
    "step": Request(
        "step",
        {},
        reply={"targets": "object", "not_scalar": "object", "called": "names"},
        reply_may={"hidden": "names"},
    ),
    "record": Request(
        "record",
        {"folder": "text", "include": "names", "exclude": "names", "seeds": "list", "grads": "object or null"},
        reply={"sites": "whole", "bytes": "object", "seconds": "object"},
    ),
    "attach": Request("run", ATTACHED, reply={"sum_error": "number"}),
    "compare_state": Request("run", {"names": "names"}, reply="object"),
    "remember": Request("run", {**PATCH, "sites": "names"}, reply="null"),
    "run": Request("run", PATCH, may=RUN, reply=READING, reply_may={**READING_MAY, **FAILED, **LEFT}),
    "values": Request("values", {**PATCH, "hand": "names", "file": "text"}, may=WITH_VARIABLES, reply="object"),
    "survey": Request(
        "survey", PATCH, may=INTERVENTION, reply=SURVEY, reply_may={**FAILED, **WATCHED, "raised": "object or null"}
    ),
    "identify": Request(
        "survey", {**PATCH, "names": "names", "candidates": "object"}, may=INTERVENTION, reply="object"
    ),
    "expressions": Request(
        "expressions",
        {**PATCH, "lines": "names", "file": "text"},
        may=INTERVENTION,
        reply={"rows": "list", "cut": "flag"},
    ),
    "attach_variables": Request("survey", {"sites": "object"}, reply="null"),
    "pull": Request("gradients", PATCH, may=BACKWARD, reply={**READING, "gradients": "object"}, reply_may=READING_MAY),
    "pull_pieces": Request(
        "gradients",
        PATCH,
        may=WITH_VARIABLES,
        reply={**READING, "pieces": "list"},
        reply_may={**READING_MAY, "unsure": "names"},
    ),
    "pull_statements": Request(
        "statements",
        {**PATCH, "owners": "names", "named": "names", "given": "object"},
        may=INTERVENTION,
        reply={"edges": "object", "places": "object", "excerpts": "object", "stopped": "names", "backward": "object"},
    ),
    "take_steps": Request("optimizer", {**PATCH, "file": "text"}, reply={"groups": "list", "after": "object"}),
}
CAPABILITIES: FrozenSet[str] = frozenset(request.capability for request in REQUESTS.values()) - {ALWAYS}

EVENTS: Dict[str, Fields] = {
    "ready": {"protocol": "whole", "version": "text", "capabilities": "names"},
    "compiling": {"file": "text"},
    "running": {"site": "text"},
    "recording": {"sites": "whole", "bytes": "whole"},
    "noise": {"done": "whole", "of": "whole"},
    "gradients": {"done": "whole", "of": "whole"},
    "seeds": {"done": "whole", "of": "whole"},
    "stirred": {"strength": "number"},
}
EVENTS_MAY: Dict[str, Fields] = {"ready": {"pid": "whole"}}
FAILURE = {"phase": "text", "type": "text", "message": "text", "where": "text or null", "traceback": "text"}

KINDS: Dict[str, Callable[[Any], bool]] = {
    "flag": lambda value: isinstance(value, bool),
    "whole": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: (
        isinstance(value, float) or (type(value) is int and abs(value) < 1 << 1023)
    ),  # as floats are
    "text": lambda value: isinstance(value, str),
    "names": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def check_request(operation: Any, fields: Mapping[str, Any]) -> None:
    """Raise ProtocolError where no such operation is known, or its fields are not what it needs."""
    if not isinstance(operation, str) or operation not in REQUESTS:
        raise ProtocolError("unknown operation %r" % (operation,))
    request = REQUESTS[operation]
    _check("the request %r" % operation, fields, request.needs, request.may)


def check_reply(operation: str, reply: Any) -> None:
    """Raise ProtocolError where a reply is not what the operation's is."""
    declared = REQUESTS[operation].reply
    what = "the reply to %r" % operation
    kind = declared if isinstance(declared, str) else "object"
    if not _is(kind, reply):
        raise ProtocolError("%s is %s, expected %s" % (what, _shown(reply), kind))
    if not isinstance(declared, str):
        _check(what, reply, declared, REQUESTS[operation].reply_may)
    if "failed" in REQUESTS[operation].reply_may and "failed" in reply:
        check_failure(reply["failed"])


def check_event(event: Mapping[str, Any]) -> None:
    """Raise ProtocolError where an event is not as it is declared."""
    name = event.get("event")
    if not isinstance(name, str) or name not in EVENTS:
        raise ProtocolError("unknown event %r" % (name,))
    _check("the event %r" % name, event, {"event": "text", **EVENTS[name]}, EVENTS_MAY.get(name, NOTHING))


def check_failure(failure: Any) -> None:
    """Raise ProtocolError where what a worker says of an error is not as it is declared."""
    if not isinstance(failure, dict):
        raise ProtocolError("the error is %s, expected object" % _shown(failure))
    _check("the error", failure, FAILURE)


def _check(what: str, found: Mapping[str, Any], needs: Fields, may: Fields = NOTHING) -> None:
    declared = {**needs, **may}
    wrong = ["%s is missing" % field for field in needs if field not in found]
    for field, value in found.items():
        if field not in declared:
            wrong.append("%s is unknown" % field)
        elif not _is(declared[field], value):
            wrong.append("%s is %s, expected %s" % (field, _shown(value), declared[field]))
    if wrong:
        raise ProtocolError("%s is not as the protocol has it: %s" % (what, "; ".join(wrong)))


def _is(kind: str, value: Any) -> bool:
    return any(KINDS[one](value) for one in kind.split(" or "))


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
