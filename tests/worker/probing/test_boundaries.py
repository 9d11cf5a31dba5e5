"""A value of the port beside the reference's: which part is which, in which form, and how far each is off."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bisect_tool.worker.probing.boundaries import Recorded, compare

RNG = np.random.default_rng(0)


def random(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def compared(found, recorded):
    """Compare parts by path with the reference's by name."""
    wanted = [Recorded(name, name, name, value.shape) for name, value in recorded.items()]
    return compare(list(found.items()), wanted, recorded.__getitem__)


def partners(seen):
    return {part.path: part.partner.name for part in seen.parts}


def test_a_part_is_paired_by_its_name_first():
    """Whatever values it has: a name that both sides have is no guess."""
    a, b = random(3), random(3)
    seen = compared({"x": a, "y": b}, {"x": b, "y": a})
    assert partners(seen) == {"x": "x", "y": "y"}
    assert seen.off() > 0.1


def test_another_name_is_paired_by_value_then_by_shape_then_by_size():
    """In that order, and nothing twice."""
    same, shaped, sized = random(3, 4), random(3, 4), random(6, 2)
    found = {"c": sized.reshape(2, 6), "b": random(3, 4), "a": same}
    assert partners(compared(found, {"0": shaped, "1": same, "2": sized})) == {"a": "1", "b": "0", "c": "2"}


def test_what_has_no_partner_is_unknown_or_missing():
    """Nothing is said of it on either side."""
    x, extra, lost = random(3), random(5), random(2, 4)
    seen = compared({"x": x, "extra": extra}, {"x": x, "lost": lost})
    assert (partners(seen), seen.unknown, [one.name for one in seen.missing]) == ({"x": "x"}, ["extra"], ["lost"])
    assert seen.off() == 0


def test_a_single_part_of_another_shape_stands_where_the_references_does():
    """It does not compare, and that is how far it is off."""
    seen = compared({"": random(3)}, {"0": random(4)})
    assert partners(seen) == {"": "0"}
    assert seen.off() == math.inf


@given(st.permutations(range(4)))
def test_axes_may_stand_in_another_order(axes):
    """The form turns the reference's value into what the port would have, ones or not."""
    value = random(2, 3, 1, 5)
    (part,) = compared({"x": value.transpose(axes)}, {"x": value}).parts
    assert part.off["error"] == 0
    np.testing.assert_array_equal(part.form(value), value.transpose(axes))


@pytest.mark.parametrize("shape", [(12, 10, 8), (120, 8), (960,), (12, 10, 2, 4)])
def test_neighbouring_axes_may_be_one(shape):
    """Where all numbers stand in the same order; it is given as the port has it."""
    x = random(12, 10, 8)
    seen = compared({"y": x.reshape(shape)}, {"x": x})
    (part,) = seen.parts
    assert (seen.off(), part.form(x).shape) == (0, shape)


def test_axes_that_were_cut_elsewhere_do_not_compare():
    """Nothing says in which order the numbers of [24, 10] stand in [16, 15]."""
    x = random(24, 10)
    assert compared({"y": x.reshape(16, 15)}, {"x": x}).off() == math.inf


def test_a_transposed_square_is_a_fault():
    """Its shape does not say that the axes changed places."""
    value = random(4, 4)
    assert compared({"x": value.T}, {"x": value}).off() > 0.1


@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_may_be_of_booleans_or_of_infinities(inverted):
    """On either side, and whichever of them lets through."""
    kept = RNG.random((3, 5)) < 0.5
    additive = np.where(kept, 0, -np.inf).astype(np.float32)
    booleans = ~kept if inverted else kept
    for ours, theirs in ((booleans, additive), (additive, booleans)):
        (part,) = compared({"mask": ours}, {"mask": theirs}).parts
        assert part.off["error"] == 0
        np.testing.assert_array_equal(part.form(theirs), ours)


def test_a_wrong_mask_is_off():
    """Another form excuses no other value."""
    kept = np.tri(4, 6, dtype=bool)
    wrong = np.where(np.tri(4, 6, 1, dtype=bool), 0, -np.inf).astype(np.float32)
    assert compared({"mask": wrong}, {"mask": kept}).off() > 0


def test_what_a_mask_means_is_guessed_until_it_is_known():
    """Its negation looks like another way to write it: once it is known which is meant, it is off."""
    kept = np.tri(4, 6, dtype=bool)
    additive = Recorded("mask", "mask", "mask", (4, 6))
    read = {"mask": np.where(kept, 0, -np.inf).astype(np.float32)}.__getitem__
    (right,) = compare([("mask", kept)], [additive], read).parts
    (negated,) = compare([("mask", ~kept)], [additive], read).parts
    assert right.off["error"] == negated.off["error"] == 0
    assert not right.known
    assert right.reading != negated.reading
    (known,) = compare([("mask", ~kept)], [additive], read, reading_of=lambda *_mask: right.reading).parts
    assert (known.off["error"], known.known) == (1, True)


