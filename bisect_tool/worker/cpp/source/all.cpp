// The runtime as one unit: its headers take most of the time that it compiles.
#include "crash.cpp"
#include "operations.cpp"
#include "optimizers.cpp"
#include "runtime.cpp"
#include "settings.cpp"
#include "values.cpp"
