#pragma once

#include <initializer_list>
#include <string>

namespace stint {

/// A library opened while the program runs, so that a program that does not use it starts without it. Looked for in the
/// folders of STINT_CUDA_LIBRARIES (a list with colons), where the system looks, and in /usr/local/cuda/lib64. Stays
/// open as long as the program.
class SharedLibrary {
 public:
  /// Opens the first of `names` that is found. Errors (ErrorKind::usage): none is.
  SharedLibrary(std::string title, std::initializer_list<const char*> names);

  /// A function of the library: `get(table.create, "cublasLtCreate")`. Errors: it has none of this name.
  template <typename Function>
  void get(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;

  std::string title_;
  void* handle_ = nullptr;
};

}  // namespace stint
