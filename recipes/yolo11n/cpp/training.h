// What the net is trained with: a batch of noise, and SGD with three groups of parameters.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "net.h"

namespace yolo {

// Draw pictures of noise with some labelled boxes each: cx, cy, w, h in fractions of the image.
inline std::map<std::string, Tensor> random_batch(int64_t images, int64_t size, int64_t boxes, uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto count = images * boxes;
  auto centre = 0.2 + 0.6 * torch::rand({count, 2}, generator);
  auto extent = 0.05 + 0.3 * torch::rand({count, 2}, generator);
  return {{"img", torch::rand({images, 3, size, size}, generator)},
          {"batch_idx", torch::arange(images).repeat_interleave(boxes).to(torch::kFloat)},
          {"cls", torch::randint(0, 80, {count, 1}, generator)},
          {"bboxes", torch::cat({centre, extent}, 1)}};
}

inline torch::optim::OptimizerParamGroup group(const std::vector<Tensor>& params, double decay) {
  auto options = torch::optim::SGDOptions(0.01).momentum(0.937).nesterov(!fault("nesterov_lost")).weight_decay(decay);
  return {params, std::make_unique<torch::optim::SGDOptions>(options)};
}

// Batch norms' weights, other weights and biases are three groups; only other weights decay.
inline std::shared_ptr<torch::optim::SGD> make_optimizer(YOLO11n& net) {
  std::vector<Tensor> norms, weights, biases;
  for (auto& layer : net->modules()) {
    const bool is_norm = layer->as<nn::BatchNorm2d>() != nullptr;
    for (auto& parameter : layer->named_parameters(/*recurse=*/false)) {
      if (parameter.key() == "bias") biases.push_back(parameter.value());
      else (is_norm ? norms : weights).push_back(parameter.value());
    }
  }
  const double decay = 5e-4, others = fault("decay_on_everything") ? decay : 0;
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.push_back(group(norms, others));
  groups.push_back(group(weights, decay));
  groups.push_back(group(biases, others));
  return std::make_shared<torch::optim::SGD>(groups, torch::optim::SGDOptions(0.01));
}

}  // namespace yolo
