"""Tensors that neither a rule nor an equal name pairs: by what they hold, then in order, and where both contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bisect_tool.pairing.order import Entries, by_order, leaf, word
from bisect_tool.pairing.values import Values, by_value, contradicted


def pair_the_rest(
    reference: Entries, port: Entries, values: tuple[Values, Values], state: dict[str, str], how: dict[str, str]
) -> dict[str, tuple[str, str]]:
    """Pair what no name pairs: by initial values, then in order, but for pairs that their values contradict.

    Return the pairs that are torn: the last words of the names speak for one tensor of the port, the numbers for another.
    Equal numbers are chance where a net is drawn in another order from one seed: there the words come first.
    """
    left, right = _left_over(reference, port, state)
    found = by_value(left, right, *values)
    torn = dict(_torn(found, dict(left), dict(right)))
    drawn = torn.keys() - values[0].fixed
    kept = {name: port_name for name, port_name in found.items() if name not in drawn}
    state.update(kept)
    how.update({name: "guess" if name in torn else "values" for name in kept})
    ordered, guessed = by_order(*_left_over(reference, port, state))
    state.update(ordered)
    how.update({name: "guess" if name in guessed or name in torn else "shape" for name in ordered})
    sure = {name: port_name for name, port_name in state.items() if how[name] != "guess"}
    guesses = {name: port_name for name, port_name in state.items() if how[name] == "guess" and name not in torn}
    for name in list(contradicted(guesses, sure, *values)):
        del state[name], how[name]
    return {
        name: (state[name] if name in ordered else named, found[name]) for name, named in torn.items() if name in state
    }


def _left_over(reference: Entries, port: Entries, state: Mapping[str, str]) -> tuple[Entries, Entries]:
    taken = set(state.values())
    return [e for e in reference if e[0] not in state], [e for e in port if e[0] not in taken]


def _torn(
    found: Mapping[str, str], ours: Mapping[str, object], theirs: Mapping[str, object]
) -> Iterator[tuple[str, str]]:
    """Yield the pairs whose numbers are equal and whose last words are not, though both sides have both of these words."""
    for name, port_name in found.items():
        if leaf(name) != leaf(port_name) or word(name) == word(port_name) or not (word(name) and word(port_name)):
            continue
        kin, port_kin = (
            {word(other): other for other, shape in side.items() if shape == ours[name] and leaf(other) == leaf(name)}
            for side in (ours, theirs)
        )
        if word(name) in port_kin and word(port_name) in kin:
            yield name, port_kin[word(name)]
