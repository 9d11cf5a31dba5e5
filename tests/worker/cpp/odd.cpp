// Calls of modules as people write them, one of each kind, and what can go wrong in them: option `wrong`.
#include <bisect/port.h>
#include <torch/nn/modules/common.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/linear.h>

#include <complex>
#include <future>
#include <thread>

namespace odd {
using torch::Tensor;
namespace nn = torch::nn;

struct DefaultsImpl : nn::Module {
  Tensor forward(const Tensor& x, double scale = 2, std::optional<Tensor> bias = {}) { return bias ? x * scale + *bias : x * scale; }

 protected:
  FORWARD_HAS_DEFAULT_ARGS({1, nn::AnyValue(2.0)}, {2, nn::AnyValue(std::optional<Tensor>())})
};
TORCH_MODULE(Defaults);

struct ConstantImpl : nn::Module {
  Tensor forward(const Tensor& x) const { return x + 1; }
};
TORCH_MODULE(Constant);

struct WritesImpl : nn::Module {  // gives its result by way of its arguments
  void forward(const Tensor& x, std::vector<Tensor>& found, int64_t& count) {
    BISECT_FORWARD(x, found, count);
    found.push_back(x * 3);
    count++;
  }
};
TORCH_MODULE(Writes);

enum class Mode { once, twice };
struct Strategy {
  virtual ~Strategy() = default;
  virtual Tensor apply(const Tensor& x) const = 0;
};
struct Halves : Strategy {
  Tensor apply(const Tensor& x) const override { return x / 2; }
};
struct OpaqueImpl : nn::Module {
  Tensor forward(Tensor x, Mode mode, const Strategy& strategy, const char* word, const std::unique_ptr<int>& number) {
    TORCH_CHECK(std::string(word) == "word" && number && *number == 7);
    return mode == Mode::twice ? strategy.apply(x) * 2 : x;
  }
};
TORCH_MODULE(Opaque);

struct ListsImpl : nn::Module {
  Tensor forward(at::TensorList maps, at::IntArrayRef sizes) { return torch::stack(maps).sum(0) * sizes[1]; }
};
TORCH_MODULE(Lists);

struct NumbersImpl final : nn::Module {
  std::unordered_map<int64_t, Tensor> forward(c10::complex<double> a, const c10::Scalar& b, std::variant<int64_t, double> c, float d) {
    return {{3, torch::full({2}, a.imag() + b.toDouble() + std::get<double>(c) + d, torch::kDouble)}};
  }
};
TORCH_MODULE(Numbers);

struct StateImpl : nn::Module {  // as an LSTM takes its state
  std::tuple<Tensor, Tensor> forward(Tensor&& x, std::optional<std::tuple<Tensor, Tensor>> state = {}) {
    return state ? std::make_tuple(x + std::get<0>(*state), x) : std::make_tuple(x, x);
  }
};
TORCH_MODULE(State);

struct BaseImpl : nn::Module {
  virtual Tensor forward(const Tensor& x) {
    BISECT_FORWARD(x);
    return x + 10;
  }
};
struct DerivedImpl : BaseImpl {
  Tensor forward(const Tensor& x) override {
    BISECT_FORWARD(x);
    return BaseImpl::forward(x) * 2;
  }
};
struct InheritsImpl : BaseImpl {};

struct TakesAwayImpl : nn::Module {  // what nobody can give it twice: not seen
  Tensor forward(const Tensor& x, std::unique_ptr<int> number) { return x * *std::move(number); }
};
TORCH_MODULE(TakesAway);

struct SeveralImpl : nn::Module {  // more than one forward
  Tensor forward(const Tensor& x) { return x; }
  Tensor forward(const Tensor& x, const Tensor& y) { return x + y; }
};
TORCH_MODULE(Several);

struct KindsImpl : nn::Module {  // tensors of every kind, as they are
  std::map<std::string, Tensor> forward(const std::map<std::string, Tensor>& kinds) { return kinds; }
};
TORCH_MODULE(Kinds);

struct PairImpl : nn::Module {
  Tensor forward(const Tensor& x, const Tensor& y) { return x - y; }
};

struct WrongImpl : nn::Module {
  Tensor forward(const Tensor& x, const std::string& wrong) {
    if (wrong == "at") return x * std::vector<int>().at(3);  // line of at
    if (wrong == "own") throw std::runtime_error("this net is wrong");  // line of own
    if (wrong == "torch") return torch::matmul(x, torch::ones({9, 9}));  // line of torch
    if (wrong == "crash") *static_cast<volatile int*>(nullptr) = 1;  // line of crash
    if (wrong == "endless") return forward(x + 1, wrong) + 1;  // line of endless
    return x;
  }
};
TORCH_MODULE(Wrong);

struct OddImpl : nn::Module {
  Defaults defaults;
  Constant constant;
  Writes writes;
  std::shared_ptr<WritesImpl> pointed = std::make_shared<WritesImpl>();
  Opaque opaque;
  Lists lists;
  Numbers numbers;
  State state;
  std::shared_ptr<BaseImpl> derived = std::make_shared<DerivedImpl>(), inherits = std::make_shared<InheritsImpl>();
  Several several;
  TakesAway takes_away;
  Kinds kinds;
  nn::AnyModule any{Defaults()}, pair{PairImpl()};
  Wrong wrong;

