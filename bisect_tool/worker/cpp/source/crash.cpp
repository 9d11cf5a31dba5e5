// A program that dies says where: a line for each frame, from the innermost on, that the parent gives names to.
#include <execinfo.h>
#include <unistd.h>
#include <csignal>
#include "runtime.h"

namespace bisect {

namespace {
struct sigaction before[NSIG];

void died(int signal, siginfo_t*, void*) {
  static const char head[] = "bisect: the program died here, the innermost first:\n";
  void* frames[48];
  (void)!write(STDERR_FILENO, head, sizeof head - 1);
  backtrace_symbols_fd(frames, backtrace(frames, 48), STDERR_FILENO);
  sigaction(signal, &before[signal], nullptr);  // Python's own handler comes next
  raise(signal);
}
}  // namespace

void print_crashes() {
  void* one[1];
  backtrace(one, 1);  // loads what it needs now: in a handler that may be too late
  struct sigaction action {};
  action.sa_sigaction = died;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) sigaction(signal, &action, &before[signal]);
}

}  // namespace bisect
