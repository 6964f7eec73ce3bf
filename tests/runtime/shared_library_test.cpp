#include <stint/runtime/error.h>
#include <stint/runtime/shared_library.h>

#include <catch2/catch.hpp>

using namespace stint;

TEST_CASE("a library is opened when it is asked for, the first of its names that is there", "[runtime]") {
  SharedLibrary library("mathematics", {"libnowhere.so.7", "libm.so.6"});
  double (*root)(double) = nullptr;
  library.get(root, "sqrt");
  CHECK(root(16) == 4);
  CHECK_THROWS_WITH(library.get(root, "no_such_function"),
                    "device: this mathematics has no no_such_function: it is too old");
}

TEST_CASE("a library that is missing is named, and where to say where it is", "[runtime]") {
  CHECK_THROWS_WITH(SharedLibrary("cuDNN", {"libnowhere.so.7"}),
                    "device: CUDA needs cuDNN, but libnowhere.so.7 was not found; STINT_CUDA_LIBRARIES=FOLDER says "
                    "where it is");
}