@pytest.mark.parametrize("shape", [(1, 3, 4), (2, 3, 1), (1, 1, 4)])
def test_a_value_may_be_repeated_on_one_side_alone(shape):
    """Along an axis of length one, in either of them; where it is not the same all along, it is another value."""
    once = random(*shape)
    repeated = np.ascontiguousarray(np.broadcast_to(once, (2, 3, 4)))
    for ours, theirs in ((once, repeated), (repeated, once)):
        (part,) = compared({"x": ours}, {"x": theirs}).parts
        assert part.off["error"] == 0
        np.testing.assert_array_equal(part.form(theirs), ours)
    assert compared({"x": once}, {"x": random(2, 3, 4)}).off() == math.inf


@pytest.mark.parametrize("shape", [(2, 12, 5), (2, 3, 4, 5), (2, 1, 3, 4, 5), (6, 4, 5)])
def test_axes_may_be_one(shape):
    """A map's places in a row, the batch and the steps together: on either side, the channels first or last."""
    maps = random(2, 3, 4, 5)
    first = np.ascontiguousarray(maps.transpose(0, 3, 1, 2))
    rows = maps.reshape(shape)
    for ours, theirs in ((rows, first), (first, rows), (rows, maps), (maps, rows)):
        if shape == (6, 4, 5) and theirs is not maps and ours is not maps:
            continue  # the batch and a side of the map are not neighbours there
        (part,) = compared({"x": ours}, {"x": theirs}).parts
        assert part.off["error"] == 0
        np.testing.assert_array_equal(part.form(theirs), ours)


def test_places_in_another_order_are_a_fault():
    """Row by row is no column by column, though as many: the shapes do not say so."""
    maps = random(2, 3, 4, 4)
    wrong = maps.transpose(0, 1, 3, 2).reshape(2, 3, 16)
    assert compared({"x": wrong}, {"x": maps}).off() > 0.1
    rows = maps.reshape(2, 3, 16).transpose(0, 2, 1)
    assert compared({"x": rows}, {"x": maps}).off() == 0
    assert compared({"x": wrong.transpose(0, 2, 1)}, {"x": maps}).off() > 0.1


def test_a_framework_without_complex_numbers_is_given_pairs():
    """What it writes so is compared; complex numbers that it has no form for are unknown, and missing."""
    value = (random(3, 4) + 1j * random(3, 4)).astype(np.complex64)
    pairs = np.stack((value.real, value.imag), -1)
    wanted = [Recorded("x", "x", "x", value.shape)]
    for found, unknown in ((pairs, []), (value.real, ["x"])):
        seen = compare([("x", found)], wanted, lambda _key: value, lambda array: array.dtype.kind != "c")
        assert seen.unknown == [one.name for one in seen.missing] == unknown
        assert [part.off["error"] for part in seen.parts] == [0.0] * (not unknown)


def test_a_form_that_shapes_do_not_tell_is_guessed_until_it_is_known():
    """The one that fits best, be it wrong; known, it is compared in that alone."""
    value = (random(3, 4) + 1j * random(3, 4)).astype(np.complex64)
    halves = np.concatenate((value.real, value.imag), -1)
    wanted, read = [Recorded("x", "x", "x", value.shape)], {"x": value}.__getitem__
    (part,) = compare([("x", halves)], wanted, read).parts
    assert (part.off["error"], part.known, part.paired, len(part.others)) == (0, False, True, 1)
    turns = np.stack((value.real, value.imag), -1).reshape(3, 8)
    (wrong,) = compare([("x", turns)], wanted, read, reading_of=lambda *_part: part.reading).parts
    assert (wrong.off["error"] > 0.1, wrong.known) == (True, True)


def test_a_mask_that_shuts_nothing_is_not_one_that_shuts_something():
    """Zeros are added where nothing is left out; the reference leaves out some places."""
    keep = np.array([True, True, False, True])
    parts = {}
    for name, handed in {"shut": np.where(keep, 0.0, -1e9).astype(np.float32), "open": np.zeros(4, np.float32)}.items():
        wanted = [Recorded("mask", "0.0", "k", (4,))]
        parts[name] = compare([("mask", handed)], wanted, lambda _key: keep).parts[0].off["error"]
    assert parts["shut"] == 0
    assert parts["open"] > 0.5
