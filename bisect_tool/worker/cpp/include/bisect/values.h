// Arguments and results of calls as the IValues of libtorch, and back: tensors, numbers, and what holds them.
#pragma once
#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <c10/util/Type.h>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace bisect {

// What is none of them travels as its type's name, and stays what it is.
struct Opaque : torch::CustomClassHolder {
  explicit Opaque(std::string type) : type(std::move(type)) {}
  std::string type;
};

namespace detail {
template <class T, class = void>
struct has_fields : std::false_type {};
template <class T>
struct has_fields<T, std::void_t<decltype(std::declval<T&>().bisect_fields(0))>> : std::true_type {};

template <class T>
struct Value;  // wrap(const T&) -> IValue, unwrap(IValue, T&)
}  // namespace detail

template <class T>
c10::IValue wrap(const T& value) {
  return detail::Value<T>::wrap(value);
}
// Puts what an IValue holds into a value; what does not fit there stays as it was.
template <class T>
void unwrap(const c10::IValue& from, T& value) {
  if constexpr (!std::is_const_v<T>) detail::Value<T>::unwrap(from, value);
}

namespace detail {

inline c10::impl::GenericList list() { return c10::impl::GenericList(c10::AnyType::get()); }
inline c10::impl::GenericDict dict() {
  return c10::impl::GenericDict(c10::StringType::get(), c10::AnyType::get());
}
inline std::vector<c10::IValue> items(const c10::IValue& from) {
  if (from.isTuple()) return from.toTupleRef().elements().vec();
  if (from.isList()) return from.toListRef().vec();
  return {};
}

template <class T>
struct Whole {  // of which nothing is seen
  static c10::IValue wrap(const T&) {
    return c10::IValue::make_capsule(c10::make_intrusive<Opaque>(c10::demangle(typeid(T).name())));
  }
  static void unwrap(const c10::IValue&, const T&) {}
};

template <class T>
struct Value {
  static c10::IValue wrap(const T& value) {
    if constexpr (std::is_same_v<T, bool>) return value;
    else if constexpr (std::is_integral_v<T>) return static_cast<int64_t>(value);
    else if constexpr (std::is_floating_point_v<T>) return static_cast<double>(value);
    else if constexpr (std::is_convertible_v<const T&, std::string>) return std::string(value);
    else if constexpr (has_fields<T>::value) {
      auto fields = dict();
      const_cast<T&>(value).bisect_fields(
          [&](const char* name, auto& part) { fields.insert(std::string(name), bisect::wrap(part)); });
      return fields;
    } else return Whole<T>::wrap(value);
  }
  static void unwrap(const c10::IValue& from, T& value) {
    if constexpr (std::is_same_v<T, bool>) value = from.isBool() ? from.toBool() : value;
    else if constexpr (std::is_integral_v<T>) value = from.isInt() ? static_cast<T>(from.toInt()) : value;
    else if constexpr (std::is_floating_point_v<T>)
      value = from.isDouble() || from.isInt() ? static_cast<T>(from.toScalar().toDouble()) : value;
    else if constexpr (std::is_same_v<T, std::string>) value = from.isString() ? from.toStringRef() : value;
    else if constexpr (has_fields<T>::value) {
      if (!from.isGenericDict()) return;
      auto fields = from.toGenericDict();
      value.bisect_fields([&](const char* name, auto& part) {
        auto found = fields.find(std::string(name));
        if (found != fields.end()) bisect::unwrap(found->value(), part);
      });
    } else (void)from, (void)value;
  }
};

template <>
struct Value<c10::IValue> {
  static c10::IValue wrap(const c10::IValue& value) { return value; }
  static void unwrap(const c10::IValue& from, c10::IValue& value) { value = from; }
};

template <>
struct Value<std::nullopt_t> {
  static c10::IValue wrap(const std::nullopt_t&) { return {}; }
  static void unwrap(const c10::IValue&, const std::nullopt_t&) {}
};

template <>
struct Value<c10::Scalar> {
  static c10::IValue wrap(const c10::Scalar& value) { return value; }
  static void unwrap(const c10::IValue& from, c10::Scalar& value) { value = from.isScalar() ? from.toScalar() : value; }
};

template <class T>
struct Value<c10::complex<T>> {
  static c10::IValue wrap(const c10::complex<T>& value) { return c10::complex<double>(value); }
  static void unwrap(const c10::IValue& from, c10::complex<T>& value) {
    if (from.isScalar()) value = static_cast<c10::complex<T>>(from.toScalar().toComplexDouble());
  }
};

template <>
struct Value<at::Tensor> {
  static c10::IValue wrap(const at::Tensor& value) { return value.defined() ? c10::IValue(value) : c10::IValue(); }
  static void unwrap(const c10::IValue& from, at::Tensor& value) {
    if (from.isTensor()) value = from.toTensor();
    else if (from.isNone()) value = at::Tensor();
  }
};

template <class T>
struct Value<std::optional<T>> {
  static c10::IValue wrap(const std::optional<T>& value) { return value ? bisect::wrap(*value) : c10::IValue(); }
  static void unwrap(const c10::IValue& from, std::optional<T>& value) {
    if (from.isNone()) value.reset();
    else if (value) bisect::unwrap(from, *value);
    else if constexpr (std::is_default_constructible_v<T>) bisect::unwrap(from, value.emplace());
  }
};

template <class T, class A>
struct Value<std::vector<T, A>> {
  static c10::IValue wrap(const std::vector<T, A>& value) {
    auto found = list();
    for (const auto& part : value) found.push_back(bisect::wrap(static_cast<const T&>(part)));
    return found;
  }
  static void unwrap(const c10::IValue& from, std::vector<T, A>& value) {
    auto parts = items(from);
    if constexpr (std::is_same_v<T, bool>) {
      if (from.isList()) value.clear();
      for (auto& part : parts) value.push_back(part.isBool() && part.toBool());
    } else {
      if constexpr (std::is_default_constructible_v<T>)
        if (from.isTuple() || from.isList()) value.resize(parts.size());
      for (size_t i = 0; i < parts.size() && i < value.size(); i++) bisect::unwrap(parts[i], value[i]);
    }
  }
};

template <class T, size_t N>
struct Value<std::array<T, N>> {
  static c10::IValue wrap(const std::array<T, N>& value) {
    auto found = list();
    for (const auto& part : value) found.push_back(bisect::wrap(part));
    return found;
  }
  static void unwrap(const c10::IValue& from, std::array<T, N>& value) {
    auto parts = items(from);
    for (size_t i = 0; i < parts.size() && i < N; i++) bisect::unwrap(parts[i], value[i]);
  }
};

template <class T>
struct Value<c10::ArrayRef<T>> {  // comes back as a vector
  static c10::IValue wrap(const c10::ArrayRef<T>& value) { return bisect::wrap(value.vec()); }
  static void unwrap(const c10::IValue&, const c10::ArrayRef<T>&) {}
};

template <class... T>
struct Value<std::variant<T...>> {  // what it holds keeps its type
  static c10::IValue wrap(const std::variant<T...>& value) {
    return std::visit([](const auto& one) { return bisect::wrap(one); }, value);
  }
  static void unwrap(const c10::IValue& from, std::variant<T...>& value) {
    std::visit([&](auto& one) { bisect::unwrap(from, one); }, value);
  }
};

// A dictionary, whose keys are words in Python.
template <class M>
struct MapValue {
  using Key = typename M::key_type;
  static constexpr bool words = std::is_same_v<Key, std::string>;
  static std::string word(const Key& key) {
    if constexpr (words) return key;
    else return std::to_string(key);
  }
  static c10::IValue wrap(const M& value) {
    auto found = dict();
    for (const auto& [key, part] : value) found.insert(word(key), bisect::wrap(part));
    return found;
  }
  static void unwrap(const c10::IValue& from, M& value) {
    if (!from.isGenericDict()) return;
    auto parts = from.toGenericDict();
    if constexpr (words && std::is_default_constructible_v<typename M::mapped_type>) {
      for (const auto& part : parts) bisect::unwrap(part.value(), value[part.key().toStringRef()]);
    } else
      for (auto& [key, part] : value) {
        auto other = parts.find(word(key));
        if (other != parts.end()) bisect::unwrap(other->value(), part);
      }
  }
};
template <class K>
inline constexpr bool is_word = std::is_same_v<K, std::string> || std::is_integral_v<K>;

template <class K, class T, class C, class A>
struct Value<std::map<K, T, C, A>> : std::conditional_t<is_word<K>, MapValue<std::map<K, T, C, A>>, Whole<std::map<K, T, C, A>>> {};
template <class K, class T, class H, class E, class A>
struct Value<std::unordered_map<K, T, H, E, A>>
    : std::conditional_t<is_word<K>, MapValue<std::unordered_map<K, T, H, E, A>>, Whole<std::unordered_map<K, T, H, E, A>>> {};

template <class... T>
struct Value<std::tuple<T...>> {
  static c10::IValue wrap(const std::tuple<T...>& value) {
    std::vector<c10::IValue> found;
    std::apply([&](const auto&... part) { (found.push_back(bisect::wrap(part)), ...); }, value);
    return c10::ivalue::Tuple::create(std::move(found));
  }
  static void unwrap(const c10::IValue& from, std::tuple<T...>& value) {
    auto parts = items(from);
    size_t i = 0;
    std::apply([&](auto&... part) { ((i < parts.size() ? bisect::unwrap(parts[i], part) : void(), i++), ...); }, value);
  }
};

template <class A, class B>
struct Value<std::pair<A, B>> {
  static c10::IValue wrap(const std::pair<A, B>& value) { return bisect::wrap(std::make_tuple(value.first, value.second)); }
  static void unwrap(const c10::IValue& from, std::pair<A, B>& value) {
    auto parts = items(from);
    if (parts.size() != 2) return;
    bisect::unwrap(parts[0], value.first);
    bisect::unwrap(parts[1], value.second);
  }
};

}  // namespace detail
}  // namespace bisect

