"""Laws of initial values, told apart by statistics over the reference's seeds; faithful ports are never accused."""

import math
import time

import numpy as np
import pytest
from drawn import CONV, by_channel, default, he_fan_out, normal, ones, scaled_by_seed, sparse, truncated, uniform
from manifests import described, manifest, tensor

from bisect_tool.captures.described import Described
from bisect_tool.captures.manifest import Manifest
from bisect_tool.checks.initial.laws import fan, laws, triage
from bisect_tool.pairing.names import match
from bisect_tool.pairing.pair import Pair
from bisect_tool.worker.arrays import measure

SEEDS = 9


def pair_of(parameters, seed=0, seeds=SEEDS, kind="parameter"):
    """Return a pair whose parameters {name: (shape, the reference's law, the port's)} are drawn by their laws."""
    random = np.random.default_rng(seed)

    def drawn(side, name):
        shape, *both = parameters[name]
        array = np.ascontiguousarray(both[side](random, shape), np.float32)
        return array, measure.initial(array)

    def entries(side):
        rows = []
        for name, (shape, *_) in parameters.items():
            array, numbers = drawn(side, name)
            rows.append(tensor(name, shape, kind=kind, hash=measure.digest(array), **numbers))
        return rows

    others = {name: [drawn(0, name)[1] for _ in range(seeds - 1)] for name in parameters}
    ours = manifest(
        described(state=entries(0)),
        spread={"seeds": list(range(1, seeds)), "targets": [{"loss": 1.0}] * (seeds - 1), "state": others},
    )
    names = [(name, tuple(shape)) for name, (shape, *_) in parameters.items()]
    port = Described.model_validate(described(state=entries(1)))
    return Pair(Manifest.model_validate(ours), port, match(names, names, [], []), {})


def said(shape, reference, port, name="m.weight", **options):
    """Return what is said of one parameter, without the test."""
    return [f.message.rpartition(" (")[0] for f in laws(pair_of({name: (shape, reference, port)}, **options))]


def kind(shape, reference, port, **options):
    (start,) = triage(pair_of({"m.weight": (shape, reference, port)}, **options))
    return start.kind


@pytest.mark.parametrize(
    ("reference", "port", "kinds", "words"),
    [
        (normal(0.02), default, "default", "starts as the default initialisation (uniform within ±1/sqrt(fan in), ±0.0"),
        (he_fan_out, default, "default", "(1/sqrt(fan in) or sqrt(2/fan out))"),
        (normal(0.02), uniform(0.0346), "shape", "starts as uniform within ±0.034"),
        (uniform(0.0346), normal(0.02), "shape", "starts as normal with standard deviation 0.0"),
        (normal(0.0288), normal(0.0204), "scale", "sqrt(2) times smaller (another gain, or another fan?)"),
        (normal(0.02), normal(0.0346), "scale", "sqrt(3) times larger (a bound for a standard deviation?)"),
        (uniform(0.02), uniform(0.025), "scale", "1.2"),
        (normal(0.02), normal(0.02, 0.01), "mean", "starts as normal with mean 0.0"),
        (normal(0.02), normal(0.02, 0.01), "mean", "of the reference's standard deviation"),
        (truncated, normal(0.0176), "shape", "starts as normal with standard deviation 0.017"),
        (normal(0.02), sparse, "scale", "times the reference's"),
    ],
)  # fmt: skip
def test_another_law_is_said(reference, port, kinds, words):
    """Each verdict is given, in words with numbers."""
    assert kind(CONV, reference, port) == kinds
    (message,) = said(CONV, reference, port)
    assert words in message
    assert message.startswith("m.weight: starts as ")


@pytest.mark.parametrize(
    ("reference", "port"),
    [(law, law) for law in (default, he_fan_out, normal(0.02), truncated, sparse, by_channel, scaled_by_seed)]
    + [(normal(0.02), normal(0.0204)), (normal(0.02), normal(0.02, 0.0002)), (uniform(0.1), uniform(0.1003))],
)
@pytest.mark.parametrize("shape", [(4,), (4, 3), (16, 8, 1, 1), CONV])
def test_the_same_law_is_silent(reference, port, shape):
    """Another draw of a law, or of one that differs by too little, is no finding."""
    assert said(shape, reference, port) == []


def test_a_small_tensor_is_said_only_when_grossly_off():
    """A bias of four numbers is let pass at three times its spread, and said at a thousand times."""
    assert said((4,), normal(0.02), normal(0.06)) == []
    assert said((4,), uniform(0.25), normal(0.25)) == []
    assert "times the reference's" in said((4,), normal(0.02), normal(20.0))[0]
    assert said((4,), normal(0.02), normal(0.02, 5.0))


def test_equal_values_and_constants_are_no_laws():
    """Equal bits are told as such; a constant on one side is left to the check for constants."""
    assert kind(CONV, ones, ones) == "equal"
    assert kind(CONV, ones, normal(0.02)) == kind(CONV, normal(0.02), ones) == "constant"
    assert kind(CONV, normal(0.02), normal(0.02)) == "same law"
    assert said(CONV, ones, normal(0.02)) == said(CONV, normal(0.02), ones) == []


def test_nan_is_said():
    """A port that starts with NaN is listed."""
    assert laws(pair_of({"m.weight": (CONV, normal(0.02), lambda r, s: np.full(s, np.nan))}))[0].message.startswith(
        "m.weight: starts with NaN or infinity, reference normal with standard deviation 0.0"
    )


