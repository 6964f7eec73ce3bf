// What a training step asks of the machine once it has run a few times.

#include <fmt/format.h>
#include <link.h>
#include <stint/runtime/allocator.h>
#include <stint/tools/trainer/training.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <new>

#if !defined(__SANITIZE_ADDRESS__)  // which counts for itself

namespace {
std::atomic<long> news{0}, library_news{0}, large_news{0};
constexpr std::size_t large =
    32 * 1024;  // a few of them, and malloc gives memory back to the machine and takes it again

/// Where oneDNN's code lies: what it allocates while a primitive runs is counted apart.
struct Range {
  std::uintptr_t begin = 0, end = 0;
};

int find_onednn(dl_phdr_info* library, std::size_t, void* range) {
  if (!std::strstr(library->dlpi_name, "libdnnl")) return 0;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const auto& part = library->dlpi_phdr[i];
    std::uintptr_t begin = library->dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && (part.p_flags & PF_X)) *static_cast<Range*>(range) = {begin, begin + part.p_memsz};
  }
  return 1;
}

const Range onednn = [] {
  Range range;
  dl_iterate_phdr(find_onednn, &range);
  return range;
}();
}  // namespace

// Not inlined: g++ 12 takes a pair of which it inlines one half for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  auto caller = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  ++(caller >= onednn.begin && caller < onednn.end ? library_news : news);
  if (bytes >= large) ++large_news;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

using namespace stint;

namespace {

struct Counts {
  long news = ::news, library_news = ::library_news, large_news = ::large_news, faults = 0;
  std::size_t reserved = allocator_of(Device::cpu()).stats().reserved;

  Counts() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    faults = usage.ru_minflt;
  }
  Counts operator-(const Counts& before) const {
    Counts difference = *this;
    difference.news -= before.news;
    difference.library_news -= before.library_news;
    difference.large_news -= before.large_news;
    difference.faults -= before.faults;
    difference.reserved -= before.reserved;
    return difference;
  }
};

}  // namespace

TEST_CASE("a step in the steady state takes no memory from the machine", "[trainer]") {
  auto amp = GENERATE(as<std::string>{}, "", "bf16");
  // And how many small allocations a step of it may make.
  auto [model, most_news] = GENERATE(table<std::string, long>(
      {{"resnet18", 1200}, {"vgg11_bn", 660}, {"vit_tiny_patch16_224", 2300}, {"lenet5", 210}}));
  CAPTURE(model, amp);
  Config config;
  config.data.dataset = "synthetic";
  bool transformer = model.starts_with("vit");  // with 197 tokens, as many as it is for
  config.data.image_size = transformer ? 224 : 32;
  config.data.batch_size = transformer ? 2 : 32;
  config.model.name = model;
  config.amp = amp;
  if (model == "resnet18") config.model.kwargs["stem"] = "cifar";
  DataSet data = load_dataset(config);
  Loader loader(data.train, training_options(config, data.train));
  Training training(config, data.train, loader.batches(), Device::cpu());
  Batch batch = loader.batch(0, 0, Device::cpu());
  auto step = [&] {
    Counts before;
    training.step(batch);
    return Counts() - before;
  };
  for (int i = 0; i < 3; ++i) step();
  Counts first = step(), second = step(), third = step();
  CHECK(first.reserved == 0);
  CHECK(second.reserved == 0);
  CHECK(first.large_news <= 3);  // the tape's lists of a deep network
  // What is left are the tape's records and tensors' storages, in pieces that malloc has from the step before: as many
  // in every step, and some 0.1 microseconds each.
  fmt::print("{} {}: {} small allocations a step, and {} within oneDNN\n", model, amp.empty() ? "f32" : amp, first.news,
             first.library_news);
  CHECK(first.news <= most_news);
  CHECK(second.news == first.news);
  CHECK(third.news == first.news);
  // Now and then a page: of a thread's stack, of a heap that was split anew (for some steps yet), or one that the
  // kernel took from a process that rested. One piece of 128 KiB would be 32.
  long faults = std::min({first.faults, second.faults, third.faults});
  for (int i = 0; i < 10 && faults >= 32; ++i) faults = std::min(faults, step().faults);
  CHECK(faults < 32);
}

#endif
