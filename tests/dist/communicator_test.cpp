// One suite over every kind of communicator: values against sums made here, payload against formulas.

#include <stint/dist/communicator.h>
#include <stint/runtime/philox.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>

#include "../op_case_tensors.h"
#include "groups.h"

using namespace stint;
using namespace stint::dist;
using namespace stint::test;

namespace {

constexpr double timeout = 20;

/// Small integers, so that every dtype holds their sums exactly.
double value_of(int rank, std::int64_t i) {
  return static_cast<double>(RandomSequence{7, static_cast<std::uint64_t>(rank)}.below(i, 9)) - 4;
}

Tensor vector_of(int rank, std::int64_t count, DType dtype, Device device = Device::cpu(), std::int64_t from = 0) {
  Tensor tensor({count}, dtype);
  for (std::int64_t i = 0; i < count; ++i) {
    double value = value_of(rank, from + i);
    if (dtype == DType::f32) tensor.data<float>()[i] = static_cast<float>(value);
    if (dtype == DType::bf16) tensor.data<bfloat16>()[i] = static_cast<float>(value);
    if (dtype == DType::i32) tensor.data<std::int32_t>()[i] = static_cast<std::int32_t>(value);
  }
  return tensor.copy_to(device);
}

/// Whether a tensor of any device is `vector_of` that.
bool is_vector_of(const Tensor& tensor, int rank, std::int64_t count, DType dtype, std::int64_t from = 0) {
  return same_bits(tensor.copy_to(Device::cpu()), vector_of(rank, count, dtype, Device::cpu(), from));
}

Reals values_of(const Tensor& anywhere) {
  Tensor tensor = anywhere.copy_to(Device::cpu());
  Reals values;
  for (std::int64_t i = 0; i < tensor.count(); ++i) {
    values.push_back(tensor.dtype() == DType::f32    ? tensor.data<float>()[i]
                     : tensor.dtype() == DType::bf16 ? float(tensor.data<bfloat16>()[i])
                                                     : tensor.data<std::int32_t>()[i]);
  }
  return values;
}

Reals expected_sum(int size, std::int64_t count, double factor = 1) {
  Reals sum(count);
  for (int r = 0; r < size; ++r) {
    for (std::int64_t i = 0; i < count; ++i) sum[i] += factor * value_of(r, i);
  }
  return sum;
}

/// Checks from several threads: Catch2's macros are for one.
struct Verdict {
  std::atomic<int> wrong = 0;
  std::atomic<int> checked = 0;
  void expect(bool good) {
    ++checked;
    if (!good) ++wrong;
  }
};

}  // namespace

TEST_CASE("reductions give every rank the sum", "[dist][group]") {
  for (const GroupKind& kind : group_kinds()) {
    for (int size : kind.sizes) {
      Verdict verdict;
      kind.run(size, timeout, [&](Communicator& group) {
        for (std::int64_t count : {0, 1, 5, 1001}) {
          for (DType dtype : {DType::f32, DType::bf16, DType::i32}) {
            Tensor x = vector_of(group.rank(), count, dtype, kind.device);
            group.all_reduce(x, Reduce::sum, Payload::gradient).wait();
            Reals sum = expected_sum(size, count);
            verdict.expect(values_of(x) == sum);
            Tensor again = vector_of(group.rank(), count, dtype, kind.device),
                   mine(slice_of(again, group.rank(), size).spec());
            group.reduce_scatter(again, mine, Reduce::sum, Payload::gradient).wait();
            auto begin = sum.begin() + slice_begin(count, group.rank(), size);
            verdict.expect(values_of(mine) == Reals(begin, begin + mine.count()));
          }
          Tensor x = vector_of(group.rank(), count, DType::f32, kind.device);
          group.all_reduce(x, Reduce::mean, Payload::gradient).wait();
          Reals mean = expected_sum(size, count, 1.0 / size), got = values_of(x);
          for (std::int64_t i = 0; i < count; ++i) verdict.expect(std::abs(got[i] - mean[i]) < 1e-6);
        }
      });
      INFO(kind.name << ", " << size << " ranks");
      CHECK(verdict.wrong == 0);
      CHECK(verdict.checked > (kind.only_rank < 0 ? 24 * size : 24));
    }
  }
}

