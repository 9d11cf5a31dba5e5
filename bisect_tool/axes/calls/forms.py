"""Weights that the port may keep in another form: with the reference's as they are its code is right, or in that form.

Where the port starts with the reference's own numbers in another order, both can be asked, at the reference's own weights:
given as they are, or left as the port has them. A port that turns them when it loads them, by mistake, is right with the
first. One that means to is right with the second alone, and then they are left to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from bisect_tool.axes.axis import Case, Forms
from bisect_tool.axes.calls.passes import PassError, SpentError
from bisect_tool.axes.calls.points import own_passes, readers
from bisect_tool.axes.calls.search import CallsAnswer
from bisect_tool.checks.initial.forms import reordered
from bisect_tool.finding import Finding
from bisect_tool.sentences import names as sentences
from bisect_tool.sites import STEP, Site, module_of

ROUNDED = 1e-5  # relative; what a weight is off by that was drawn alike and scaled by another formula


def forms_of(case: Case) -> Forms:
    """Return which tensors the port keeps in another form, as far as that can be told."""
    found = reordered(case.pair, case.capture.read)
    if not found or case.base.failure is not None:
        return Forms()
    off = case.port.asides.compare_state(found)
    found = {name: axes for name, axes in found.items() if off.get(name, 1.0) > ROUNDED}
    if not found:
        return Forms()
    words = {name: sentences.form(axes) for name, axes in found.items()}
    given, own = (_right(case, left) for left in (frozenset[Site](), frozenset(found)))
    if given is None or own is None:
        return Forms()
    asked = {name: reader for name, reader in readers(case, found).items() if reader in given and reader in own}
    fits = frozenset(case.state)
    wrong = {name for name, reader in asked.items() if name not in fits or not given[reader]}
    kept = frozenset(Site(name) for name in wrong if own[asked[name]])
    return Forms(
        kept=kept,
        unsure={name: words[name] for name in found if name in wrong - kept and name in fits},
        findings=tuple(
            Finding("form", (name,), sentences.kept_form(name, words[name])) for name in found if name in kept
        ),
    )


def still_unsure(case: Case) -> dict[Site, str]:
    """Return the tensors whose form is unsure, in words, without those that the search cleared the code with as they are."""
    calls = case.answer(CallsAnswer)
    if calls is None or calls.judged is None:
        return dict(case.forms.unsure)
    right = _by_module((call, call in calls.judged.innocent) for call in calls.judged.compared)
    read_by = readers(case, case.forms.unsure)
    return {name: words for name, words in case.forms.unsure.items() if not right.get(read_by[name], False)}


def _right(case: Case, left: frozenset[Site]) -> Mapping[Site, bool] | None:
    """Return for each module, and for ``step``, whether its code is right with the reference's weights, some left to the port."""
    base = case.question.base
    question = dataclasses.replace(case.question, base=dataclasses.replace(base, patched=base.patched - left))
    try:
        found = own_passes(case, question).run(())
    except (PassError, SpentError):
        return None
    return _by_module((root, region.right) for root, region in found.regions.items())


def _by_module(calls: Iterable[tuple[Site, bool]]) -> dict[Site, bool]:
    """Return for each module, and for ``step``, whether all of its calls are right."""
    right: dict[Site, bool] = {}
    for call, is_right in calls:
        module = call if call == STEP else Site(module_of(call))
        right[module] = right.get(module, True) and is_right
    return right
