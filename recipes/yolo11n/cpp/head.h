// The detection head of YOLO11, and how its biases start.
#pragma once
#include "blocks.h"

#ifndef BISECT_FIELDS  // <bisect/port.h> defines it; without the tool it says nothing
#define BISECT_FIELDS(...)
#endif

namespace yolo {

constexpr int64_t REG_MAX = 16;
const std::vector<int64_t> STRIDES{8, 16, 32};

// Turn the 16 bins of each box side into their expected value: (B, 64, A) to (B, 4, A).
struct DFLImpl : nn::Module {
  nn::Conv2d conv{nullptr};

  DFLImpl() {
    conv = register_module("conv", nn::Conv2d(nn::Conv2dOptions(REG_MAX, 1, 1).bias(false)));
    conv->weight.requires_grad_(false);
    conv->weight.copy_(torch::arange(REG_MAX).view({1, REG_MAX, 1, 1}));
  }

  Tensor forward(const Tensor& bins) {
    const auto b = bins.size(0), anchors = bins.size(2);
    return conv(bins.view({b, 4, REG_MAX, anchors}).transpose(1, 2).softmax(1)).view({b, 4, anchors});
  }
};
TORCH_MODULE(DFL);

// A depthwise and a pointwise convolution. A class, because a Sequential can't stand in a Sequential.
struct SeparableConvImpl : nn::Module {
  Conv depthwise{nullptr}, pointwise{nullptr};

  SeparableConvImpl(int64_t c1, int64_t c2) {
    depthwise = register_module("0", Conv(c1, c1, 3, 1, c1));
    pointwise = register_module("1", Conv(c1, c2));
  }

  Tensor forward(const Tensor& x) { return pointwise(depthwise(x)); }
};
TORCH_MODULE(SeparableConv);

struct Predictions {
  Tensor boxes;                // (B, 64, A)
  Tensor scores;               // (B, classes, A), as logits
  std::vector<Tensor> feats;   // the maps themselves
  BISECT_FIELDS(boxes, scores, feats)
};

// Predict box bins and class logits at every cell of three feature maps.
struct DetectImpl : nn::Module {
  int64_t classes;
  std::vector<nn::Sequential> box, cls;  // a branch for each map
  DFL dfl;  // Only inference decodes with it; it is here because its weight is part of the state.

  DetectImpl(const std::vector<int64_t>& channels, int64_t classes) : classes(classes), dfl(nullptr) {
    const auto c2 = std::max({int64_t(16), channels[0] / 4, 4 * REG_MAX});
    const auto c3 = std::max(channels[0], std::min<int64_t>(classes, 100));
    nn::ModuleList cv2, cv3;
    for (auto c : channels) {
      nn::Sequential branch;
      branch->push_back(Conv(c, c2, 3));
      branch->push_back(Conv(c2, c2, 3));
      branch->push_back(nn::Conv2d(nn::Conv2dOptions(c2, 4 * REG_MAX, 1)));
      box.push_back(branch);
      cv2->push_back(branch);
    }
    for (auto c : channels) {
      nn::Sequential branch;
      branch->push_back(SeparableConv(c, c3));
      branch->push_back(SeparableConv(c3, c3));
      branch->push_back(nn::Conv2d(nn::Conv2dOptions(c3, classes, 1)));
      cls.push_back(branch);
      cv3->push_back(branch);
    }
    register_module("cv2", cv2);
    register_module("cv3", cv3);
    dfl = register_module("dfl", DFL());
  }

  Predictions forward(const std::vector<Tensor>& feats) {
    std::vector<Tensor> boxes, scores;
    for (size_t i = 0; i < feats.size(); i++) boxes.push_back(box[i]->forward(feats[i]).flatten(2));
    for (size_t i = 0; i < feats.size(); i++) {
      scores.push_back(cls[i]->forward(fault("class_branch_detached") ? feats[i].detach() : feats[i]).flatten(2));
    }
    return {torch::cat(boxes, 2), torch::cat(scores, 2), feats};
  }
};
TORCH_MODULE(Detect);

// The logit of the rate at which a class is met: some 5 objects on an image of 640 pixels.
inline double class_bias(int64_t classes, int64_t stride) {
  return std::log(5.0 / double(classes) / std::pow(640.0 / double(stride), 2));
}

// Start every level at an even box and at rare classes.
inline void init_head(Detect& head) {
  torch::NoGradGuard no_grad;
  for (auto& branch : head->box) branch->ptr<nn::Conv2dImpl>(2)->bias.fill_(1.0);
  const size_t levels = fault("class_bias_one_level") ? 1 : head->cls.size();
  for (size_t i = 0; i < levels; i++) {
    auto conv = head->cls[i]->ptr<nn::Conv2dImpl>(2);
    auto bias = fault("class_bias_copied") ? conv->bias.clone() : conv->bias;
    auto start = fault("class_bias_like_box") ? 1.0 : class_bias(head->classes, STRIDES[i]);
    if (fault("class_bias_lost")) bias = torch::full_like(bias, start);
    else if (fault("class_bias_assigned")) conv->bias = torch::full_like(bias, start);
    else bias.fill_(start);
    if (fault("head_weights_zeroed")) conv->weight.zero_();
  }
}

}  // namespace yolo
