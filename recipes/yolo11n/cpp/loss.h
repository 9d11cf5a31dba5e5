// YOLO11's training loss: class, box and distribution focal loss.
// B images, M box slots per image, A anchors, C classes. Everything is computed for all anchors and weighted by zero
// where no box is assigned, so that shapes never depend on values.
#pragma once
#include <map>
#include <string>

#include "assigner.h"
#include "head.h"

namespace yolo {

// Turn bins (B, A, 4, 16) into the distances (B, A, 4) of the box's sides, in strides.
inline Tensor expected_sides(const Tensor& bins) {
  auto project = fault("bins_from_one") ? torch::arange(1, REG_MAX + 1).to(bins) : torch::arange(REG_MAX).to(bins);
  return torch::matmul(bins.softmax(fault("softmax_over_sides") ? 2 : -1), project);
}

// The mean cross-entropy (B, A) of the four sides, each shared between its two nearest bins.
inline Tensor side_loss(const Tensor& bins, const Tensor& anchors, const Tensor& target_boxes) {
  auto [left_top, right_bottom] = halves(target_boxes);
  auto sides = torch::cat({anchors - left_top, right_bottom - anchors}, -1).clamp(0, REG_MAX - 1 - 0.01);
  auto lower = sides.to(torch::kLong);
  auto log_prob = bins.log_softmax(-1);
  auto at_lower = -log_prob.gather(-1, lower.unsqueeze(-1)).squeeze(-1);
  auto at_upper = -log_prob.gather(-1, lower.unsqueeze(-1) + 1).squeeze(-1);
  auto share = fault("lower_bin_only") ? torch::zeros_like(sides) : sides - lower;
  return (at_lower * (1 - share) + at_upper * share).mean(-1);
}

// Compare the head's output with the labelled boxes of a batch.
struct DetectionLoss {
  double box_gain = 7.5, cls_gain = 0.5, dfl_gain = 1.5;

  // The scalars box_loss, cls_loss and dfl_loss, gains included.
  std::map<std::string, Tensor> operator()(const Predictions& outputs,
                                           const std::map<std::string, Tensor>& batch) const {
    const auto b = outputs.scores.size(0), classes = outputs.scores.size(1), count = outputs.scores.size(2);
    auto logits = fault("logits_viewed") ? outputs.scores.view({b, count, classes}) : outputs.scores.transpose(1, 2);
    auto bins = outputs.boxes.transpose(1, 2).unflatten(2, {4, REG_MAX});  // (B, A, 4, 16)
    auto [anchors, strides] = anchor_points(outputs.feats, STRIDES);
    auto cls = batch.at("cls").select(1, 0);
    auto [labels, boxes] = pad_targets(batch.at("batch_idx"), cls, batch.at("bboxes"), batch.at("img"));
    auto pred_boxes = from_sides(anchors, expected_sides(bins));

    auto scores = fault("sigmoid_twice") ? logits.detach().sigmoid().sigmoid() : logits.detach().sigmoid();
    auto in_pixels = fault("boxes_in_strides") ? pred_boxes.detach() : pred_boxes.detach() * strides;
    auto [target_boxes, target_scores] = assign_task_aligned(scores, in_pixels, anchors * strides, labels, boxes);
    target_boxes = fault("targets_multiplied") ? target_boxes * strides : target_boxes / strides;
    auto weight = fault("weight_of_ones") ? (target_scores.sum(-1) > 0).to(logits) : target_scores.sum(-1);  // (B, A)
    auto total = weight.sum().clamp_min(1);

    auto bce = torch::binary_cross_entropy_with_logits(logits, target_scores, {}, {}, at::Reduction::None);
    auto cls_loss = (fault("mean_for_sum") ? bce.mean(-1).sum() : bce.sum()) / total;
    auto box_loss = ((1 - ciou(pred_boxes, target_boxes)) * weight).sum() / total;
    auto dfl_loss = (side_loss(bins, anchors, target_boxes) * weight).sum() / total;
    return {{"box_loss", box_gain * box_loss},
            {"cls_loss", (fault("gains_swapped") ? box_gain : cls_gain) * cls_loss},
            {"dfl_loss", dfl_gain * dfl_loss}};
  }
};

}  // namespace yolo
