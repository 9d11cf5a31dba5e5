"""Parameters and buffers along the module tree."""

from bisect_tool.axes.start.state_tree import StateTree
from bisect_tool.sites import Site


def test_the_tree_passes_over_chains_of_only_children():
    """The top is where the model first branches, and a node's leaves are its own, not those of a longer name."""
    tree = StateTree(tuple(map(Site, ("m.1.conv.weight", "m.1.conv.bias", "m.10.bn.weight"))))
    assert tree.tops() == ["m.1", "m.10"]
    assert tree.children("m.1") == ["m.1.conv.weight", "m.1.conv.bias"]
    assert tree.children("m.10.bn.weight") == []
    assert tree.leaves(["m.1"]) == ["m.1.conv.weight", "m.1.conv.bias"]


def test_one_tensor_is_a_tree():
    """A chain that ends in a single tensor has that tensor at its top."""
    tree = StateTree((Site("net.out.bias"),))
    assert tree.tops() == ["net.out.bias"]
    assert tree.leaves(tree.tops()) == ["net.out.bias"]


def test_a_tensor_outside_all_modules_is_a_top():
    """Its name has no module in it."""
    assert StateTree((Site("scale"), Site("net.weight"))).tops() == ["scale", "net"]


def test_no_state_is_an_empty_tree():
    """There is nothing to go down."""
    assert StateTree(()).tops() == []
