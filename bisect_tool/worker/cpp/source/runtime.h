// What the parts of the runtime share.
#pragma once
#include <torch/csrc/autograd/python_variable.h>
#include <torch/csrc/utils/pybind.h>
#include <bisect/port.h>

namespace bisect {

namespace py = pybind11;

py::object to_python(const c10::IValue& value);
c10::IValue from_python(const py::handle& value);

py::dict settings_of(torch::nn::Module& module);
void define_values(py::module_& m);
void define_optimizers(py::module_& m);
void define_operations(py::module_& m);
py::object trace_call(py::object value);
// While a module's call runs: its operations are none of the statement's that made it.
class InCall {
 public:
  InCall();
  ~InCall();
  InCall(const InCall&) = delete;

 private:
  bool traced_;
};

void print_crashes();  // where the program stands when it dies
std::vector<size_t> thrown_by(const std::exception_ptr& error);  // the code that threw it, as far as that is the port's

// Marks the user's own code, as against that of the tool, which the operations do not look at.
class OwnCode {
 public:
  explicit OwnCode(bool own);
  ~OwnCode();
  OwnCode(const OwnCode&) = delete;

 private:
  bool before_;
};

// Runs code of the user's without the interpreter's lock, which a backward pass must not hold.
template <class F>
auto users(F&& run) {
  py::gil_scoped_release release;
  OwnCode own(true);
  return run();
}

}  // namespace bisect
