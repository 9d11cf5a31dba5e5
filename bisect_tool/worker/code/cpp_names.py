"""Names of functions in C++ as Python would spell them."""

from __future__ import annotations

import re


def spelled(function: str, within: str) -> str:
    """Return ``yolo::DetectImpl::forward(at::Tensor)`` as ``Detect.forward``; a lambda by the name ``within`` which it has."""
    if "{lambda" in function:
        return within or "lambda"
    parts = _parts(function)
    owner = parts[-2] if len(parts) > 1 and parts[-2][:1].isupper() else ""  # a class, as against a namespace
    owner = owner[: -len("Impl")] if owner.endswith("Impl") else owner
    return "%s.%s" % (owner, parts[-1]) if owner else parts[-1]


def qualified(function: str) -> str:
    """Return a function's name with its namespaces and classes: ``geometry.iou``."""
    return ".".join(_parts(function))


def _parts(function: str) -> list[str]:
    name = _without_arguments(re.sub(r"\(anonymous namespace\)::", "", function)).replace("operator()", "__call__")
    name = re.sub(r"\[abi:\w+\]$", "", name)
    while re.search(r"<[^<>]*>", name):
        name = re.sub(r"<[^<>]*>", "", name)
    return name.split(" ")[-1].split("::")


def _without_arguments(function: str) -> str:
    """Return what stands before the list of arguments, which ends the name but for a ``const``."""
    text = re.sub(r"\)\s*(const|&|\s)*$", ")", function)
    if not text.endswith(")"):
        return text
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[at], 0)
        if depth == 0:
            return text[:at]
    return text