TEST_CASE("gathers and exchanges carry ragged parts", "[dist][group]") {
  for (const GroupKind& kind : group_kinds()) {
    for (int size : kind.sizes) {
      Verdict verdict;
      kind.run(size, timeout, [&](Communicator& group) {
        int rank = group.rank();
        for (DType dtype : {DType::f32, DType::bf16, DType::i32}) {
          std::vector<Tensor> parts, out, in;
          for (int r = 0; r < size; ++r) {
            parts.emplace_back(Shape{3 * r}, dtype, kind.device);
            out.push_back(vector_of(rank, rank + 2 * r, dtype, kind.device, 10 * r));
            in.emplace_back(Shape{r + 2 * rank}, dtype, kind.device);
          }
          group.all_gather(vector_of(rank, 3 * rank, dtype, kind.device), parts, Payload::parameter).wait();
          for (int r = 0; r < size; ++r) verdict.expect(is_vector_of(parts[r], r, 3 * r, dtype));
          group.all_to_all(out, in, Payload::gradient).wait();
          for (int r = 0; r < size; ++r) {
            verdict.expect(is_vector_of(in[r], r, r + 2 * rank, dtype, 10 * rank));
          }
          for (int root = 0; root < size; ++root) {
            Tensor x = vector_of(rank, 17, dtype, kind.device);
            group.broadcast(x, root, Payload::buffer).wait();
            verdict.expect(is_vector_of(x, root, 17, dtype));
            std::vector<Tensor> gathered;
            if (rank == root) {
              for (int r = 0; r < size; ++r) gathered.emplace_back(Shape{r + 1}, dtype, kind.device);
            }
            group.gather(vector_of(rank, rank + 1, dtype, kind.device), gathered, root, Payload::index).wait();
            for (int r = 0; rank == root && r < size; ++r) {
              verdict.expect(is_vector_of(gathered[r], r, r + 1, dtype));
            }
          }
          Tensor left({9}, dtype, kind.device), mine = vector_of(rank, 9, dtype, kind.device);
          for (int from = 0; size > 1 && from < size; ++from) {  // round the ring, one after the other
            int to = (from + 1) % size;
            if (rank == from) group.send(mine, to, Payload::control).wait();
            if (rank == to) group.recv(left, from, Payload::control).wait();
          }
          if (size > 1) verdict.expect(is_vector_of(left, (rank + size - 1) % size, 9, dtype));
        }
        group.barrier();
      });
      INFO(kind.name << ", " << size << " ranks");
      CHECK(verdict.wrong == 0);
    }
  }
}

TEST_CASE("collectives under way together finish in order, each with its own values", "[dist][group]") {
  for (const GroupKind& kind : group_kinds()) {
    Verdict verdict;
    int size = kind.fitting(5);
    kind.run(size, timeout, [&](Communicator& group) {
      std::vector<Tensor> vectors;
      std::vector<Work> works;
      for (int i = 0; i < 20; ++i) {
        vectors.push_back(vector_of(group.rank(), 100 + 7 * i, DType::f32, kind.device));
        works.push_back(i % 3 == 2 ? group.broadcast(vectors[i], i % size, Payload::parameter)
                                   : group.all_reduce(vectors[i], Reduce::sum, Payload::gradient));
      }
      for (int i = 19; i >= 0; --i) {
        works[i].wait();
        Reals expected =
            i % 3 == 2 ? values_of(vector_of(i % size, 100 + 7 * i, DType::f32)) : expected_sum(size, 100 + 7 * i);
        verdict.expect(values_of(vectors[i]) == expected);
        verdict.expect(works[i].done());
      }
    });
    CHECK(verdict.wrong == 0);
  }
}

