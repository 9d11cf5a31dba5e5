"""Random nets, made as small as what was answered about them stayed wrong."""

from __future__ import annotations

from random_nets.outcome import Outcome, outcome_of
from random_nets.spec import Block, Layer, Net


def answered(*parts: Block | Layer, **settings: object) -> Outcome:
    """Return the outcome of a net of some parts."""
    return outcome_of(Net(Block("net", parts=list(parts), **settings)))  # type: ignore[arg-type]


def test_a_wrong_norm_is_not_excused_by_what_is_off_by_little() -> None:
    """Its error gets smaller on the way out, and is yet more than rounding explains."""
    block = Block("p0", norm=Layer("norm", "norm", fault=True), residual=True)
    block.parts = [Block("p0", residual=True, parts=[Layer("p2", "linear")])]
    last = Block("p1", norm=Layer("norm", "norm"), parts=[Layer("p0", "linear")])
    assert answered(block, last, norm=Layer("norm", "norm")).kind == "exact"


def test_two_large_faults_are_not_excused_by_what_is_off_by_little() -> None:
    """One hands on a fifth too much, the other gives a tenth of something else; a norm leaves a thousandth of it."""
    first = Block("0", residual=True, parts=[Layer("1", "linear"), Layer("2", "linear")])
    activated = Block("1", parts=[Layer("0", "relu", fault=True), Layer("1", "norm"), Layer("2", "tanh")])
    product = Block("1", shape="product", fault="input", at=1)
    product.parts = [Block("0", after=0.5, parts=[Layer("0", "tanh")]), activated]
    outer = Block("0", residual=True, parts=[first])
    outcome = answered(outer, product, Layer("2", "linear"), Layer("head", "linear"), residual=True)
    assert outcome.kind in ("exact", "enclosing")


def test_a_factor_that_moved_twice_beside_a_wrong_one_blames_nobody_else() -> None:
    """Each factor lies one level further out in the port, and the outermost is wrong."""
    inner = Block("p0", after=0.5, moved_out=2, parts=[Layer("p1", "linear")])
    outcome = answered(Block("p0", after=0.5, moved_out=2, fault="after", parts=[inner]))
    assert outcome.kind in ("exact", "enclosing", "inconclusive")


def test_a_gate_that_is_nearly_zero_clears_nobody() -> None:
    """A wrong factor around a layer whose weights could not be given is suspected at least."""
    outcome = answered(Layer("p0", "linear", foreign=True), gate=1e-6, residual=True, fault="after")
    assert outcome.kind in ("exact", "enclosing", "inconclusive")


def test_a_moved_factor_around_a_fault_is_excused_by_itself() -> None:
    """A block and one in it are both off, and only the inner one has a fault: a norm after them swallows the factor."""
    faulty = Block("0", after=0.5, moved_out=2, fault="input", parts=[Layer("0", "linear")])
    moved = Block("0", factors=[1.0, 2.0], after=0.5, moved_out=2)
    moved.parts = [Block("1", parts=[faulty]), Layer("2", "norm")]
    assert answered(moved, Layer("1", "norm")).kind in ("exact", "enclosing")


def test_a_faithful_port_in_another_layout_is_silent() -> None:
    """All is right once the net is left to itself; a moved factor before a norm is put back all the same."""
    gated = Block("1", context=True, residual=True, moved_out=2, parts=[Layer("0", "norm")])
    inner = Block("0", shape="context", after=0.5, moved_out=2, parts=[Layer("0", "linear"), gated])
    last = Block("1", norm=Layer("norm", "norm"), parts=[Layer("1", "linear")])
    assert answered(inner, last, layout="flat").kind == "silent"
