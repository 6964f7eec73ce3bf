#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/error.h>

namespace stint {

int cuda_device_count() {
  return 0;
}

std::string cuda_absence() {
  return "this build of stint has no CUDA support";
}

namespace cuda_driver {

namespace {
[[noreturn]] void absent() {
  fail(ErrorKind::usage, "device", "{}", cuda_absence());
}
}  // namespace

void check(int, std::string_view) {
  absent();
}
void use(int) {
  absent();
}
std::unique_ptr<Arena> make_arena(int) {
  absent();
}
void upload(void*, const void*, std::size_t, int, void*) {
  absent();
}
void download(void*, const void*, std::size_t, int, void*) {
  absent();
}
void copy(void*, const void*, std::size_t, int, void*) {
  absent();
}
void zero(void*, std::size_t, int, void*) {
  absent();
}
std::shared_ptr<void> make_stream(int) {
  absent();
}
void synchronize(int, void*) {
  absent();
}
void order(int, void*, void*) {
  absent();
}
void wait(int, void*, void*) {
  absent();
}
std::shared_ptr<void> make_event(int) {
  absent();
}
void record(int, void*, void*) {
  absent();
}
void synchronize_event(int, void*) {
  absent();
}
bool is_done(int, void*) {
  absent();
}
double seconds_between(int, void*, void*) {
  absent();
}

}  // namespace cuda_driver

}  // namespace stint
