"""Initial values that differ in kind, told by the reference's own seeds."""

import math

import pytest
from manifests import described, manifest, tensor

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.checks.initial.fixed import initial_values
from bisect_tool.checks.initial.start import initialisation, not_loaded, unlike
from bisect_tool.pairing.names import match
from bisect_tool.pairing.pair import Pair

RANDOM = [(-0.9, 1.1), (-1.2, 0.8), (-1.0, 1.05), (-0.95, 0.97)]


def statistics(low, high):
    return {"mean": (low + high) / 2, "std": (high - low) / 4, "min": low, "max": high}


def pair_of(reference, port, *, shape=(3, 3), kind="parameter"):
    """Return one tensor on both sides: ``reference`` (min, max) at each seed, ``port`` its own."""
    first, *others = [statistics(low, high) for low, high in reference]
    ours = manifest(
        described(state=[tensor("m.weight", shape, kind=kind, **first)]),
        spread={
            "seeds": list(range(1, len(reference))),
            "targets": [{"loss": 1.0}] * len(others),
            "state": {"m.weight": others} if others else {},
        },
    )
    theirs = described(state=[tensor("m.weight", shape, kind=kind, **(statistics(*port) if port else {}))])
    entries = [("m.weight", tuple(shape))]
    return Pair(Manifest.model_validate(ours), Described.model_validate(theirs), match(entries, entries, [], []), {})


def found(reference, port, **options):
    """Return what is said about one tensor."""
    return [finding.message for finding in initialisation(pair_of(reference, port, **options))]


def test_zeros_for_random_values_are_said():
    """A tensor that is all zero where every seed of the reference is random is listed, with the reference's spread."""
    assert found(RANDOM, (0, 0)) == [
        "m.weight: starts as all zero, reference random at every seed (std 0.5)",
    ]


def test_a_constant_for_random_values_is_said():
    """Another constant is shown by its value."""
    assert found(RANDOM, (1, 1)) == ["m.weight: starts as the constant 1, reference random at every seed (std 0.5)"]


@pytest.mark.parametrize("port", [(-1.0, 1.0), (-50.0, 50.0), (0.0, 1e-9)])
def test_random_values_for_random_values_are_right(port):
    """A tensor that is drawn differently is never listed, however much wider."""
    assert found(RANDOM, port) == []


@pytest.mark.parametrize(
    ("port", "shown"), [((0, 0), "the constant 0"), ((1.0001, 1.0001), "the constant 1.0001"), ((0.5, 1.5), "1 ± 0.25")]
)
def test_other_values_for_a_constant_are_said(port, shown):
    """What is the same constant at every seed must be that constant in the port too."""
    assert found([(1, 1)] * 4, port) == [f"m.weight: starts as {shown}, reference as the constant 1 at every seed"]


@pytest.mark.parametrize("port", [(1, 1), (1 + 1e-7, 1 + 1e-7)])
def test_the_same_constant_is_right(port):
    """A constant that is the same but for its last bit is not listed, and neither is zero for zero."""
    assert found([(1, 1)] * 4, port) == []
    assert found([(0, 0)] * 4, (0, 0)) == []


@pytest.mark.parametrize("reference", [[(1, 1), (2, 2), (3, 3), (4, 4)], [(-1, 1)] * 4, [*RANDOM[:3], (0, 0)]])
def test_a_law_that_cannot_be_read_off_says_nothing(reference):
    """Constants that change, values that repeat, and a mixture of both are no law to hold a port to."""
    assert found(reference, (0, 0)) == []


def test_one_number_is_no_constant():
    """A tensor of one element has no spread to lack."""
    assert found([(0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.4, 0.4)], (0, 0), shape=(1,)) == []


def test_buffers_are_left_out():
    """A buffer is no initialisation."""
    assert found([(1, 1)] * 4, (0, 0), kind="buffer") == []


def test_without_other_seeds_nothing_is_said():
    """One initialisation alone shows no law."""
    assert found(RANDOM[:1], (0, 0)) == []


def test_a_tensor_without_statistics_is_left_out():
    """An empty tensor of the port has nothing to compare."""
    assert found(RANDOM, None) == []


def test_a_nan_is_no_right_constant():
    """A port that starts as NaN where the reference is constant is listed."""
    assert len(found([(1, 1)] * 4, (math.nan, math.nan))) == 1


