// A program that dies says where: a line for each frame, from the innermost on, that the parent gives names to.
// What an exception was thrown by is kept for Python to ask for.
#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <ucontext.h>
#include <unistd.h>
#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>
#include "runtime.h"

namespace bisect {

namespace {
constexpr int DEEPEST = 48;
struct sigaction before[NSIG];

struct Thrown {
  const void* exception = nullptr;
  void* frames[DEEPEST];
  int depth = 0;
};
thread_local Thrown latest;

// The address at which the program was stopped: all others are those where it would go on.
void* stopped_at(void* context) {
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(machine.pc);
#else
  return (void)machine, nullptr;
#endif
}

// "bisect: died at 0x12ab of /home/me/libport.so"
void write_frame(void* address, bool stopped) {
  Dl_info info;
  if (!dladdr(address, &info) || info.dli_fname == nullptr) return;
  char line[4200];
  auto offset = static_cast<char*>(address) - static_cast<char*>(info.dli_fbase) - (stopped ? 0 : 1);
  int length = snprintf(line, sizeof line, "bisect: died at 0x%lx of %s\n", static_cast<unsigned long>(offset), info.dli_fname);
  if (length > 0) (void)!write(STDERR_FILENO, line, std::min<size_t>(length, sizeof line - 1));
}

void died(int signal, siginfo_t*, void* context) {
  void* frames[DEEPEST];
  void* stopped = stopped_at(context);
  for (int i = 0, depth = backtrace(frames, DEEPEST); i < depth; i++) write_frame(frames[i], frames[i] == stopped);
  sigaction(signal, &before[signal], nullptr);  // Python's own handler comes next
  raise(signal);
}
}  // namespace

std::vector<size_t> thrown_by(const std::exception_ptr& error) {
  const void* exception = nullptr;
  static_assert(sizeof error == sizeof exception);
  std::memcpy(&exception, &error, sizeof exception);
  std::vector<size_t> found;
  if (exception == latest.exception)
    for (int i = 0; i < latest.depth; i++) found.push_back(reinterpret_cast<size_t>(latest.frames[i]));
  return found;
}

void print_crashes() {
  void* one[1];
  backtrace(one, 1);  // loads what it needs now: in a handler that may be too late
  static char stack[1 << 18];  // one that overflows leaves no room to say so
  stack_t other{};
  other.ss_sp = stack;
  other.ss_size = sizeof stack;
  sigaltstack(&other, nullptr);
  struct sigaction action {};
  action.sa_sigaction = died;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(signal, &action, &before[signal]);
}

}  // namespace bisect

// Ports are linked with --wrap of these (link.options): what they throw is noted first.
extern "C" {
[[noreturn]] __attribute__((visibility("default"))) void __wrap___cxa_throw(
    void* exception, std::type_info* type, void (*destroy)(void*)) {
  bisect::latest.exception = exception;
  bisect::latest.depth = backtrace(bisect::latest.frames, bisect::DEEPEST);
  abi::__cxa_throw(exception, type, destroy);
}
}

namespace bisect {
namespace {
// What the standard library throws in its own code.
template <class E>
[[noreturn]] void throw_noted(const std::string& message) {
  void* exception = abi::__cxa_allocate_exception(sizeof(E));
  new (exception) E(message);
  __wrap___cxa_throw(exception, const_cast<std::type_info*>(&typeid(E)), [](void* old) { static_cast<E*>(old)->~E(); });
}
}  // namespace
}  // namespace bisect

#define BISECT_THROWS(symbol, kind) \
  extern "C" [[noreturn]] __attribute__((visibility("default"))) void symbol(const char* message) { bisect::throw_noted<kind>(message); }
BISECT_THROWS(__wrap__ZSt20__throw_out_of_rangePKc, std::out_of_range)
BISECT_THROWS(__wrap__ZSt20__throw_length_errorPKc, std::length_error)
BISECT_THROWS(__wrap__ZSt19__throw_logic_errorPKc, std::logic_error)
BISECT_THROWS(__wrap__ZSt24__throw_invalid_argumentPKc, std::invalid_argument)

extern "C" [[noreturn]] __attribute__((visibility("default"))) void __wrap__ZSt24__throw_out_of_range_fmtPKcz(const char* format, ...) {
  char message[512] = "";
  va_list given;
  va_start(given, format);
  vsnprintf(message, sizeof message, format, given);
  va_end(given);
  bisect::throw_noted<std::out_of_range>(message);
}
