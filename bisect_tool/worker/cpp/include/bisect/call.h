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
// False where the module is none of the port's, or its own code comes again; `of_base`: it is a base class's forward that asks.
// `names` are those of what it takes, where they are known: "x, mask".
bool wants(const torch::nn::Module* module, bool of_base = false, const char* names = nullptr);
c10::IValue call(const torch::nn::Module* module, const Values& arguments, const Compute& compute);

inline const torch::nn::Module* module_of(const torch::nn::Module* module) { return module; }
inline const torch::nn::Module* module_of(const volatile void*) { return nullptr; }  // a class that is no module

template <class M>
bool wants_in_forward(M* self, const char* names) {
  return wants(module_of(self), typeid(*self) != typeid(M), names);
}

// Its own code is entered without being seen once more; see BISECT_FORWARD.
class Entered {
 public:
  explicit Entered(const torch::nn::Module* module);
  ~Entered();
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  const torch::nn::Module* around_;
};

namespace detail {
template <class T>
struct Copy {
  using type = T;
};
template <class T>
struct Copy<c10::ArrayRef<T>> {  // which owns nothing itself
  using type = std::vector<T>;
};
template <class A>
A& copied(A& argument) { return argument; }
template <class T>
std::vector<T> copied(c10::ArrayRef<T>& argument) { return argument.vec(); }
template <class T>
std::vector<T> copied(const c10::ArrayRef<T>& argument) { return argument.vec(); }

template <class T>
inline constexpr bool copies = std::is_copy_constructible_v<T> && !std::is_polymorphic_v<T>;
// An argument while a call runs: a copy, which may change; the very one where a copy would be another thing.
template <class A, class T = std::decay_t<A>>
using Own = std::conditional_t<copies<T>, typename Copy<T>::type, A&>;

// What a forward has written into an argument that it takes by reference is its caller's.
template <class A, class T>
void give_back(A& argument, T& own) {
  if constexpr (std::is_same_v<A, T> && std::is_copy_assignable_v<A>) argument = std::move(own);
}
}  // namespace detail

// Sends a call through the tool. `compute(args...)` is the module's own code; it is run as often as the tool asks for it.
template <class M, class F, class... A>
auto around(M* self, F&& compute, A&... args) -> std::decay_t<decltype(compute(args...))> {
  using Result = std::decay_t<decltype(compute(args...))>;
  using Arguments = std::tuple<detail::Own<A>...>;
  const torch::nn::Module* module = module_of(self);
  std::optional<std::conditional_t<std::is_void_v<Result>, bool, Result>> last;
  std::optional<Arguments> own;
  Compute again = [&](const Values& given) -> c10::IValue {
    own.reset();
    own.emplace(detail::copied(args)...);
    size_t i = 0;
    std::apply([&](auto&... a) { ((i < given.size() ? unwrap(given[i], a) : void(), i++), ...); }, *own);
    Entered entered(module);
    if constexpr (std::is_void_v<Result>) {
      std::apply(compute, *own);
      return {};
    } else {
      last.reset();
      last.emplace(std::apply(compute, *own));
      return wrap(*last);
    }
  };
  c10::IValue value = call(module, {wrap(static_cast<const std::decay_t<A>&>(args))...}, again);
  if (own) std::apply([&](auto&... a) { (detail::give_back(args, a), ...); }, *own);
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
  if (::bisect::wants_in_forward(this, #__VA_ARGS__))                                                           \
  return ::bisect::around(                                                                                      \
      this, [this](auto&... bisect_a) { return this->forward(bisect_a...); }, ##__VA_ARGS__)
