"""Mistakes to switch on in the loss of the C++ port, and in the assigner and the boxes that it calls."""

from mistakes import Switch


def in_the_loss(what: str, effect: str, line: str, file: str, target: str = "cls_loss") -> Switch:
    """Describe a mistake in the code after the last module."""
    return Switch(what, effect, "loss", target=target, line=line, file=file)


IN_THE_LOSS = {
    "logits_viewed": in_the_loss(
        "The logits are viewed as (B, A, C) where they should be transposed.",
        "5.634, reference 6.227",
        "DetectionLoss.__call__:logits",
        "loss.h",
    ),
    "sigmoid_twice": in_the_loss(
        "The assigner gets the sigmoid of probabilities.",
        "box_loss 5.850, reference 5.734",
        "assign_task_aligned:scores",
        "loss.h",
        "box_loss",
    ),
    "boxes_in_strides": in_the_loss(
        "The assigner gets the predicted boxes in strides, and everything else in pixels.",
        "3.969, reference 6.227",
        "assign_task_aligned:pred_boxes",
        "loss.h",
    ),
    "targets_multiplied": in_the_loss(
        "The boxes to learn are multiplied by the strides that should divide them.",
        "box_loss 12.92, reference 5.734",
        "DetectionLoss.__call__:target_boxes",
        "loss.h",
        "box_loss",
    ),
    "weight_of_ones": in_the_loss(
        "Every anchor with a box weighs 1, whatever its target score.",
        "0.588, reference 6.227",
        "DetectionLoss.__call__:weight",
        "loss.h",
    ),
    "mean_for_sum": in_the_loss(
        "The class loss is averaged over classes before it is divided.",
        "0.078, reference 6.227",
        "DetectionLoss.__call__:cls_loss",
        "loss.h",
    ),
    "gains_swapped": in_the_loss(
        "The class loss is multiplied by the gain of the boxes.",
        "93.40, reference 6.227",
        "DetectionLoss.__call__:return",
        "loss.h",
    ),
    "softmax_over_sides": in_the_loss(
        "The softmax runs over the four sides, not over the bins of each.",
        "3.969, reference 6.227",
        "expected_sides:return",
        "loss.h",
    ),
    "bins_from_one": in_the_loss(
        "The bins stand for 1 to 16 strides, not for 0 to 15.",
        "6.350, reference 6.227",
        "expected_sides:return",
        "loss.h",
    ),
    "lower_bin_only": in_the_loss(
        "A side is given to the bin below it alone, not shared between its two nearest bins.",
        "dfl_loss 4.1853, reference 4.2142",
        "side_loss:share",
        "loss.h",
        "dfl_loss",
    ),
    "exponents_swapped": in_the_loss(
        "The exponents of score and overlap change places.",
        "3.969, reference 6.227",
        "assign_task_aligned:metric",
        "assigner.h",
    ),
    "least_aligned": in_the_loss(
        "The assigner takes the k smallest metrics, which are zero, so that nothing is assigned.",
        "3.969, reference 6.227",
        "assign_task_aligned:best",
        "assigner.h",
    ),
    "best_of_boxes": in_the_loss(
        "The best overlap is taken over the boxes, not over the anchors.",
        "6.2521, reference 6.2266",
        "assign_task_aligned:best_overlap",
        "assigner.h",
    ),
    "cells_corners": in_the_loss(
        "The anchors sit at the cells' corners: the half that is added is 1 / 2, which is 0 in integers.",
        "dfl_loss 4.1882, reference 4.2142",
        "anchor_points:y",
        "boxes.h",
        "dfl_loss",
    ),
    "corners_as_given": in_the_loss(
        "The boxes' centre and extent are taken for their two corners.",
        "3.969, reference 6.227",
        "pad_targets:corners",
        "boxes.h",
    ),
    "first_images_boxes": in_the_loss(
        "Every image gets the first image's boxes.",
        "6.292, reference 6.227",
        "pad_targets:boxes",
        "boxes.h",
    ),
    "union_without_shared": in_the_loss(
        "The union counts what both boxes share twice.",
        "6.367, reference 6.227",
        "ciou:overlap",
        "boxes.h",
    ),
    "shift_not_halved": in_the_loss(
        "The distance of the centres is not halved.",
        "6.381, reference 6.227",
        "ciou:shift",
        "boxes.h",
    ),
    "pi_not_squared": in_the_loss(
        "The shape's cost is scaled by 4 / pi, not by 4 / pi squared.",
        "6.337, reference 6.227",
        "ciou:shape",
        "boxes.h",
    ),
    "shape_weight_lacks_one": in_the_loss(
        "The weight of the shape's cost lacks the 1 in its denominator.",
        "6.022, reference 6.227",
        "ciou:alpha",
        "boxes.h",
    ),
}
