"""Numbers that come from maps are explained, and others are not."""

import pytest
from manifests import described, manifest, pair_of, site

from bisect_tool.captures.manifest import Manifest
from bisect_tool.checks.preflight.preflight import calls
from bisect_tool.checks.preflight.sizes import Maps, explained, explained_text, row_counts, sizes

AT_500 = Maps("detect", ((63, 63), (32, 32), (16, 16)), (500, 500), (8, 16, 32))
WHOLE = "5249 = 63² + 32² + 16²: a row for each cell of the maps that detect is given (500 px at strides 8, 16, 32)"


def fields_of(calls_):
    """Return what a manifest says of calls: (name, nested inputs, outputs), a shape in place of each tensor."""
    tensors = {}

    def tree(value):
        if isinstance(value, list):
            return {"list": [tree(item) for item in value]}
        if isinstance(value, dict):
            return {"dict": [[key, tree(item)] for key, item in value.items()]}
        tensors[str(value)] = {"file": "shard-0000.safetensors", "shape": value, "dtype": "float32", "hash": "0"}
        return {"tensor": str(value)}

    sites = [site(name, tree(output), tree(inputs)) for name, inputs, output in calls_]
    return {"sites": sites, "calls": dict.fromkeys(name for name, *_ in calls_), "tensors": tensors}


def recorded(*calls_, image=(2, 3, 500, 500)):
    return Manifest.model_validate(manifest(described(batch={"img": image}), **fields_of(calls_)))


def maps(*sides, batch=2):
    """Return the shapes of maps, with more channels for smaller ones."""
    return [(batch, 32 * (n + 1), *side) for n, side in enumerate(sides)]


PYRAMID = maps((63, 63), (32, 32), (16, 16))
ROWS = (2, 5249, 20)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ([[PYRAMID], {}], ROWS),
        ([PYRAMID, {}], [(5249, 2), ROWS]),
        ([[], {"feats": PYRAMID}], {"boxes": (2, 64, 5249)}),
        ([[PYRAMID, (2, 8, 7, 7)], {}], ROWS),
        ([[[[map_] for map_ in PYRAMID]], {}], ROWS),
        ([[PYRAMID, (16, 8, 3, 3)], {}], (5249, 2)),
    ],
)
def test_a_row_for_each_cell_is_explained(inputs, output):
    """Wherever the maps lie among the inputs and the rows in the output, the number is the sum of the maps."""
    assert sizes(recorded(("detect", inputs, output))) == [WHOLE]


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ([[PYRAMID], {}], (2, 5248, 20)),
        ([[PYRAMID[:2]], {}], ROWS),
        ([[PYRAMID[0]], {}], (2, 3969, 20)),
        ([[[shape[1:] for shape in PYRAMID]], {}], ROWS),
        ([[maps((63, 63), (32, 32)) + maps((16, 16), batch=3)], {}], ROWS),
        ([[maps((8, 8), (8, 8))], {}], (2, 128, 8, 8)),
        ([[maps((1, 1), (1, 1))], {}], (2, 64)),
        ([[], {}], ROWS),
    ],
)
def test_other_numbers_are_not_explained(inputs, output):
    """One more or less, one map alone, other ranks, other batches, a joined map's channels and the batch are no rows."""
    assert sizes(recorded(("detect", inputs, output))) == []


def test_each_number_is_explained_once_by_the_innermost_module():
    """A module inside another one gives its name; another number has an explanation of its own."""
    other = maps((32, 32), (16, 16))
    manifest_ = recorded(
        ("detect.inner", [[PYRAMID], {}], ROWS),
        ("detect", [[PYRAMID], {}], ROWS),
        ("aux#2", [[other], {}], (2, 1280, 4)),
    )
    first, second = sizes(manifest_)
    assert "the maps that detect.inner is given" in first
    assert second.startswith("1280 = 32² + 16²: a row for each cell of the maps that aux is given")