  OddImpl() {
    register_module("defaults", defaults), register_module("constant", constant), register_module("writes", writes);
    register_module("pointed", pointed), register_module("opaque", opaque), register_module("lists", lists);
    register_module("numbers", numbers), register_module("state", state), register_module("derived", derived);
    register_module("inherits", inherits), register_module("several", several), register_module("kinds", kinds);
    register_module("takes_away", takes_away), register_module("any", any.ptr()), register_module("pair", pair.ptr()), register_module("wrong", wrong);
  }
  Tensor through(const Tensor& x) const { return constant->forward(x); }  // of a holder that is constant itself
};

std::map<std::string, Tensor> all_kinds() {
  auto nan = torch::full({2}, std::numeric_limits<double>::quiet_NaN());
  auto made = torch::arange(6).reshape({2, 3});
  return {{"half", made.to(torch::kHalf)}, {"int", made.to(torch::kInt)}, {"bool", made > 2},
          {"complex", torch::complex(torch::ones({2}), torch::ones({2}))}, {"empty", torch::empty({0, 3})}, {"nan", nan},
          {"strided", made.t()}, {"expanded", torch::ones({1}).expand({4})}, {"undefined", Tensor()}, {"scalar", torch::tensor(2.5)},
          {"bfloat16", made.to(torch::kBFloat16)}, {"byte", made.to(torch::kByte)}};
}

std::map<std::string, Tensor> step(OddImpl& net, const Tensor& x, const std::string& wrong) {
  std::map<std::string, Tensor> found;
  found["defaults"] = net.defaults(x);
  found["defaults"] += net.defaults->forward(x, 3);
  found["defaults"] += net.defaults->forward(x, 4, {});
  found["defaults"] += net.defaults->forward(x, 5, x);
  found["any"] = net.any.forward(x);
  found["any"] += net.any.forward(x, 3.0);
  found["any"] += net.pair.forward(x * 5, x);
  found["constant"] = net.through(x);
  std::vector<Tensor> written;
  int64_t count = 0;
  net.pointed->forward(x, written, count);
  net.writes->forward(x, written, count);
  found["written"] = torch::stack(written).sum(0) + count;
  found["opaque"] = net.opaque->forward(x, Mode::twice, Halves(), "word", std::make_unique<int>(7));
  std::vector<Tensor> maps{x, x + 1};
  found["lists"] = net.lists->forward(maps, {1, 2});
  found["numbers"] = net.numbers(c10::complex<double>(0, 1), 2, 3.0, 4.5f).at(3);
  auto [first, second] = net.state->forward(x + 1, {{x, x}});
  found["state"] = first + second + std::get<0>(net.state->forward(x + 2, {}));
  found["derived"] = net.derived->forward(x);
  found["derived"] += net.inherits->forward(x);
  found["several"] = net.several->forward(x, x);
  found["takes_away"] = net.takes_away->forward(x, std::make_unique<int>(3));
  auto kinds = net.kinds(all_kinds());
  found["kinds"] = torch::tensor(double(kinds.size() + kinds.at("strided").stride(0) + !kinds.at("undefined").defined()));
  if (wrong == "thread") std::thread([&] { net.constant(x); }).join();  // line of thread
  if (wrong == "async") std::async(std::launch::async, [&] { return net.constant(x); }).get();
  found["wrong"] = net.wrong(x, wrong);
  for (auto& [name, value] : found) value = value.to(torch::kDouble).sum();
  return found;
}
}  // namespace odd

bisect::Port build(const bisect::Options& options) {
  auto net = std::make_shared<odd::OddImpl>();
  auto wrong = options.get("wrong");
  if (wrong == "build") throw std::invalid_argument("no such net");  // line of build
  bisect::Port port;
  port.modules = {{"net", net}};
  port.batch = {{"x", torch::arange(1, 4).to(torch::kFloat)}};
  port.step = [net, wrong](bisect::Batch batch) { return odd::step(*net, batch["x"], wrong); };
  return port;
}

static bisect::Port hidden_from_others(const bisect::Options& options) { return build(options); }
__attribute__((visibility("hidden"), used)) bisect::Port hidden(const bisect::Options& options) { return hidden_from_others(options); }
