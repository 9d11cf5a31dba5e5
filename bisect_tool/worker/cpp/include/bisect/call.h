// What every seen call goes through: its arguments and result travel to the tool as IValues, and may come back changed.
#pragma once
#include <functional>
#include <stdexcept>
#include <tuple>
#include <vector>
#include "values.h"

namespace torch::nn {
class Module;
}

namespace bisect {

using Values = std::vector<c10::IValue>;
using Compute = std::function<c10::IValue(const Values&)>;

// The runtime's. It is loaded before the port, by the process that loads that.
bool wants(const torch::nn::Module* module);  // false where the module is none of the port's, or its own code comes again
c10::IValue call(const torch::nn::Module* module, const Values& arguments, const Compute& compute);
at::Tensor site(const char* name, const at::Tensor& value);

inline const torch::nn::Module* module_of(const torch::nn::Module* module) { return module; }
inline const torch::nn::Module* module_of(const volatile void*) { return nullptr; }  // a class that is no module

// Its own code is entered without being seen once more; see BISECT_FORWARD.
class Entered {
 public:
  explicit Entered(const torch::nn::Module* module);
  ~Entered();
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
};

// Sends a call through the tool. `compute(args...)` is the module's own code; it is run as often as the tool asks for it.
template <class M, class F, class... A>
auto around(M* self, F&& compute, A&... args) -> std::decay_t<decltype(compute(args...))> {
  using Result = std::decay_t<decltype(compute(args...))>;
  static_assert((std::is_copy_constructible_v<std::decay_t<A>> && ...),
                "bisect: an argument of this forward cannot be copied; call it through a plain pointer");
  const torch::nn::Module* module = module_of(self);
  std::optional<std::conditional_t<std::is_void_v<Result>, bool, Result>> last;
  Compute again = [&](const Values& given) -> c10::IValue {
    std::tuple<std::decay_t<A>...> own(args...);
    size_t i = 0;
    std::apply([&](auto&... a) { ((i < given.size() ? unwrap(given[i], a) : void(), i++), ...); }, own);
    Entered entered(module);
    if constexpr (std::is_void_v<Result>) {
      std::apply(compute, own);
      return {};
    } else {
      last.emplace(std::apply(compute, own));
      return wrap(*last);
    }
  };
  c10::IValue value = call(module, {wrap(static_cast<const std::decay_t<A>&>(args))...}, again);
  if constexpr (!std::is_void_v<Result>) {
    if (!last) {
      if constexpr (std::is_default_constructible_v<Result>) last.emplace();
      else throw std::runtime_error("bisect: " + c10::demangle(typeid(Result).name()) + " cannot be made without computing it");
    }
    unwrap(value, *last);
    return std::move(*last);
  }
}

}  // namespace bisect

// For a module whose calls are not seen, the first line of its forward: BISECT_FORWARD(x);
#define BISECT_FORWARD(...)                                                                                     \
  if (::bisect::wants(::bisect::module_of(this)))                                                               \
  return ::bisect::around(                                                                                      \
      this, [this](auto&... bisect_a) { return this->forward(bisect_a...); } , ##__VA_ARGS__)
// For a value that has no name of its own: x = BISECT_SITE("neck.cat", torch::cat(maps, 1));
#define BISECT_SITE(name, ...) ::bisect::site(name, __VA_ARGS__)