// The parts of a struct of your own that a call takes or gives: BISECT_FIELDS(boxes, scores) in the struct.
#define BISECT_FIELDS(...)                        \
  template <class BisectF>                        \
  void bisect_fields(BisectF&& bisect_f) {        \
    if constexpr (!std::is_same_v<std::decay_t<BisectF>, int>) { BISECT_EACH(__VA_ARGS__) } \
  }
#define BISECT_EACH(...) BISECT_EXPAND(BISECT_PICK(__VA_ARGS__, BISECT_12, BISECT_11, BISECT_10, BISECT_9, BISECT_8, \
  BISECT_7, BISECT_6, BISECT_5, BISECT_4, BISECT_3, BISECT_2, BISECT_1)(__VA_ARGS__))
#define BISECT_EXPAND(x) x
#define BISECT_PICK(a, b, c, d, e, f, g, h, i, j, k, l, N, ...) N
#define BISECT_1(a) bisect_f(#a, a);
#define BISECT_2(a, ...) BISECT_1(a) BISECT_1(__VA_ARGS__)
#define BISECT_3(a, ...) BISECT_1(a) BISECT_2(__VA_ARGS__)
#define BISECT_4(a, ...) BISECT_1(a) BISECT_3(__VA_ARGS__)
#define BISECT_5(a, ...) BISECT_1(a) BISECT_4(__VA_ARGS__)
#define BISECT_6(a, ...) BISECT_1(a) BISECT_5(__VA_ARGS__)
#define BISECT_7(a, ...) BISECT_1(a) BISECT_6(__VA_ARGS__)
#define BISECT_8(a, ...) BISECT_1(a) BISECT_7(__VA_ARGS__)
#define BISECT_9(a, ...) BISECT_1(a) BISECT_8(__VA_ARGS__)
#define BISECT_10(a, ...) BISECT_1(a) BISECT_9(__VA_ARGS__)
#define BISECT_11(a, ...) BISECT_1(a) BISECT_10(__VA_ARGS__)
#define BISECT_12(a, ...) BISECT_1(a) BISECT_11(__VA_ARGS__)
