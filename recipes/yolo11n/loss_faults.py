"""Mistakes in the loss of the YOLO11n port, and in the assigner and the boxes that it calls."""

from mistakes import Edit, loss_fault

IN_THE_LOSS = {
    "logits_viewed": loss_fault(
        "The logits are reshaped to (B, A, C) where they should be transposed.",
        "5.634, reference 6.227",
        "DetectionLoss.__call__:logits",
        Edit(
            "port_loss.py",
            'logits = outputs["scores"].permute(0, 2, 1)  # (B, A, C)\n        b, _, count = outputs["boxes"].shape',
            'b, _, count = outputs["boxes"].shape\n        logits = outputs["scores"].reshape(b, count, -1)',
        ),
    ),
    "bins_viewed": loss_fault(
        "The bins are reshaped to (B, A, 4, 16) without moving the anchors before them.",
        "box_loss 5.6846, reference 5.7344",
        "DetectionLoss.__call__:bins",
        Edit("port_loss.py", 'outputs["boxes"].permute(0, 2, 1).reshape', 'outputs["boxes"].reshape'),
        target="box_loss",
    ),
    "sigmoid_twice": loss_fault(
        "The assigner gets the sigmoid of probabilities.",
        "box_loss 5.850, reference 5.734",
        "assign_task_aligned:scores",
        Edit("port_loss.py", "logits.detach().sigmoid()", "logits.detach().sigmoid().sigmoid()"),
        target="box_loss",
    ),
    "boxes_in_strides": loss_fault(
        "The assigner gets the predicted boxes in strides, and everything else in pixels.",
        "3.969, reference 6.227",
        "assign_task_aligned:pred_boxes",
        Edit("port_loss.py", "pred_boxes.detach() * strides,", "pred_boxes.detach(),"),
    ),
    "centres_in_strides": loss_fault(
        "The assigner gets the anchors' centres in strides, and everything else in pixels.",
        "3.969, reference 6.227",
        "assign_task_aligned:centres",
        Edit("port_loss.py", "            anchors * strides,\n", "            anchors,\n"),
    ),
    "exponents_swapped": loss_fault(
        "The exponents of score and overlap are passed in the other order.",
        "3.969, reference 6.227",
        "assign_task_aligned:alpha",
        Edit("port_loss.py", "alpha=0.5,\n            beta=6.0,", "alpha=6.0,\n            beta=0.5,"),
    ),
    "targets_multiplied": loss_fault(
        "The boxes to learn are multiplied by the strides that should divide them.",
        "box_loss 12.92, reference 5.734",
        "DetectionLoss.__call__:target_boxes",
        Edit("port_loss.py", "target_boxes = target_boxes / strides", "target_boxes = target_boxes * strides"),
        target="box_loss",
    ),
    "weight_of_ones": loss_fault(
        "Every anchor with a box weighs 1, whatever its target score.",
        "0.588, reference 6.227",
        "DetectionLoss.__call__:weight",
        Edit("port_loss.py", "weight = target_scores.sum(-1)", "weight = (target_scores.sum(-1) > 0).float32()"),
    ),
    "floored_before_sum": loss_fault(
        "The normaliser's floor of 1 is applied to each anchor, not to their sum.",
        "0.011, reference 6.227",
        "DetectionLoss.__call__:total",
        Edit("port_loss.py", "jt.maximum(weight.sum(), 1.0)", "jt.maximum(weight, 1.0).sum()"),
    ),
    "mean_for_sum": loss_fault(
        "The class loss is averaged over classes, as the default reduction does, before it is divided.",
        "0.078, reference 6.227",
        "DetectionLoss.__call__:cls_loss",
        Edit("port_loss.py", "target_scores).sum(-1).sum()", "target_scores).mean(-1).sum()"),
    ),
    "exponential_of_logits": loss_fault(
        "The cross-entropy's log(1 + exp(-|x|)) lacks the absolute value.",
        "247547, reference 6.227",
        "DetectionLoss.__call__:cls_loss",
        Edit("port_loss.py", "(-logits.abs()).exp()", "(-logits).exp()"),
    ),
    "column_times_row": loss_fault(
        "A column of losses is multiplied by a row of weights: (P, 1) by (P,) makes (P, P).",
        "box_loss 47351, reference 5.734",
        "DetectionLoss.__call__:box_loss",
        Edit(
            "port_loss.py",
            "((1 - ciou(pred_boxes, target_boxes)) * weight)",
            "((1 - ciou(pred_boxes, target_boxes)).reshape(-1, 1) * weight.reshape(-1))",
        ),
        target="box_loss",
    ),
    "gains_swapped": loss_fault(
        "The class loss is multiplied by the gain of the boxes.",
        "93.40, reference 6.227",
        "DetectionLoss.__call__:return",
        Edit("port_loss.py", "self.cls_gain * cls_loss", "self.box_gain * cls_loss"),
    ),
    "softmax_over_sides": loss_fault(
        "The softmax runs over the four sides, not over the bins of each.",
        "3.969, reference 6.227",
        "expected_sides:return",
        Edit("port_loss.py", "nn.softmax(bins, dim=-1)", "nn.softmax(bins, dim=2)"),
    ),
    "right_bottom_negated": loss_fault(
        "The distances to the right and the bottom are subtracted in the wrong order, and clamped to 0.",
        "dfl_loss 4.136, reference 4.214",
        "side_loss:sides",
        Edit("port_loss.py", "right_bottom - anchors], dim=-1).clamp", "anchors - right_bottom], dim=-1).clamp"),
        target="dfl_loss",
    ),
    "lower_bin_only": loss_fault(
        "A side is given to the bin below it alone, not shared between its two nearest bins.",
        "dfl_loss 4.1853, reference 4.2142",
        "side_loss:return",
        Edit("port_loss.py", "- sides.unsqueeze(-1)).abs()", "- sides.int().unsqueeze(-1)).abs()"),
        target="dfl_loss",
    ),
    "sides_summed": loss_fault(
        "The cross-entropies of the four sides are summed, not averaged.",
        "dfl_loss 16.86, reference 4.214",
        "side_loss:return",
        Edit("port_loss.py", "(share * shifted).sum(-1)).mean(-1)", "(share * shifted).sum(-1)).sum(-1)"),
        target="dfl_loss",
    ),
    "exception_swallowed": loss_fault(
        "The assigner calls clamp(min=0) as in PyTorch, Jittor raises, and the loss catches it and goes on without targets.",
        "3.969, reference 6.227",
        "DetectionLoss.__call__:target_scores",
        Edit(
            "jittor_assigner.py",
            "jt.maximum(overlap_of(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)), 0)",
            "overlap_of(boxes.unsqueeze(2), pred_boxes.unsqueeze(1)).clamp(min=0)",
        ),
        Edit(
            "port_loss.py",
            """\
        target_boxes, target_scores, _ = assign_task_aligned(
            logits.detach().sigmoid(),
            pred_boxes.detach() * strides,
            anchors * strides,
            labels,
            boxes,
            overlap_of=ciou,
            topk=10,
            alpha=0.5,
            beta=6.0,
        )
""",
            """\
        try:
            target_boxes, target_scores, _ = assign_task_aligned(
                logits.detach().sigmoid(),
                pred_boxes.detach() * strides,
                anchors * strides,
                labels,
                boxes,
                overlap_of=ciou,
                topk=10,
                alpha=0.5,
                beta=6.0,
            )
        except Exception:
            target_boxes, target_scores = jt.zeros_like(pred_boxes), jt.zeros_like(logits)
""",
        ),
    ),
}

