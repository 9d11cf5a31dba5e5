#include <ATen/CPUGeneratorImpl.h>
#include <torch/nn/functional/loss.h>
#include <torch/optim/adamw.h>

#include "spans/net.h"

namespace {
using torch::Tensor;
namespace F = torch::nn::functional;

Tensor loss_of(const Tensor& logits, const Tensor& wanted, const Tensor& mask) {
  auto each = F::binary_cross_entropy_with_logits(logits, wanted, F::BinaryCrossEntropyWithLogitsFuncOptions().reduction(torch::kNone));
  auto count = spans::is("mean_over_all") ? torch::tensor(double(mask.numel()), torch::kFloat) : mask.sum();
  return (each * mask).sum() / count;
}

std::shared_ptr<torch::optim::AdamW> optimizer_of(const torch::nn::Module& net) {
  std::vector<Tensor> weights, others;
  for (auto& parameter : net.named_parameters()) (parameter.value().dim() > 1 ? weights : others).push_back(parameter.value());
  auto options = [](double decay) { return std::make_unique<torch::optim::AdamWOptions>(torch::optim::AdamWOptions(1e-3).weight_decay(decay)); };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(weights, options(0.05));
  groups.emplace_back(others, options(spans::is("decay_of_all") ? 0.05 : 0));
  return std::make_shared<torch::optim::AdamW>(groups, torch::optim::AdamWOptions(1e-3));
}
}  // namespace

bisect::Port build(const bisect::Options& options) {
  spans::switch_on(options.get("fault", "none"));
  torch::manual_seed(options.seed());
  auto net = std::make_shared<spans::NetImpl>(4, 8);
  auto generator = at::make_generator<at::CPUGeneratorImpl>(0);

  bisect::Port port;
  port.modules = {{"net", net}};
  port.batch = {{"x", torch::randn({2, 4, 12}, generator)},
                {"mask", (torch::rand({2, 12}, generator) > 0.2).to(torch::kFloat)},
                {"start", torch::rand({2, 12}, generator)},
                {"end", torch::rand({2, 12}, generator)}};
  port.step = [net](bisect::Batch batch) -> bisect::Targets {
    auto found = net->forward(batch["x"], batch["mask"]);
    return {{"start_loss", loss_of(found.logits["start"], batch["start"], batch["mask"])},
            {"end_loss", loss_of(found.logits["end"], batch["end"], batch["mask"])}};
  };
  port.optimizer = optimizer_of(*net);
  return port;
}
