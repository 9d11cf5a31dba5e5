"""Statements of C++ are found by their brackets, and what each assigns."""

from __future__ import annotations

from pathlib import Path

import pytest

from bisect_tool.worker.code.cpp_classes import forwards
from bisect_tool.worker.code.cpp_names import spelled
from bisect_tool.worker.code.cpp_source import statement_at, statements

SOURCE = """\
#include <x.h>  // auto no = 1;
namespace net {
/* auto none = 2; */
struct HeadImpl : Module {
  Tensor weight{nullptr};
  Tensor forward(const Tensor& x, float eps = 1e-5) {
    auto y = x * 2, z = f("; {", '{');
    if (eps > 0) y = y + cat({x, x}, 1)
        .sum();
    for (auto& one : parts) {
      y += one;
    }
    return y;
  }
};
auto step = [](Batch b) mutable -> Tensor {
  auto [low, high] = b.chunk(2);
  std::tie(low, high) = sort(low, [&](int i) {
    auto inner = i;
    return inner;
  });
  b.mul_(2);
  this->total = low;
  return {low, high};
};
}
"""


def at(line: int) -> tuple[str, tuple[str, ...], str]:
    found = statement_at(SOURCE, line)
    assert found is not None
    return found.kind, found.names, found.within


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (7, ("none", (), "")),  # two at once
        (8, ("assigned", ("y",), "")),
        (9, ("assigned", ("y",), "")),  # a statement goes on
        (11, ("assigned", ("y",), "")),
        (13, ("return", (), "")),  # of a name: no operation gives it
        (17, ("assigned", ("low", "high"), "step")),
        (18, ("assigned", ("low", "high"), "step")),
        (19, ("assigned", ("inner",), "lambda")),
        (21, ("nowhere", (), "lambda")),  # where a function ends, compilers see what stands elsewhere
        (22, ("changed", ("b",), "step")),
        (23, ("assigned", ("self.total",), "step")),
        (24, ("return", (), "step")),
        (6, ("none", (), "")),
    ],
)
def test_a_line_is_the_statement_s_that_it_stands_in(line: int, expected: tuple) -> None:
    """Blocks, lambdas and braces in a call are told apart; words and comments are no code."""
    assert at(line) == expected


def test_what_is_returned_is_known_by_its_parts() -> None:
    """Where it is a name, or a list."""
    found = [one.parts for one in statements(SOURCE) if one.kind == "return"]
    assert found == [("y",), ("inner",), ("low", "high")]


def test_a_map_in_braces_has_keys() -> None:
    """Only where all that is listed are pairs that begin with a word in quotes."""
    source = 'auto f() { return {{"low", a * (b + 1)}, {"high", c}}; } auto g() { return {{"low", a}, {b, c}}; }'
    found = [(one.keys, one.parts) for one in statements(source) if one.kind == "return"]
    assert found == [(("low", "high"), ("a * (b + 1)", "c")), ((), ('{"low", a}', "{b, c}"))]


def test_what_is_declared_and_read_and_handed_over_is_told() -> None:
    """Parameters, of which one that is no tensor has a mark; names as they are, in order; arguments."""
    source = (
        "auto f(const Tensor& a, double b = 1, std::map<int, Tensor> c) { return g(a.sum(), h{a, b}, c.at(1)) * a.x; }"
    )
    found = statements(source)[1]
    assert found.declared == ("a", "=b", "=c")
    assert [name for name in found.reads() if name in "abc"] == ["a", "b", "c"]
    assert found.handed("g") == ["a.sum()", "h{a, b}", "c.at(1)"]
    assert found.handed("nobody") == []


def test_what_is_no_code_has_no_statement() -> None:
    """Neither a comment nor what the preprocessor reads."""
    assert [one for one in statements(SOURCE) if "no" in one.names or "none" in one.names] == []


@pytest.mark.parametrize(
    ("function", "within", "expected"),
    [
        (
            "yolo::DetectImpl::forward(std::vector<at::Tensor, std::allocator<at::Tensor> > const&)",
            "",
            "Detect.forward",
        ),
        ("yolo::(anonymous namespace)::ciou(at::Tensor const&, at::Tensor const&)", "", "ciou"),
        ("yolo::DetectionLoss::operator()(yolo::Predictions const&) const", "", "DetectionLoss.__call__"),
        (
            "build(bisect::Options const&)::{lambda(std::map<int, int>)#1}::operator()(std::map<int, int>)",
            "step",
            "step",
        ),
        ("at::Tensor net::scaled<float>(at::Tensor, float)", "", "scaled"),
        ("main", "", "main"),
    ],
)
def test_functions_are_spelled_as_in_python(function: str, within: str, expected: str) -> None:
    """Without namespaces, arguments, and the Impl of a module's class."""
    assert spelled(function, within) == expected


def test_the_arguments_of_forwards_are_read_from_the_sources(tmp_path: Path) -> None:
    """Declared in a class or defined outside; not of one that is overloaded, and not of a call."""
    (tmp_path / "net.h").write_text(
        """
struct OneImpl : torch::nn::Module {
  // Tensor forward(Tensor no);
  Tensor forward(const Tensor& x, std::optional<Tensor> skip = {}, std::map<int, int> sizes = f(1, 2)) {
    return inner->forward(x);
  }
};
class TwoImpl : public OneImpl { Tensor forward(Tensor); Other inner; };
struct ThreeImpl { Tensor forward(Tensor a); Tensor forward(Tensor a, Tensor b); };
"""
    )
    (tmp_path / "net.cpp").write_text("Tensor net::TwoImpl::forward(Tensor images) { return images; }\n")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "old.h").write_text("struct OneImpl { Tensor forward(Tensor old); };\n")
    assert forwards([str(tmp_path)]) == {"OneImpl": ["x", "skip", "sizes"], "TwoImpl": ["images"]}
