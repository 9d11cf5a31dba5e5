# For a port in C++ with a CMake build of its own:
#   cmake -Dbisect_DIR=$(bisect cpp-path) -DCMAKE_PREFIX_PATH=$(python -c 'import torch; print(torch.utils.cmake_prefix_path)') ...
# gives the target bisect::bisect and the function bisect_add_port(name sources...).
if(NOT TARGET torch)
  include(CMakeFindDependencyMacro)
  find_dependency(Torch)
endif()

get_filename_component(BISECT_FOLDER "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)

# No imported target: CMake would put the folders of one behind those of torch, as it does with all that belong to the system.
if(NOT TARGET bisect::bisect)
  add_library(bisect INTERFACE)
  add_library(bisect::bisect ALIAS bisect)
  target_include_directories(bisect BEFORE INTERFACE "${BISECT_FOLDER}/shadow" "${BISECT_FOLDER}/include")
  target_compile_features(bisect INTERFACE cxx_std_17)
  target_compile_options(bisect INTERFACE -g1)  # the lines of the code
endif()

# The library lib<name>.so, which recipe.toml names: entry = "build/lib<name>.so:build". What it calls of bisect, the worker has.
function(bisect_add_port name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX "lib" SUFFIX ".so" CXX_VISIBILITY_PRESET default)
  target_include_directories(${name} BEFORE PRIVATE "${BISECT_FOLDER}/shadow" "${BISECT_FOLDER}/include")
  target_link_libraries(${name} PRIVATE bisect::bisect ${TORCH_LIBRARIES} "-Wl,-z,undefs")  # after flags that forbid it
  file(STRINGS "${BISECT_FOLDER}/link.options" wrapped)
  target_link_options(${name} PRIVATE ${wrapped})
endfunction()
