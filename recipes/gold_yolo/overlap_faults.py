"""Mistakes in the boxes of the Gold-YOLO port, and in their overlap."""

from mistakes import Edit, loss_fault

IN_THE_OVERLAPS = {
    "hull_of_intersection": loss_fault(
        "The hull's corners are those of the intersection.",
        "iou_loss 1.792, reference 1.597",
        "siou:hull",
        Edit(
            "port_loss.py",
            "jt.maximum(a[..., 2:], b[..., 2:]) - jt.minimum(a[..., :2], b[..., :2])",
            "jt.minimum(a[..., 2:], b[..., 2:]) - jt.maximum(a[..., :2], b[..., :2])",
        ),
        target="iou_loss",
    ),
    "angle_not_doubled": loss_fault(
        "The angle's cost, the sine of twice the angle, lacks its factor of 2.",
        "iou_loss 1.617, reference 1.597",
        "siou:angle",
        Edit("port_loss.py", "angle = 2 * (shift", "angle = (shift"),
        target="iou_loss",
    ),
    "distance_grows": loss_fault(
        "The cost of distance has the wrong sign in its exponent.",
        "iou_loss 1.416, reference 1.597",
        "siou:distance",
        Edit("port_loss.py", "(angle.unsqueeze(-1) - 2)", "(2 - angle.unsqueeze(-1))"),
        target="iou_loss",
    ),
    "shift_not_halved": loss_fault(
        "The distance of the centres is not halved.",
        "iou_loss 1.823, reference 1.597",
        "siou:shift",
        Edit(
            "port_loss.py",
            "shift = (b[..., :2] + b[..., 2:] - a[..., :2] - a[..., 2:]) / 2",
            "shift = b[..., :2] + b[..., 2:] - a[..., :2] - a[..., 2:]",
        ),
        target="iou_loss",
    ),
    "stretch_of_smaller": loss_fault(
        "The difference of the sizes is divided by the smaller of them.",
        "iou_loss 1.719, reference 1.597",
        "siou:stretch",
        Edit("port_loss.py", "(jt.maximum(a_size, b_size) + eps)", "(jt.minimum(a_size, b_size) + eps)"),
        target="iou_loss",
    ),
    "shape_squared": loss_fault(
        "The cost of shape is squared, not taken to the power of 4.",
        "iou_loss 1.771, reference 1.597",
        "siou:shape",
        Edit("port_loss.py", ".pow(4)", ".sqr()"),
        target="iou_loss",
    ),
    "size_of_corner": loss_fault(
        "The predicted boxes' second corner is taken for their size, as if they were x, y, w, h.",
        "iou_loss 2.676, reference 1.597",
        "siou:a_size",
        Edit("port_loss.py", "a_size, b_size = a[..., 2:] - a[..., :2],", "a_size, b_size = a[..., 2:],"),
        target="iou_loss",
    ),
    "costs_not_halved": loss_fault(
        "The costs of distance and shape are not halved.",
        "iou_loss 1.708, reference 1.597",
        "siou:return",
        Edit("port_loss.py", "overlap - (distance + shape) / 2", "overlap - (distance + shape)"),
        target="iou_loss",
    ),
    "union_without_shared": loss_fault(
        "The union counts what both boxes share twice.",
        "0.981, reference 1.460",
        "iou:return",
        Edit(
            "jittor_boxes.py", "b_size[..., 0] * b_size[..., 1] - shared + eps", "b_size[..., 0] * b_size[..., 1] + eps"
        ),
    ),
    "first_levels_stride": loss_fault(
        "The anchors of all levels have the first level's stride.",
        "0.991, reference 1.460",
        "anchor_points:sizes",
        Edit("jittor_boxes.py", "np.full((h * w, 1), stride)", "np.full((h * w, 1), strides[0])"),
    ),
    "sides_all_added": loss_fault(
        "The distances to the left and the top are added, not subtracted.",
        "0.411, reference 1.460",
        "from_sides:return",
        Edit(
            "jittor_boxes.py",
            "anchors - left_top, anchors + right_bottom",
            "anchors + left_top, anchors + right_bottom",
        ),
    ),
}