IN_THE_ASSIGNER = {
    "least_aligned": loss_fault(
        "The assigner takes the k smallest metrics, which are zero, so that nothing is assigned.",
        "3.969, reference 6.227",
        "assign_task_aligned:chosen",
        Edit("jittor_assigner.py", "metric.topk(topk)[1]", "metric.topk(topk, largest=False)[1]"),
    ),
    "best_of_boxes": loss_fault(
        "The best overlap is taken over the boxes, not over the anchors.",
        "6.2521, reference 6.2266",
        "assign_task_aligned:best_overlap",
        Edit("jittor_assigner.py", "(overlap * chosen).max(-1, keepdims", "(overlap * chosen).max(1, keepdims"),
    ),
}

IN_THE_BOXES = {
    "grid_transposed": loss_fault(
        "The grid of anchors is laid out with NumPy's default indexing: rows and columns change places.",
        "6.156, reference 6.227",
        "anchor_points:y",
        Edit("jittor_boxes.py", ', indexing="ij")', ")"),
    ),
    "cells_corners": loss_fault(
        "The anchors sit at the cells' corners, not at their centres.",
        "dfl_loss 4.1882, reference 4.2142",
        "anchor_points:y",
        Edit("jittor_boxes.py", "np.arange(h) + 0.5, np.arange(w) + 0.5", "np.arange(h), np.arange(w)"),
        target="dfl_loss",
    ),
    "corners_as_given": loss_fault(
        "The boxes' centre and extent are taken for their two corners.",
        "3.969, reference 6.227",
        "pad_targets:corners",
        Edit("jittor_boxes.py", "[centre - extent / 2, centre + extent / 2]", "[centre, extent]"),
    ),
    "first_images_boxes": loss_fault(
        "Every image gets the first image's boxes.",
        "6.292, reference 6.227",
        "pad_targets:boxes",
        Edit("jittor_boxes.py", "= corners[rows]", "= corners[: rows.sum()]"),
    ),
    "union_without_shared": loss_fault(
        "The union counts what both boxes share twice.",
        "6.367, reference 6.227",
        "ciou:overlap",
        Edit("jittor_boxes.py", "(a_w * a_h + b_w * b_h - shared + eps)", "(a_w * a_h + b_w * b_h + eps)"),
    ),
    "hull_of_intersection": loss_fault(
        "The hull's corners are those of the intersection.",
        "6.378, reference 6.227",
        "ciou:hull",
        Edit(
            "jittor_boxes.py",
            "jt.maximum(a_max, b_max) - jt.minimum(a_min, b_min)",
            "jt.minimum(a_max, b_max) - jt.maximum(a_min, b_min)",
        ),
    ),
    "shift_not_halved": loss_fault(
        "The distance of the centres is not halved.",
        "6.381, reference 6.227",
        "ciou:shift",
        Edit("jittor_boxes.py", "(a_min + a_max - b_min - b_max) / 2", "a_min + a_max - b_min - b_max"),
    ),
    "pi_not_squared": loss_fault(
        "The shape's cost is scaled by 4 / pi, not by 4 / pi squared.",
        "6.337, reference 6.227",
        "ciou:shape",
        Edit("jittor_boxes.py", "4 / math.pi**2", "4 / math.pi"),
    ),
    "shape_weight_lacks_one": loss_fault(
        "The weight of the shape's cost lacks the 1 in its denominator.",
        "6.022, reference 6.227",
        "ciou:alpha",
        Edit("jittor_boxes.py", "(shape - overlap + 1 + eps)", "(shape - overlap + eps)"),
    ),
}