@pytest.mark.parametrize(
    ("image", "sides", "words"),
    [
        (
            (2, 3, 512, 320),
            ((64, 40), (32, 20)),
            "3200 = 64·40 + 32·20",
        ),
        ((2, 3, 64, 64), ((64, 64), (1, 1)), "4097 = 64² + 1²"),
    ],
)
def test_images_that_are_not_square(image, sides, words):
    """Sides that differ are shown both, in the maps and in the image."""
    cells = sum(height * width for height, width in sides)
    (found,) = sizes(recorded(("detect", [[maps(*sides)], {}], (2, cells, 4)), image=image))
    size = "512·320 px at strides 8, 16" if image[2] != image[3] else "64 px at strides 1, 64"
    assert found == f"{words}: a row for each cell of the maps that detect is given ({size})"


@pytest.mark.parametrize("image", [(2, 3, 520, 500), (2, 3, 480, 480), (2, 500, 500, 3), (500, 500)])
def test_an_image_that_does_not_give_the_maps_is_left_out(image):
    """Without an image whose size fits every map at a power of two there is no word of pixels and strides."""
    (found,) = sizes(recorded(("detect", [[PYRAMID], {}], ROWS), image=image))
    assert found == "5249 = 63² + 32² + 16²: a row for each cell of the maps that detect is given"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (5249, WHOLE),
        (2100, "2100 is what 320 px gives"),
        (8400, "8400 is what 640 px gives"),
        (21, "21 is what 32 px gives"),
        (86016, "86016 is what 2048 px gives"),
        (4993, "4993 = 63² + 32²"),
        (3969, "3969 = 63²"),
        (5250, None),
        (2099, None),
        (88725, None),  # 2080 px
        (20, None),
    ],
)
def test_a_number_is_explained_by_the_maps(number, words):
    """All cells, those of another image, those of some maps; nothing for one more or less, or a larger image."""
    assert explained(number, AT_500) == words


def test_without_strides_no_other_image_is_thought_of():
    """What another image would give is not known when the strides are not."""
    assert explained(2100, Maps("detect", AT_500.sides)) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Shape not match: [2,5249,20,] vs [2,2100,20,]", f"{WHOLE}; 2100 is what 320 px gives"),
        ("tensor a (4993) must match tensor b (5249) at dimension 1.", f"{WHOLE}; 4993 = 63² + 32²"),
        ("expected 5249.", WHOLE),
        ("[2, 84, 5249] and 256 channels", WHOLE),
        ("ValueError at port_head.py:5249", ""),
        ("expected 2100", ""),
        ("x5249, 5249x, 15249, 52490, 5249.5, 1.5249, -5249", ""),
    ],
)
def test_numbers_in_a_failure_are_explained(text, words):
    """Whole numbers only, others only beside the reference's own, and neither channels nor lines of files."""
    assert explained_text(text, {5249: AT_500}) == words


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((2, 2100, 20), f"; {WHOLE}; 2100 is what 320 px gives"),
        ((2, 4993, 20), f"; {WHOLE}; 4993 = 63² + 32²"),
        ((2, 5000, 20), f"; {WHOLE}"),
        ((2, 42000), f"; {WHOLE}"),
        ((2, 5249, 80), ""),
        ((2, 20, 5249), ""),
        ((4, 5249, 20), ""),
    ],
)
def test_an_output_with_another_number_of_rows_is_explained(shape, words):
    """Preflight says where both numbers come from, and nothing where the numbers of rows are alike."""
    fields = fields_of([("detect", [[PYRAMID], {}], ROWS)])
    model = described(batch={"img": (2, 3, 500, 500)})
    (finding,) = calls(pair_of(model, model, made={"detect": (("", shape),)}, **fields))
    assert finding.message == f"detect output: shape {list(shape)}, reference [2, 5249, 20]{words}"


def test_an_output_that_is_missing_is_explained_too():
    """What should have been there is said."""
    fields = fields_of([("detect", [[PYRAMID], {}], ROWS)])
    (finding,) = calls(pair_of(described(), described(), made={"detect": ()}, **fields))
    assert "missing, reference [2, 5249, 20]; 5249 = 63² + 32² + 16²: " in finding.message


def test_the_numbers_of_rows_know_their_maps():
    """What is explained is kept by its number."""
    assert row_counts(recorded(("detect", [[PYRAMID], {}], ROWS))) == {5249: AT_500}
