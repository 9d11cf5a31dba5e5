"""Delta debugging against hidden sets."""

from hypothesis import assume, given
from hypothesis import strategies as st

from bisect_tool.search.ddmin import ddmin, descend
from bisect_tool.search.verdict import Verdict

ITEMS = list(range(24))
HIDDEN = st.frozensets(st.sampled_from(ITEMS), min_size=1)


def agrees_with(*alternatives):
    """Return a test that agrees for a superset of any of the hidden sets."""

    def test(chosen):
        return Verdict.AGREES if any(hidden <= chosen for hidden in alternatives) else Verdict.DIVERGES

    return test


@given(st.permutations(ITEMS), HIDDEN)
def test_an_and_set_is_found_exactly(items, hidden):
    """A set that must be right together is found whole, with nothing added and in the order of the items."""
    found = ddmin(items, agrees_with(hidden))
    assert found == [item for item in items if item in hidden]


@given(st.permutations(ITEMS), st.lists(HIDDEN, min_size=1, max_size=4))
def test_the_result_is_1_minimal(items, alternatives):
    """With several ways to agree, one is found, and it agrees no longer without any one of its members."""
    test = agrees_with(*alternatives)
    found = frozenset(ddmin(items, test))
    assert test(found) is Verdict.AGREES
    assert all(test(found - {item}) is Verdict.DIVERGES for item in found)


@given(st.permutations(ITEMS), HIDDEN, st.integers(0, 2**32))
def test_an_unresolved_probe_loses_no_member(items, hidden, seed):
    """Unresolved probes may leave the result too large, never without a member of the hidden set."""
    plain = agrees_with(hidden)

    def test(chosen):
        return Verdict.UNRESOLVED if hash((seed, chosen)) % 3 == 0 else plain(chosen)

    assert hidden <= set(ddmin(items, test))


@given(st.permutations(ITEMS), st.sampled_from(ITEMS))
def test_one_item_takes_a_logarithm_of_probes(items, hidden):
    """A single item among N is found with at most 2 log2 N probes."""
    asked = []

    def test(chosen):
        asked.append(chosen)
        return agrees_with({hidden})(chosen)

    assert ddmin(items, test) == [hidden]
    assert len(asked) <= 2 * 5


@given(st.permutations(ITEMS), HIDDEN)
def test_neither_all_nor_nothing_is_asked(items, hidden):
    """The full set is taken on trust and the empty set is no candidate."""
    asked = []

    def test(chosen):
        asked.append(chosen)
        return agrees_with(hidden)(chosen)

    ddmin(items, test)
    assert all(0 < len(chosen) < len(items) for chosen in asked)


TREES = st.recursive(
    st.just(()), lambda inner: st.lists(inner, min_size=1, max_size=4).map(tuple), max_leaves=30
).filter(bool)


def named(tree, name=""):
    """Return {node: children} of a tree of tuples, the nodes named by their path."""
    below = [f"{name}.{index}" for index in range(len(tree))]
    nodes = {name: below}
    for child, child_name in zip(tree, below, strict=True):
        nodes.update(named(child, child_name))
    return nodes


def leaves_below(nodes, name):
    return {name} if not nodes[name] else set().union(*(leaves_below(nodes, child) for child in nodes[name]))


@given(TREES, st.data())
def test_descend_finds_the_hidden_leaves(tree, data):
    """Leaves hidden anywhere in a tree are found exactly."""
    nodes = named(tree)
    leaves = sorted(name for name, below in nodes.items() if not below)
    hidden = data.draw(st.frozensets(st.sampled_from(leaves), min_size=1))
    healed = agrees_with(hidden)
    found = descend(nodes[""], nodes.get, lambda chosen: healed(set().union(*(leaves_below(nodes, n) for n in chosen))))
    assert sorted(found) == sorted(hidden)


@given(TREES, st.data())
def test_descend_opens_only_what_it_must(tree, data):
    """Nodes without a hidden leaf are never taken apart once the top has shown them to be right."""
    nodes = named(tree)
    leaves = sorted(name for name, below in nodes.items() if not below)
    hidden = data.draw(st.sampled_from(leaves))
    assume(len(nodes[""]) > 1)
    asked = set()

    def test(chosen):
        asked.update(chosen)
        return Verdict.AGREES if hidden in set().union(*(leaves_below(nodes, n) for n in chosen)) else Verdict.DIVERGES

    assert descend(nodes[""], nodes.get, test) == [hidden]
    right = [top for top in nodes[""] if hidden not in leaves_below(nodes, top)]
    assert not any(node.startswith(f"{top}.") for node in asked for top in right)
