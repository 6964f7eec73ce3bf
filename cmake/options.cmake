option(STINT_TESTS "Build the tests" OFF)
option(STINT_NATIVE "Compile for this machine's instruction set (faster; the binaries run on the like of it only)" ON)
option(STINT_ONEDNN "Convolution and linear layers on the CPU by oneDNN; OFF: plain loops, slow, without any library" ON)
option(STINT_CUDA "Build the CUDA side too (needs nvcc and cuDNN's headers)" OFF)
option(STINT_WERROR "Treat warnings as errors" OFF)
option(STINT_FUZZ "Build the fuzz targets (clang)" OFF)
option(STINT_SANITIZE "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

find_program(STINT_CCACHE ccache)
if(STINT_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${STINT_CCACHE})
endif()

# -Wno-missing-field-initializers: designated initialisers leave defaults alone on purpose.
# -Wno-restrict: g++ 12 reports std::string's own operator+ (GCC bug 105329).
# Flags of our own targets; they are not passed on to those who embed the library.
add_library(stint_flags INTERFACE)
set(warnings -Wall -Wextra -Wshadow -Wno-missing-field-initializers -Wno-restrict -fno-math-errno -fno-trapping-math
  $<$<CONFIG:Release>:-O3> $<$<BOOL:${STINT_WERROR}>:-Werror> $<$<BOOL:${STINT_NATIVE}>:-march=native>)
target_compile_options(stint_flags INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>")
if(STINT_SANITIZE)
  # -Wno-maybe-uninitialized: with sanitizers g++ 12 reports its own <regex>.
  target_compile_options(stint_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer -O1 -g1 -Wno-maybe-uninitialized)
  target_link_options(stint_flags INTERFACE -fsanitize=address,undefined)
endif()
