"""The detection recipes' batch against the rule behind the golden figures."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import RECIPES, imports_from
from golden_model import rules

with imports_from(RECIPES / "detection"):
    from batch import detection_batch


@pytest.mark.parametrize("arguments", [{}, {"images": 3, "size": 64, "boxes": 2, "seed": 5}, {"classes": 20}])
def test_batch_is_drawn_like_the_golden_one(arguments):
    """The recipes' batch holds the same bits as the one behind the golden figures."""
    mine, golden = detection_batch(**arguments), rules.detection_batch(**arguments)
    assert mine.keys() == golden.keys()
    for name, array in golden.items():
        np.testing.assert_array_equal(mine[name], array)
        assert mine[name].dtype == array.dtype


def test_each_image_gets_as_many_boxes_as_are_listed():
    """A list says how many boxes each image has, none among them; all else is drawn as for their mean number."""
    listed, even = detection_batch(images=3, size=64, boxes=[5, 0, 1]), detection_batch(images=3, size=64, boxes=2)
    assert listed["batch_idx"].tolist() == [0, 0, 0, 0, 0, 2]
    assert all(np.array_equal(listed[name], even[name]) for name in ("img", "cls", "bboxes"))


def test_a_list_for_another_number_of_images_is_refused():
    with pytest.raises(ValueError, match="boxes lists 1 pictures, expected 2"):
        detection_batch(images=2, size=64, boxes=[4])
