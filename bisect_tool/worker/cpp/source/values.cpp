// IValues as Python's objects, and back.
#include <set>
#include "runtime.h"

namespace bisect {

namespace {
struct Capsule {  // what is opaque travels through Python as it is
  c10::IValue value;
  std::string type;
};
std::set<std::string> opaque_types;  // that were met
}  // namespace

void define_values(py::module_& m) {
  m.def("opaque_types", [] { return std::exchange(opaque_types, {}); });
  py::class_<Capsule>(m, "Opaque", py::module_local())
      .def_readonly("type", &Capsule::type)
      .def("__repr__", [](const Capsule& self) { return self.type; });
}

py::object to_python(const c10::IValue& value) {
  if (value.isNone()) return py::none();
  if (value.isTensor()) return py::cast(value.toTensor());
  if (value.isBool()) return py::bool_(value.toBool());
  if (value.isInt()) return py::int_(value.toInt());
  if (value.isDouble()) return py::float_(value.toDouble());
  if (value.isComplexDouble()) {
    auto found = value.toComplexDouble();
    return py::reinterpret_steal<py::object>(PyComplex_FromDoubles(found.real(), found.imag()));
  }
  if (value.isString()) return py::str(value.toStringRef());
  if (value.isList()) {
    py::list found;
    for (const c10::IValue& item : value.toListRef()) found.append(to_python(item));
    return found;
  }
  if (value.isTuple()) {
    const auto& items = value.toTupleRef().elements();
    py::tuple found(items.size());
    for (size_t i = 0; i < items.size(); i++) found[i] = to_python(items[i]);
    return found;
  }
  if (value.isGenericDict()) {
    py::dict found;
    for (const auto& item : value.toGenericDict()) found[to_python(item.key())] = to_python(item.value());
    return found;
  }
  auto opaque = c10::dynamic_intrusive_pointer_cast<Opaque>(value.isCapsule() ? value.toCapsule() : nullptr);
  if (opaque) opaque_types.insert(opaque->type);
  return py::cast(Capsule{value, opaque ? opaque->type : value.tagKind()});
}

c10::IValue from_python(const py::handle& value) {
  if (value.is_none()) return {};
  if (THPVariable_Check(value.ptr())) return THPVariable_Unpack(value.ptr());
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::int_>(value)) return value.cast<int64_t>();
  if (py::isinstance<py::float_>(value)) return value.cast<double>();
  if (PyComplex_Check(value.ptr())) {
    auto found = PyComplex_AsCComplex(value.ptr());
    return c10::complex<double>(found.real, found.imag);
  }
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (py::isinstance<Capsule>(value)) return value.cast<Capsule&>().value;
  if (py::isinstance<py::list>(value)) {
    auto found = detail::list();
    for (const auto& item : value) found.push_back(from_python(item));
    return found;
  }
  if (py::isinstance<py::tuple>(value)) {
    std::vector<c10::IValue> found;
    for (const auto& item : value) found.push_back(from_python(item));
    return c10::ivalue::Tuple::create(std::move(found));
  }
  if (py::isinstance<py::dict>(value)) {
    auto found = detail::dict();
    for (const auto& [key, item] : py::reinterpret_borrow<py::dict>(value))
      found.insert(py::str(key).cast<std::string>(), from_python(item));
    return found;
  }
  if (PyIndex_Check(value.ptr())) return py::int_(py::reinterpret_borrow<py::object>(value)).cast<int64_t>();  // numpy's
  throw py::type_error("a port in C++ cannot be handed a " + std::string(Py_TYPE(value.ptr())->tp_name));
}

}  // namespace bisect
