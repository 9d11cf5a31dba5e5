// The model of tiny_torch.py in C++.
#include <bisect/port.h>
#include <torch/torch.h>

namespace nn = torch::nn;
using torch::Tensor;

struct BlockImpl : nn::Module {
  nn::Conv2d conv{nullptr};
  nn::BatchNorm2d bn{nullptr};
  nn::SiLU act{nullptr};
  std::string fault;

  BlockImpl(int64_t channels, nn::SiLU shared, const std::string& fault) : fault(fault) {
    conv = register_module("conv", nn::Conv2d(nn::Conv2dOptions(channels, channels, 3).padding(1)));
    bn = register_module("bn", nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).eps(fault == "eps" ? 1e-5 : 1e-3)));
    act = register_module("act", shared);
  }
  Tensor forward(const Tensor& x) {
    auto y = act(bn(conv(x)));
    return fault == "residual" ? y : x + y;
  }
};
TORCH_MODULE(Block);

struct Found {
  Tensor scores;
  std::vector<Tensor> boxes;
  std::tuple<int64_t, std::optional<Tensor>> sizes{2, std::nullopt};
  BISECT_FIELDS(scores, boxes, sizes)
};

struct HeadImpl : nn::Module {
  nn::Linear score{nullptr}, box{nullptr};

  explicit HeadImpl(int64_t channels) {
    score = register_module("score", nn::Linear(channels, 3));
    box = register_module("box", nn::Linear(channels, 4));
  }
  Found forward(const std::vector<Tensor>& maps) {
    std::vector<Tensor> pooled;
    for (const auto& map : maps) pooled.push_back(map.mean({2, 3}));
    Found found;
    found.scores = score(pooled[0] + pooled[1]);
    for (const auto& one : pooled) found.boxes.push_back(box(one));
    return found;
  }
};
TORCH_MODULE(Head);

struct NetImpl : nn::Module {
  nn::Conv2d stem{nullptr};
  Block first{nullptr}, second{nullptr};
  Head head{nullptr};
  Tensor scale;
  std::string fault;

  explicit NetImpl(const std::string& fault) : fault(fault) {
    nn::SiLU act;
    stem = register_module("stem", nn::Conv2d(nn::Conv2dOptions(3, 8, 3).padding(1)));
    first = register_module("first", Block(8, act, "none"));
    second = register_module("second", Block(8, act, fault));
    head = register_module("head", Head(8));
    scale = register_buffer("scale", torch::full({1}, 0.5));
  }
  Found forward(const Tensor& x) {
    auto stemmed = stem(x);
    auto once = first(stemmed.clone());
    if (fault == "detach") once = once.detach();
    stemmed.mul_(scale);
    return head(std::vector<Tensor>{once + stemmed, second(second(once))});
  }
};
TORCH_MODULE(Net);

bisect::Port build(const bisect::Options& options) {
  torch::manual_seed(options.seed() + 1);
  auto fault = options.get("fault", "none");
  Net net(fault);
  nn::init::constant_(net->head->score->bias, fault == "bias" ? 5.0 : -3.0);
  auto size = static_cast<int64_t>(options.number("size", 8));

  bisect::Port port;
  port.modules = {{"net", net.ptr()}};
  port.batch = {{"img", torch::randn({2, 3, size, size})}, {"label", torch::tensor({0, 2})}};
  port.step = [net, fault](bisect::Batch batch) mutable {
    auto out = net(batch["img"]);
    auto loss = nn::functional::cross_entropy(out.scores, batch["label"]);
    auto penalty = torch::softplus(out.scores).mean();
    for (const auto& box : out.boxes) penalty = penalty + box.square().mean();
    if (fault == "loss") penalty = penalty * 2;
    return bisect::Targets{{"cls_loss", loss}, {"reg_loss", penalty}};
  };
  return port;
}
