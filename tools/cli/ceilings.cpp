#include <fmt/format.h>
#include <stint/kernels/linear/linear.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/cli/ceilings.h>
#include <unistd.h>
#ifdef __AVX512BF16__
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

namespace stint {

namespace {

/// Calls a second, of the fastest call within about half a second: the one that other programs disturbed least.
template <typename Body>
double best_rate(const Body& body) {
  using Clock = std::chrono::steady_clock;
  double fastest = 1e9;
  body();
  auto end = Clock::now() + std::chrono::milliseconds(500);
  do {
    auto start = Clock::now();
    body();
    fastest = std::min(fastest, std::chrono::duration<double>(Clock::now() - start).count());
  } while (Clock::now() < end);
  return 1 / fastest;
}

constexpr int lanes = 16, chains = 12;  // enough of them that no multiply-add waits for the one before
typedef float Lanes __attribute__((vector_size(lanes * sizeof(float))));

/// FLOP/s of `step(sum)`, of `flops` each, on registers that differ, so that none is left out.
template <typename Step>
double register_rate(double flops, const Step& step) {
  constexpr std::int64_t rounds = 500'000;
  std::vector<float> results(thread_count());
  double rate = best_rate([&] {
    parallel_for(thread_count(), 1, [&](std::int64_t begin, std::int64_t) {
      Lanes sums[chains];
      for (int i = 0; i < chains; ++i) sums[i] = Lanes{} + static_cast<float>(begin + i + 1);
      for (std::int64_t i = 0; i < rounds; ++i) {
        for (Lanes& sum : sums) step(sum);
      }
      for (const Lanes& sum : sums) results[begin] += sum[0];
    });
  });
  return rate * flops * chains * static_cast<double>(rounds) * thread_count();
}

double f32_rate() {
  return register_rate(2 * lanes, [](Lanes& sum) { sum = sum * 0.999f + 0.5f; });
}

#ifdef __AVX512BF16__
double bf16_rate() {
  auto pairs = _mm512_castsi512_ps(_mm512_set1_epi16(0x3c00));
  return register_rate(4 * lanes, [&](Lanes& sum) {
    auto factors = (__m512bh)pairs;
    sum = (Lanes)_mm512_dpbf16_ps((__m512)sum, factors, factors);
  });
}
#else
double bf16_rate() {
  constexpr std::int64_t size = 1024;
  Tensor x({size, size}, DType::bf16), weight({size, size}, DType::bf16);
  x.zero();
  weight.zero();
  SaveNothing saver;
  return best_rate([&] { Linear{}.forward(saver, x, weight, {}); }) * 2 * size * size * size;
}
#endif

/// A piece of memory that no cache holds; `body(from, to)` for pieces of it.
template <typename Body>
double memory_rate(const Body& body) {
  constexpr std::int64_t count = 64 * 1024 * 1024;
  std::vector<float> from(count, 1.0f), to(count, 1.0f);
  double bytes = 2.0 * count * sizeof(float);
  return bytes * best_rate([&] {
           parallel_for(count, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
             body(from.data() + begin, to.data() + begin, end - begin);
           });
         });
}

Ceilings measure() {
  double copy = memory_rate([](const float* from, float* to, std::int64_t count) { std::copy_n(from, count, to); });
  double in_place = memory_rate([](const float*, float* to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) to[i] *= 1.0001f;
  });
  return {f32_rate(), bf16_rate(), std::max(copy, in_place)};
}

// The build decides what its loops reach.
#ifdef __AVX512F__
constexpr const char* vectors = "avx512";
#elif defined(__AVX2__)
constexpr const char* vectors = "avx2";
#else
constexpr const char* vectors = "sse";
#endif

Ceilings read(const std::filesystem::path& path) {
  auto json = nlohmann::json::parse(std::ifstream(path), nullptr, false);
  auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0;
  };
  if (!json.is_object()) return {};
  return {number("f32_flops"), number("bf16_flops"), number("memory_bytes")};
}

/// Written aside and renamed. Where that fails they are measured again next time.
void write(const std::filesystem::path& path, const Ceilings& c) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  auto aside = path;
  aside += fmt::format(".{}", getpid());
  nlohmann::ordered_json json = {{"f32_flops", c.f32}, {"bf16_flops", c.bf16}, {"memory_bytes", c.memory}};
  std::ofstream(aside) << json.dump(2) << "\n";
  std::filesystem::rename(aside, path, ignored);
}

}  // namespace

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(std::min(line.find(": ") + 2, line.size()));
  }
  return "cpu";
}

double Ceilings::share(const Work& work, double seconds, bool is_bf16) const {
  return std::max(work.flops / (is_bf16 ? bf16 : f32), work.bytes / memory) / seconds;
}

std::filesystem::path ceilings_file() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  std::filesystem::path folder = cache && *cache ? std::filesystem::path(cache)
                                 : home && *home ? std::filesystem::path(home) / ".cache"
                                                 : std::filesystem::path();
  if (folder.empty()) return {};
  std::string name = fmt::format("ceilings {} {} {} {}.json", cpu_model(), thread_count(), STINT_BUILD, vectors);
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.') c = '-';
  }
  return folder / "stint" / name;
}

Ceilings measured_ceilings() {
  auto path = ceilings_file();
  Ceilings known = path.empty() ? Ceilings{} : read(path);
  if (known.f32 > 0 && known.bf16 > 0 && known.memory > 0) return known;
  known = measure();
  if (!path.empty()) write(path, known);
  return known;
}

}  // namespace stint
