#include <dlfcn.h>
#include <stint/runtime/error.h>
#include <stint/runtime/shared_library.h>

#include <cstdlib>
#include <sstream>
#include <vector>

namespace stint {

namespace {

/// In front of a file's name; the empty one leaves it to the system.
std::vector<std::string> folders() {
  std::vector<std::string> all;
  if (const char* given = std::getenv("STINT_CUDA_LIBRARIES")) {
    std::istringstream list(given);
    for (std::string folder; std::getline(list, folder, ':');) {
      if (!folder.empty()) all.push_back(folder + "/");
    }
  }
  all.insert(all.end(), {"", "/usr/local/cuda/lib64/"});
  return all;
}

}  // namespace

SharedLibrary::SharedLibrary(std::string title, std::initializer_list<const char*> names) : title_(std::move(title)) {
  std::string why;
  for (const std::string& folder : folders()) {
    for (const char* name : names) {
      handle_ = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle_) return;
      std::string error = dlerror();
      bool absent = error.starts_with(folder + name + ": cannot open shared object file");
      if (!absent && why.empty()) why = ": " + error;
    }
  }
  fail(ErrorKind::usage, "device", "CUDA needs {}, but {} {}; STINT_CUDA_LIBRARIES=FOLDER says where it is", title_,
       *names.begin(), why.empty() ? "was not found" : "cannot be loaded" + why);
}

void* SharedLibrary::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  if (!found) fail(ErrorKind::usage, "device", "this {} has no {}: it is too old", title_, name);
  return found;
}

}  // namespace stint
