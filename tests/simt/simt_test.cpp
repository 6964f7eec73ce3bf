// The judge itself: kernels with a fault of each kind that it must find, and the same without the fault.

#include <sanitizer/asan_interface.h>
#include <stint/kernels/select/select.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stint/kernels/look_back.cuh>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>

#include "../op_case_tensors.h"

namespace stint::cuda {

/// y <- x, of which the last thread does one element too many if `beyond` is 1.
__global__ void copy_fault(int count, int beyond, const float* x, float* y) {
  int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count + beyond) y[i] = x[i];
}

/// Reverses a block through shared memory.
__global__ void reverse_fault(bool synchronise, float* x) {
  auto* shared = shared_memory<float>();
  shared[threadIdx.x] = x[threadIdx.x];
  if (synchronise) __syncthreads();
  x[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

__global__ void diverging(unsigned early) {
  if (threadIdx.x < early) return;
  __syncthreads();
}

__global__ void two_barriers() {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void shared_overrun(int place) {
  shared_memory<float>()[place] = 1;
}

/// Two sums through the same scratch: the second may not begin while somebody still reads the first.
__global__ void block_sums(const float* x, float* y) {
  float sum = block_sum(x[threadIdx.x], shared_memory<float>());
  y[blockIdx.x * blockDim.x + threadIdx.x] = sum + block_sum(1.0f, shared_memory<float>());
}

/// The sum over the numbers of warps, twice: without the barrier a warp may write the second time before all have read.
__global__ void race_ahead(bool synchronise, float* y) {
  auto* shared = shared_memory<float>();
  float sum = 0;
  for (int time = 1; time <= 2; ++time) {
    float mine = warp_sum(static_cast<float>(time));
    if (synchronise) __syncthreads();
    if (threadIdx.x % warp_size == 0) shared[threadIdx.x / warp_size] = mine;
    __syncthreads();
    for (unsigned warp = 0; warp < blockDim.x / warp_size; ++warp) sum += shared[warp];
  }
  y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

/// sums[0], sums[1] <- the counts before `tile`, by the first warp; the second tells those of tile `late` meanwhile.
__global__ void look_back_sums(TileWords* tiles, std::int64_t tile, std::int64_t late, std::int64_t* sums) {
  if (threadIdx.x < warp_size) {
    TileCounts before = look_back(tiles, tile);
    sums[0] = before.first;
    sums[1] = before.second;
  } else {
    for (int i = 0; i < 3; ++i) __syncwarp();
    if (threadIdx.x == warp_size) tell(tiles + late, {1000, 2000}, TileWords::own);
  }
}

}  // namespace stint::cuda

using namespace stint;
using namespace stint::test;

namespace {

constexpr simt::Order orders[] = {simt::Order::forward, simt::Order::reverse, simt::Order::shuffled};

class OrderScope {
 public:
  explicit OrderScope(simt::Order order) { simt::set_order(order); }
  ~OrderScope() { simt::set_order(simt::order_from_environment()); }
};

Tensor numbers(int count) {
  Reals values(count);
  for (int i = 0; i < count; ++i) values[i] = i;
  return to_tensor(values, {{count}, DType::f32, Device::cuda()});
}

/// True if `body` ends the program, as AddressSanitizer and a touch of closed memory do.
template <typename Body>
bool dies(const Body& body) {
  pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);  // Catch2 would report it as a failed test
    if (!std::freopen("/dev/null", "w", stderr)) _exit(0);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status != 0;
}

void copy(int count, int beyond) {
  Tensor x = numbers(count), y({count}, DType::f32, Device::cuda());
  cuda::launch(cuda::copy_fault, 2, 32, 0, nullptr, count, beyond, x.data<float>(), y.data<float>());
}

Reals reversed(bool synchronise) {
  Tensor x = numbers(64);
  cuda::launch(cuda::reverse_fault, 1, 64, 64 * sizeof(float), nullptr, synchronise, x.data<float>());
  return to_reals(x);
}

}  // namespace

TEST_CASE("an off-by-one in a kernel ends the program", "[simt]") {
  CHECK_FALSE(dies([] { copy(50, 0); }));
  CHECK(dies([] { copy(50, 1); }));
}

TEST_CASE("more shared memory than was asked for ends the program", "[simt]") {
  auto write = [](int place) { cuda::launch(cuda::shared_overrun, 1, 1, 8 * sizeof(float), nullptr, place); };
  CHECK_FALSE(dies([&] { write(7); }));
  CHECK(dies([&] { write(8); }));
}

TEST_CASE("the host cannot touch device memory", "[simt]") {
  Tensor x = numbers(4);
  CHECK(dies([&] { *x.data<float>() = 1; }));
}

TEST_CASE("a reversal without its __syncthreads is wrong in every order of threads", "[simt]") {
  Reals expected(64);
  for (int i = 0; i < 64; ++i) expected[i] = 63 - i;
  for (simt::Order order : orders) {
    OrderScope scope(order);
    CHECK(reversed(true) == expected);
    CHECK(reversed(false) != expected);
  }
}

TEST_CASE("threads that diverge at a barrier are an error that names it", "[simt]") {
  for (simt::Order order : orders) {
    OrderScope scope(order);
    CHECK_NOTHROW(cuda::launch(cuda::diverging, 1, 64, 0, nullptr, 0u));
    CHECK_THROWS_WITH(cuda::launch(cuda::diverging, 1, 64, 0, nullptr, 3u),
                      Catch::Contains("diverged: thread 0 has ended; thread 3 waits at the barrier") &&
                          Catch::Contains("simt_test.cpp:"));
    CHECK_THROWS_WITH(cuda::launch(cuda::two_barriers, 1, 64, 0, nullptr), Catch::Contains("diverged"));
  }
  CHECK(reversed(true)[0] == 63);  // the fibers of the failed blocks are usable again
}

TEST_CASE("sums over warps and blocks reach every thread", "[simt]") {
  for (simt::Order order : orders) {
    OrderScope scope(order);
    Tensor x = numbers(96), y({8 * 96}, DType::f32, Device::cuda());
    cuda::launch(cuda::block_sums, 8, 96, 3 * sizeof(float), nullptr, x.data<float>(), y.data<float>());
    CHECK(to_reals(y) == Reals(8 * 96, 95 * 96 / 2 + 96));
  }
}

TEST_CASE("counts are added up back to a tile that knows its sum, and waited for where none have been told", "[simt]") {
  constexpr std::int64_t tiles = 100, late = 50;
  // The sum up to a tile: known nowhere, by the one before, at the end of a warp's stretch, behind it, and far back.
  for (std::int64_t known : {-1, 99, 68, 67, 66, 3}) {
    std::vector<cuda::TileWords> words(tiles);
    std::int64_t first = 0, second = 0;
    for (std::int64_t i = 0; i < tiles; ++i) {
      bool knows = i == known;
      if (i > known) {
        first += i == late ? 1000 : i + 1;
        second += i == late ? 2000 : 2 * i;
      } else {
        first = knows ? 70'000'000'000 : 0, second = knows ? 5 : 0;
      }
      if (i == late || i < known) continue;  // nothing told
      cuda::tell(&words[i], knows ? cuda::TileCounts{first, second} : cuda::TileCounts{i + 1, 2 * i},
                 knows ? cuda::TileWords::up_to_here : cuda::TileWords::own);
    }
    for (simt::Order order : orders) {
      OrderScope scope(order);
      Tensor memory({static_cast<std::int64_t>(words.size() * sizeof(cuda::TileWords))}, DType::u8, Device::cuda());
      Tensor source({memory.count()}, DType::u8), sums({4}, DType::f32, Device::cuda());
      std::memcpy(source.raw(), words.data(), source.bytes());
      memory.copy_from(source);
      cuda::launch(cuda::look_back_sums, 1, 64, 0, nullptr, reinterpret_cast<cuda::TileWords*>(memory.raw()), tiles,
                   late, reinterpret_cast<std::int64_t*>(sums.raw()));
      Tensor here = sums.copy_to(Device::cpu());
      CHECK(reinterpret_cast<const std::int64_t*>(here.raw())[0] == first);
      CHECK(reinterpret_cast<const std::int64_t*>(here.raw())[1] == second);
    }
  }
}

TEST_CASE("a warp that may run ahead of others does so in the shuffled order", "[simt]") {
  OrderScope scope(simt::Order::shuffled);
  auto sums = [](bool synchronise) {
    Tensor y({8 * 96}, DType::f32, Device::cuda());
    cuda::launch(cuda::race_ahead, 8, 96, 3 * sizeof(float), nullptr, synchronise, y.data<float>());
    return to_reals(y);
  };
  CHECK(sums(true) == Reals(8 * 96, 3 * 96));
  CHECK(sums(false) != Reals(8 * 96, 3 * 96));
}

TEST_CASE("with the shared memory of a large device a selection takes wider digits and finds the same", "[simt]") {
  for (DType dtype : {DType::f32, DType::bf16}) {
    Tensor x = to_tensor(random_reals(5003, 11), {{5003}, dtype, Device::cuda()});
    auto border = [&] {
      Tensor cut = make_cut(Device::cuda());
      cut_largest(x, 500, cut);
      Tensor here = cut.copy_to(Device::cpu());
      return reinterpret_cast<const Cut*>(here.raw())->key;
    };
    std::uint32_t narrow = border();
    std::size_t before = simt::shared_on_demand;
    simt::shared_on_demand = simt::most_shared;
    std::uint32_t wide = border();
    simt::shared_on_demand = before;
    CHECK(wide == narrow);
  }
}