@pytest.mark.parametrize(
    ("port", "listed"), [((-1.0, 1.0), False), ((-1.15, 1.15), False), ((-9.0, 9.0), True), ((4.0, 6.0), True)]
)
def test_statistics_far_outside_the_seeds_are_unlike(port, listed):
    """A tensor that is much wider, or lies elsewhere, than the reference at any seed is where to look first."""
    assert unlike(pair_of(RANDOM, port)) == ["m.weight"] * listed


def test_one_seed_alone_makes_nothing_unlike():
    """Without other seeds nothing is known of the reference's own spread."""
    assert unlike(pair_of(RANDOM[:1], (-9.0, 9.0))) == []


FIXED = (-1.0, 1.0)


def loading(*port, reference=FIXED, seeds=3):
    """Return what is said of some tensors that the reference starts the same at every seed: the port's hash and range."""
    names = [f"m.{number}" for number in range(len(port))]
    ours = manifest(
        described(state=[tensor(name, hash="same", **statistics(*FIXED)) for name in names]),
        spread={
            "seeds": list(range(seeds)),
            "targets": [{"loss": 1.0}] * seeds,
            "state": {name: [statistics(*reference)] * seeds for name in names if seeds},
        },
    )
    theirs = described(state=[tensor(n, hash=h, **statistics(*r)) for n, (h, r) in zip(names, port, strict=True)])
    entries = [(name, (3, 3)) for name in names]
    return not_loaded(
        Pair(Manifest.model_validate(ours), Described.model_validate(theirs), match(entries, entries, [], []), {})
    )


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (FIXED, "holds the reference's numbers in another order, of shape [3, 3]: transposed, or permuted"),
        ((-2.0, 4.0), "starts as 1 ± 1.5, reference 0 ± 0.5 at every seed"),
    ],
)
def test_the_one_tensor_that_is_not_loaded_is_said(other, said):
    """A port that has most tensors to the last bit has loaded them: what it has otherwise is listed, and how."""
    (finding,) = loading(("same", FIXED), ("same", FIXED), ("other", other))
    assert finding.sites == ("m.2",)
    assert finding.message == f"m.2: {said}; 2 of 3 such tensors are the reference's to the last bit"
    assert (finding.check, finding.kind, finding.site) == ("not loaded", "not loaded", "m.2")


@pytest.mark.parametrize(
    ("port", "how"),
    [
        ([("same", FIXED)] * 3, {}),
        ([("other", FIXED)] * 3, {}),  # it draws its own
        ([("same", FIXED), ("other", FIXED)], {}),  # half of them may be chance
        ([("same", FIXED)] * 2 + [("other", FIXED)], {"reference": (-2.0, 1.0)}),  # drawn anew at every seed
        ([("same", FIXED)] * 2 + [("other", FIXED)], {"seeds": 0}),
    ],
)
def test_a_port_that_loads_all_or_draws_its_own_has_nothing_listed(port, how):
    """What the reference draws anew, or nothing is known of, need not be loaded."""
    assert loading(*port, **how) == []


@pytest.mark.parametrize(
    ("reference", "port", "kind"),
    [
        (RANDOM, (0, 0), "constant for random"),
        (RANDOM, (1, 1), "constant for random"),
        ([(1, 1)] * 4, (0.5, 1.5), "no constant"),
        ([(1, 1)] * 4, (0, 0), "other constant"),
    ],
)
def test_a_finding_says_by_a_field_what_it_is(reference, port, kind):
    """Whoever asks on need not read its words."""
    (finding,) = initialisation(pair_of(reference, port))
    assert (finding.check, finding.kind, finding.site) == ("initialisation", kind, "m.weight")


def test_a_tensor_that_is_not_loaded_is_listed_once():
    """What a loading port has otherwise is no odd constant besides."""
    names = [tensor(name, hash="same", **statistics(*FIXED)) for name in ("m.0", "m.1", "m.2")]
    fixed = {entry["name"]: [statistics(*FIXED)] * 3 for entry in names}
    spread = {"seeds": [1, 2, 3], "targets": [{"loss": 1.0}] * 3, "state": fixed}
    ours = Manifest.model_validate(manifest(described(state=names), spread=spread))
    theirs = described(state=[*names[:2], tensor("m.2", hash="other", **statistics(0, 0))])
    entries = [(entry["name"], (3, 3)) for entry in names]
    pair = Pair(ours, Described.model_validate(theirs), match(entries, entries, [], []), {})
    assert [(finding.site, finding.kind) for finding in initial_values(pair, {})] == [("m.2", "not loaded")]
