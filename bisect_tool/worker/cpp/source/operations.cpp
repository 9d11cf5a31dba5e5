// Every operation of libtorch that the user's own code calls: which tensors it reads, and what it draws.
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>
#include <unordered_map>
#include <unordered_set>
#include "runtime.h"

namespace bisect {

namespace {
constexpr auto KEY = c10::DispatchKey::TESTING_ONLY_GenericMode;  // before autograd: a replaced value is the graph's too

thread_local bool own_code = false;
std::unordered_map<const c10::TensorImpl*, bool> looked_at;  // and whether an operation has read it
std::unordered_set<std::string> drawing;                     // names of operations that draw
py::object drawer;                                           // Python's, for these

void note_read(const at::Tensor& tensor) {
  auto found = looked_at.find(tensor.unsafeGetTensorImpl());
  if (found != looked_at.end()) found->second = true;
}

// Lets Python call an operation that draws; it answers with what takes the place of the result.
void draw(const c10::OperatorHandle& op, torch::jit::Stack* stack, const std::string& name) {
  py::gil_scoped_acquire acquire;
  OwnCode tool(false);
  size_t n = op.schema().arguments().size();
  py::list arguments;
  for (const auto& value : torch::jit::last(*stack, n)) arguments.append(to_python(value));
  auto original = py::cpp_function([&](const py::args& given) {
    for (size_t i = 0; i < given.size() && i < n; i++)
      if (THPVariable_Check(given[i].ptr())) torch::jit::peek(*stack, i, n) = from_python(given[i]);
    py::gil_scoped_release release;
    op.callBoxed(stack);
    py::gil_scoped_acquire back;
    return to_python(stack->back());
  });
  py::object value = drawer(name, original, *py::tuple(arguments));
  if (!stack->empty()) stack->back() = from_python(value);
}

void seen(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  c10::impl::ExcludeDispatchKeyGuard guard(KEY);
  if (!own_code) return op.callBoxed(stack);
  if (!looked_at.empty())
    for (const auto& value : torch::jit::last(*stack, op.schema().arguments().size())) {
      if (value.isTensor()) note_read(value.toTensor());
      else if (value.isTensorList())
        for (const at::Tensor& tensor : value.toTensorList()) note_read(tensor);
    }
  op.callBoxed(stack);
}

TORCH_LIBRARY_IMPL(_, TESTING_ONLY_GenericMode, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&seen>()); }
}  // namespace

OwnCode::OwnCode(bool own) : before_(own_code) {
  own_code = own;
  c10::impl::tls_set_dispatch_key_included(KEY, own);
}
OwnCode::~OwnCode() {
  own_code = before_;
  c10::impl::tls_set_dispatch_key_included(KEY, before_);
}

void define_operations(py::module_& m) {
  m.def("look_at", [](const std::vector<at::Tensor>& tensors) {
    looked_at.clear();
    for (const auto& tensor : tensors) looked_at.emplace(tensor.unsafeGetTensorImpl(), false);
  });
  m.def("was_read", [](const at::Tensor& tensor) {
    auto found = looked_at.find(tensor.unsafeGetTensorImpl());
    return found != looked_at.end() && found->second;
  });
}

}  // namespace bisect