def test_the_same_values_at_every_seed_are_to_be_the_ports_too():
    """What other parameters' seeds show to be fixed is no law to draw from; where nothing varies, nothing is known."""
    fixed = lambda _random, shape: np.arange(math.prod(shape)).reshape(shape)  # noqa: E731
    parameters = {"dfl.weight": ((1, 16), fixed, normal(0.1)), "m.weight": (CONV, default, default)}
    (finding,) = laws(pair_of(parameters))
    assert finding.sites == ("dfl.weight",)
    assert "reference as the same values at every seed (mean 7.5 and standard deviation 4.61)" in finding.message
    assert laws(pair_of({"dfl.weight": parameters["dfl.weight"]})) == []
    assert laws(pair_of({**parameters, "dfl.weight": ((1, 16), fixed, fixed)})) == []


def test_a_bias_is_judged_by_the_weight_beside_it():
    """The default of a bias is told by its weight's fan in."""
    weights = {"fc.weight": ((512, 256), default, default)}
    bias = {"fc.bias": ((512,), normal(0.5), uniform(1 / 16))}
    (finding,) = laws(pair_of({**weights, **bias}))
    assert finding.message.startswith(
        "fc.bias: starts as the default initialisation (uniform within ±1/sqrt(fan in), ±0.06"
    )
    (finding,) = laws(pair_of(bias))  # nothing beside it
    assert finding.message.startswith("fc.bias: starts as uniform within ±0.06")


def test_fans_are_torchs():
    """Fan in and fan out count the kernel; a vector has none."""
    shapes = {"a.weight": (64, 32, 3, 3), "n.weight": (64,), "weight": (8, 4)}
    entries = {name: Described.model_validate(described(state=[tensor(name, shape)])).state[0] for name, shape in
               [("a.weight", (64, 32, 3, 3)), ("a.bias", (64,)), ("n.bias", (64,)), ("n.weight", (64,)), ("bias", (8,))]}  # fmt: skip
    found = {name: fan(entry, shapes) for name, entry in entries.items()}
    assert found == {"a.weight": (288, 576), "a.bias": (288, 576), "n.bias": None, "n.weight": None, "bias": (4, 8)}


def test_alike_findings_are_one():
    """Sixty layers with the same mistake are one finding with a formula in place of their numbers."""
    shapes = [(2 ** (4 + i % 4), 2 ** (3 + i % 5), 3, 3) for i in range(60)]
    port = {f"b.{i}.conv.weight": (shape, he_fan_out, default) for i, shape in enumerate(shapes)}
    (finding,) = laws(pair_of(port))
    assert len(finding.sites) == 60
    assert finding.message.startswith(
        "b.0.conv.weight, b.1.conv.weight, b.2.conv.weight and 57 more: start as the default"
    )
    assert "(sqrt(2/fan out))" in finding.message
    (finding,) = laws(pair_of({name: (shape, he_fan_out, normal(0.3)) for name, (shape, *_) in port.items()}))
    assert len(finding.sites) == 60  # a ratio of its own in every shape: too many to tell one by one


def test_the_most_telling_is_first():
    """What was never applied comes before another law, and that before another scale."""
    port = {
        "a.weight": (CONV, normal(0.02), normal(0.04)),
        "b.weight": (CONV, normal(0.02), uniform(0.03)),
        "c.weight": (CONV, normal(0.02), default),
        "d.weight": (CONV, default, default),
    }
    assert [f.sites for f in laws(pair_of(port))] == [("c.weight",), ("b.weight",), ("a.weight",)]


@pytest.mark.parametrize("options", [{"seeds": 3}, {"kind": "buffer"}])
def test_without_a_law_to_hold_it_to_nothing_is_said(options):
    """Too few seeds show no spread, and buffers are not drawn."""
    assert said(CONV, normal(0.02), normal(0.5), **options) == []


def test_an_old_capture_without_quantiles_still_tells_spread_and_mean():
    """Quantiles are not needed to see another standard deviation."""
    pair = pair_of({"m.weight": (CONV, normal(0.02), normal(0.03))})
    bare = lambda entry: entry.model_copy(update={"quantiles": None})  # noqa: E731
    reference = pair.reference
    state = {name: tuple(map(bare, runs)) for name, runs in reference.spread.state.items()}
    reference = reference.model_copy(update={
        "described": reference.described.model_copy(update={"state": tuple(map(bare, reference.described.state))}),
        "spread": reference.spread.model_copy(update={"state": state}),
    })  # fmt: skip
    port = pair.port.model_copy(update={"state": tuple(map(bare, pair.port.state))})
    (finding,) = laws(Pair(reference, port, pair.matching, {}))
    assert "1.5" in finding.message


FAITHFUL = [default, normal(0.02), normal(0.02, 1.0), truncated, sparse, by_channel, scaled_by_seed]
SHAPES = [(4,), (16,), (8, 4), (32, 3, 3, 3), (64, 64, 1, 1)]


def test_faithful_ports_are_not_accused():
    """Of 30 models with 66 parameters, seven kinds of law in five sizes, independent draws or not, none is accused."""
    parameters = {
        f"m.{i}.{k}.{n}.weight": (shape, law, law) for i in range(2) for k, law in enumerate(FAITHFUL) for n, shape in enumerate(SHAPES)
        if len(shape) > 1 or law is not default
    }  # fmt: skip
    found = [f.message for seed in range(30) for f in laws(pair_of(parameters, seed=seed))]
    assert found == []


def test_a_large_model_takes_no_time():
    """Four hundred parameters are judged in less than a second."""
    pair = pair_of({f"m.{i}.weight": ((16, 8, 3, 3), default, default) for i in range(400)})
    start = time.perf_counter()
    assert laws(pair) == []
    assert time.perf_counter() - start < 1.0
