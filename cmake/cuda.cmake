# The CUDA side. Our kernels and the static CUDA runtime are linked in; cuBLASLt and cuDNN are opened when a device is
# first used, so only their headers are needed here.
if(NOT STINT_CUDA)
  return()
endif()
if(NOT STINT_NVCC)
  message(FATAL_ERROR "stint: STINT_CUDA=ON needs nvcc 12 or later, on PATH or in /usr/local/cuda/bin")
endif()

set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPU architectures: machine code for 8.0 and 9.0, PTX for later ones")
# CMake 3.25 does not know that nvcc speaks C++20.
set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
set(CMAKE_CUDA_STANDARD 20)
if(NOT CMAKE_CUDA_COMPILER)
  set(CMAKE_CUDA_COMPILER ${STINT_NVCC})
endif()
if(STINT_CCACHE AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${STINT_CCACHE})
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)
find_path(STINT_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
if(NOT STINT_CUDNN_INCLUDE)
  message(FATAL_ERROR "stint: STINT_CUDA=ON needs cuDNN's headers; -DSTINT_CUDNN_INCLUDE=FOLDER says where cudnn.h is")
endif()

target_compile_options(stint_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;-Xcompiler=-Wall>"
  "$<$<AND:$<BOOL:${STINT_WERROR}>,$<COMPILE_LANGUAGE:CUDA>>:-Werror=all-warnings>")
# nvcc does not evaluate fmt 9's check of format strings; the C++ files have it.
target_compile_definitions(stint_flags INTERFACE "$<$<COMPILE_LANGUAGE:CUDA>:FMT_CONSTEVAL=;FMT_USE_CONSTEXPR=1>")