TEST_CASE("a collective goes on while nobody waits for it", "[dist][group]") {
  for (const GroupKind& kind : group_kinds()) {
    Verdict verdict;
    kind.run(kind.fitting(3), timeout, [&](Communicator& group) {
      Tensor x = vector_of(group.rank(), 1 << 20, DType::f32, kind.device);
      Work work = group.all_reduce(x, Reduce::sum, Payload::gradient);
      for (int i = 0; i < 500 && !work.done(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      verdict.expect(work.done());
      double before = Work::waited_seconds();
      work.wait();
      verdict.expect(Work::waited_seconds() == before);
    });
    INFO(kind.name);
    CHECK(verdict.wrong == 0);
  }
}

TEST_CASE("payload is counted to the byte, by purpose and direction", "[dist][group]") {
  constexpr std::uint64_t count = 1003;
  for (const GroupKind& kind : group_kinds()) {
    int size = kind.fitting(4), root = size / 2;
    std::uint64_t others = size - 1;
    std::vector<Traffic> traffic(size);
    kind.run(size, timeout, [&](Communicator& group) {
      Tensor x = vector_of(group.rank(), count, DType::f32, kind.device);
      group.all_reduce(x, Reduce::mean, Payload::gradient).wait();
      group.broadcast(x, root, Payload::buffer).wait();
      std::vector<Tensor> parts;
      for (int r = 0; r < size; ++r) parts.emplace_back(Shape{r}, DType::bf16, kind.device);
      group.all_gather(vector_of(group.rank(), group.rank(), DType::bf16, kind.device), parts, Payload::index).wait();
      group.barrier();
      traffic[group.rank()] = group.traffic();
    });
    std::uint64_t sent = 0, received = 0, elements = size * others / 2;  // of all parts
    for (int r = 0; r < size; ++r) {
      if (!kind.here(r)) continue;
      std::uint64_t slice = 4 * (count * (r + 1) / size - count * r / size);
      CHECK(traffic[r].sent_by(Payload::gradient) == 4 * count - slice + others * slice);
      CHECK(traffic[r].received_by(Payload::gradient) == traffic[r].sent_by(Payload::gradient));
      CHECK(traffic[r].sent_by(Payload::buffer) == (r == root ? others * 4 * count : 0u));
      CHECK(traffic[r].received_by(Payload::buffer) == (r == root ? 0u : 4 * count));
      CHECK(traffic[r].sent_by(Payload::index) == others * 2 * r);
      CHECK(traffic[r].received_by(Payload::index) == 2 * (elements - r));
      CHECK(traffic[r].sent_by(Payload::control) == 0);
      sent += traffic[r].total_sent();
      received += traffic[r].total_received();
    }
    if (kind.only_rank >= 0) continue;
    CHECK(sent == received);
    CHECK(sent == 2 * others * 4 * count + others * 4 * count + others * 2 * elements);
  }
}

TEST_CASE("payload of scattered sums, exchanges, gathers and messages is counted to the byte", "[dist][group]") {
  constexpr std::uint64_t count = 1003;
  for (const GroupKind& kind : group_kinds()) {
    int size = kind.fitting(4), root = size / 2, end = size - 1;
    std::vector<Traffic> traffic(size);
    kind.run(size, timeout, [&](Communicator& group) {
      int rank = group.rank();
      Tensor x = vector_of(rank, count, DType::f32, kind.device), mine(slice_of(x, rank, size).spec());
      group.reduce_scatter(x, mine, Reduce::sum, Payload::parameter).wait();
      std::vector<Tensor> out, in, parts;
      for (int r = 0; r < size; ++r) {
        out.push_back(vector_of(rank, rank + 2 * r, DType::i32, kind.device));
        in.emplace_back(Shape{r + 2 * rank}, DType::i32, kind.device);
        if (rank == root) parts.emplace_back(Shape{r + 1}, DType::bf16, kind.device);
      }
      group.all_to_all(out, in, Payload::gradient).wait();
      group.gather(vector_of(rank, rank + 1, DType::bf16, kind.device), parts, root, Payload::index).wait();
      if (rank == 0 && end > 0) group.send(vector_of(0, 9, DType::f32, kind.device), end, Payload::state).wait();
      if (rank == end && end > 0) group.recv(Tensor({9}, DType::f32, kind.device), 0, Payload::state).wait();
      group.barrier();
      traffic[rank] = group.traffic();
    });
    INFO(kind.name);
    for (int r = 0; r < size; ++r) {
      if (!kind.here(r)) continue;
      const Traffic& t = traffic[r];
      std::uint64_t slice = 4 * (count * (r + 1) / size - count * r / size), out = 0, in = 0, parts = 0;
      for (int other = 0; other < size; ++other) {
        if (other == r) continue;
        out += 4 * (r + 2 * other);
        in += 4 * (other + 2 * r);
        parts += 2 * (other + 1);
      }
      CHECK(t.sent_by(Payload::parameter) == 4 * count - slice);
      CHECK(t.received_by(Payload::parameter) == (size - 1) * slice);
      CHECK(t.sent_by(Payload::gradient) == out);
      CHECK(t.received_by(Payload::gradient) == in);
      CHECK(t.sent_by(Payload::index) == (r == root ? 0u : 2u * (r + 1)));
      CHECK(t.received_by(Payload::index) == (r == root ? parts : 0u));
      CHECK(t.sent_by(Payload::state) == (r == 0 && end > 0 ? 36u : 0u));
      CHECK(t.received_by(Payload::state) == (r == end && end > 0 ? 36u : 0u));
    }
  }
}

TEST_CASE("a call that differs on one rank is an error that names it, on every rank", "[dist][group]") {
  struct Wrong {
    const char* text;
    std::function<void(Communicator&, Device)> call;
  };
  auto all_reduce = [](Communicator& group, const Tensor& x, Reduce how) {
    group.all_reduce(x, how, Payload::gradient).wait();
  };
  const Wrong wrongs[] = {
      {"all_reduce of 11 f32",
       [&](Communicator& g, Device d) { all_reduce(g, vector_of(0, 11, DType::f32, d), Reduce::sum); }},
      {"all_reduce of 10 bf16",
       [&](Communicator& g, Device d) { all_reduce(g, vector_of(0, 10, DType::bf16, d), Reduce::sum); }},
      {"broadcast of 10 f32, root 1",
       [](Communicator& g, Device d) { g.broadcast(vector_of(0, 10, DType::f32, d), 1, Payload::gradient).wait(); }},
      {"all_reduce of 10 f32",
       [&](Communicator& g, Device d) { all_reduce(g, vector_of(0, 10, DType::f32, d), Reduce::mean); }},
  };
  for (const GroupKind& kind : group_kinds()) {
    int size = kind.fitting(4), odd = size - 1;
    if (size < 2) continue;
    INFO(kind.name);
    for (const Wrong& wrong : wrongs) {
      auto errors = errors_of(kind, size, timeout, [&](Communicator& group) {
        if (group.rank() == odd) return wrong.call(group, kind.device);
        all_reduce(group, vector_of(group.rank(), 10, DType::f32, kind.device), Reduce::sum);
      });
      std::string named = fmt::format("rank {} calls {}", odd, wrong.text);
      for (int r = 0; r < size; ++r) {
        if (kind.here(r)) CHECK_THAT(errors[r], Catch::Contains("the ranks differ") && Catch::Contains(named));
      }
    }
    auto errors = errors_of(kind, size, timeout, [&](Communicator& group) {
      std::vector<Tensor> wanted;
      for (int r = 0; r < size; ++r) {
        Shape shape{r == 1 && group.rank() == 0 ? 6 : 5};
        wanted.push_back(Tensor(shape, DType::f32).copy_to(kind.device));
      }
      group.all_gather(vector_of(group.rank(), 5, DType::f32, kind.device), wanted, Payload::gradient).wait();
    });
    for (int r = 0; r < size; ++r) {
      if (kind.here(r)) CHECK_THAT(errors[r], Catch::Contains("rank 1 gives 5 elements, rank 0 expects 6"));
    }
  }
}

TEST_CASE("a sender and a receiver that do not fit are an error on both", "[dist][group]") {
  for (const GroupKind& kind : group_kinds()) {
    if (kind.fitting(2) < 2) continue;
    INFO(kind.name);
    auto errors = errors_of(kind, 2, timeout, [&](Communicator& group) {
      Tensor x = vector_of(0, group.rank() == 0 ? 10 : 12, DType::f32, kind.device);
      if (group.rank() == 0) return group.send(x, 1, Payload::state).wait();
      group.recv(x, 0, Payload::state).wait();
    });
    for (int r = 0; r < 2; ++r) {
      if (!kind.here(r)) continue;
      CHECK_THAT(errors[r], Catch::Contains("send of 10 f32") && Catch::Contains("recv of 12 f32"));
    }
  }
}

TEST_CASE("tensors that do not fit are refused before anything moves", "[dist][group]") {
  GroupKind kind = group_kinds()[0];
  if (kind.fitting(2) < 2) return;
  kind.run(2, timeout, [&](Communicator& group) {
    Tensor x = vector_of(0, 4, DType::f32, kind.device);
    auto refused = [&](const auto& call, const char* text) {
      try {
        call();
      } catch (const Error& error) {
        return std::strstr(error.what(), text) != nullptr;
      }
      return false;
    };
    bool good = refused([&] { group.broadcast(x, 2, Payload::control); }, "broadcast: expected a root from 0 to 1") &&
                refused([&] { group.send(x, group.rank(), Payload::control); }, "send: expected another rank") &&
                refused([&] { group.all_gather(x, {x}, Payload::control); }, "all_gather: expected 2 parts to get") &&
                refused([&] { group.reduce_scatter(x, {}, Reduce::sum, Payload::control); }, "expected a slice on") &&
                refused([&] { group.all_reduce({}, Reduce::sum, Payload::control); }, "expected a tensor");
    require(good, "test", "a call was not refused as it should be");
  });
}

TEST_CASE("a rank that throws or does not come is an error on the others, in time and by its name", "[dist][group]") {
  for (const GroupKind& kind : group_kinds()) {
    INFO(kind.name);
    int size = kind.fitting(4);
    if (size < 2) continue;
    auto reduce = [&](Communicator& group) {
      Tensor x = vector_of(group.rank(), 10, DType::f32, kind.device);
      group.all_reduce(x, Reduce::sum, Payload::gradient).wait();
    };
    auto errors = errors_of(kind, size, timeout, [&](Communicator& group) {
      group.barrier();
      if (group.rank() == 1) throw Error(ErrorKind::data, "loader: the file is gone");
      reduce(group);
    });
    for (int r = 0; r < size; ++r) {  // some may still be in the barrier, an all_gather
      if (!kind.here(r)) continue;
      if (r == 1) CHECK(errors[r] == "loader: the file is gone");
      if (r != 1) {
        CHECK_THAT(errors[r], Catch::StartsWith("all_") && Catch::EndsWith("rank 1 failed: loader: the file is gone"));
      }
    }
    auto start = std::chrono::steady_clock::now();
    errors = errors_of(kind, size, 1.0, [&](Communicator& group) {
      group.barrier();
      if (group.rank() == 1) return std::this_thread::sleep_for(std::chrono::seconds(3));
      reduce(group);
    });
    for (int r = 0; r < size; ++r) {
      if (!kind.here(r)) continue;
      if (r == 1) CHECK(errors[r].empty());
      if (r != 1) CHECK_THAT(errors[r], Catch::Equals("all_reduce: rank 1 did not come within 1.0 s"));
    }
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(6));
  }
}
