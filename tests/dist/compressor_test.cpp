#include <stint/dist/compressor.h>
#include <stint/kernels/vector/vector.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "../op_case_tensors.h"

using namespace stint;
using namespace stint::dist;
using namespace stint::test;

namespace {

/// The parameters of the pre-activation ResNet of the LIEC-SGD paper, in registration order: 3x3 stem of 64 channels,
/// basic blocks (bn1, conv1, bn2, conv2, 1x1 shortcut where the shape changes), a linear head, no final norm.
BlockTable preact_resnet(const std::vector<int>& blocks, std::int64_t classes) {
  BlockTable table;
  int number = 0;
  auto add = [&](Shape shape) { table.add(std::to_string(number++), shape, true); };
  auto norm = [&](std::int64_t channels) {
    add({channels});
    add({channels});
  };
  add({64, 3, 3, 3});
  std::int64_t in = 64;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    std::int64_t out = 64 << stage;
    for (int b = 0; b < blocks[stage]; ++b) {
      norm(in);
      add({out, 3, 3, in});
      norm(out);
      add({out, 3, 3, out});
      if (b == 0 && stage > 0) add({out, 1, 1, in});
      in = out;
    }
  }
  add({classes, in});
  add({classes});
  return table;
}

BlockTable small_table() {
  BlockTable table;
  for (std::int64_t count : {5, 40, 100, 3, 64, 20000}) table.add(std::to_string(count), {count}, true);
  return table;
}

Tensor flat_of(const BlockTable& table, std::uint64_t number) {
  Tensor flat({table.extent()}, DType::f32);
  flat.zero();
  for (const Block& block : table.blocks()) {
    Reals values = random_reals(block.count, number + block.count);
    for (std::int64_t i = 0; i < block.count; ++i) flat.data<float>()[block.offset + i] = static_cast<float>(values[i]);
  }
  return flat;
}

std::vector<std::int64_t> sizes(const Buckets& buckets) {
  std::vector<std::int64_t> all;
  for (const Segment& segment : buckets.segments()) all.push_back(segment.count);
  return all;
}

}  // namespace

TEST_CASE("the authors' buckets: ten for ResNet-18, eighteen for ResNet-34", "[dist]") {
  BlockTable r18 = preact_resnet({2, 2, 2, 2}, 10), r34 = preact_resnet({3, 4, 6, 3}, 100);
  CHECK(r18.dimension() == 11171146);
  CHECK(r34.dimension() == 21325476);
  CHECK(preact_resnet({3, 4, 6, 3}, 10).dimension() == 21279306);
  CHECK(sizes(Buckets(r18, 5242880)) ==
        std::vector<std::int64_t>{970560, 1213440, 590336, 1180672, 2359296, 132096, 2359296, 1024, 2359296, 5130});
  CHECK(Buckets(r34, 5242880).count() == 18);
  CHECK(Buckets(r18, 52428800).count() == 1);
  CHECK(Buckets(r34, 52428800).count() == 2);
  CHECK(Buckets(r34, 524288000).count() == 1);
  CHECK(make_compressor("sign")->wire_bytes(Buckets(r18, 5242880)) == 1396436);
  CHECK(make_compressor("sign")->wire_bytes(Buckets(r18, 0)) == 4 * ((11171146 + 31) / 32) + 4);
}

TEST_CASE("bucketing keeps every element and leaves the padding", "[dist]") {
  BlockTable table = small_table();
  for (std::int64_t bytes : {0, 16, 600, 100000}) {
    Buckets buckets(table, bytes);
    Tensor flat = flat_of(table, 1), there({buckets.extent()}, DType::f32), back({table.extent()}, DType::f32);
    std::fill(there.data<float>(), there.data<float>() + there.count(), 9.0f);
    buckets.gather(flat, there);
    CHECK(squared_norm(there) == Approx(squared_norm(flat)));
    back.zero();
    buckets.scatter(there, back);
    CHECK(same_bits(back, flat));
    std::int64_t sum = 0;
    for (const Segment& s : buckets.segments()) {
      CHECK(s.begin % 32 == 0);
      sum += s.count;
    }
    CHECK(sum == table.dimension());
    for (int size = 1; size <= 8; ++size) {
      std::int64_t end = 0, count = 0;
      for (int r = 0; r < size; ++r) {
        auto shard = buckets.shard(r, size);
        CHECK(shard.begin == end);
        end += shard.extent;
        for (const Segment& s : shard.segments) count += s.count;
      }
      CHECK(end == buckets.extent());
      CHECK(count == table.dimension());
    }
  }
}

TEST_CASE("compressors: values, contraction, exact bytes", "[dist]") {
  BlockTable table = small_table();
  for (Device device : devices()) {
    for (std::int64_t bytes : {0, 600}) {
      Buckets buckets(table, bytes);
      Tensor x({buckets.extent()}, DType::f32);
      buckets.gather(flat_of(table, 2), x);
      Reals values = to_reals(x);
      x = x.copy_to(device);
      for (const char* name : {"identity", "bf16", "sign", "topk:0.1"}) {
        INFO(device.name() << " " << name << ", buckets of " << bytes);
        auto c = make_compressor(name);
        CHECK(c->name() == name);
        Compressed wire = c->make(buckets.whole(), buckets.count(), device);
        c->compress(buckets, x, wire);
        Tensor y({buckets.extent()}, DType::f32, device);
        c->decode(buckets.whole(), wire, 1, y, false);
        Reals decoded = to_reals(y);
        double error = 0, norm = 0;
        std::int64_t expected_bytes = 0;
        for (const Segment& s : buckets.segments()) {
          double l1 = 0, kept = std::max<double>(1, std::floor(0.1 * static_cast<double>(s.count)));
          for (std::int64_t i = s.begin; i < s.begin + s.count; ++i) l1 += std::abs(values[i]);
          std::int64_t nonzero = 0;
          for (std::int64_t i = s.begin; i < s.begin + s.count; ++i) {
            norm += values[i] * values[i];
            error += (values[i] - decoded[i]) * (values[i] - decoded[i]);
            nonzero += decoded[i] != 0;
            if (std::string(name) == "sign") {
              double scale = l1 / static_cast<double>(s.count);
              if (std::abs(decoded[i] - (values[i] < 0 ? -scale : scale)) > 1e-6) FAIL_CHECK("element " << i);
            }
          }
          if (std::string(name) == "topk:0.1") CHECK(nonzero == kept);
          expected_bytes += std::string(name) == "identity" ? 4 * s.count
                            : std::string(name) == "bf16"   ? 2 * s.count
                            : std::string(name) == "sign"   ? 4 * ((s.count + 31) / 32) + 4
                                                            : 8 * static_cast<std::int64_t>(kept);
        }
        CHECK(wire.bytes() == expected_bytes);
        CHECK(c->wire_bytes(buckets) == expected_bytes);
        if (std::string(name) == "identity") CHECK(error == 0);
        if (std::string(name) == "bf16") CHECK(error < 1e-4 * norm);
        CHECK(error < norm);
      }
    }
  }
}

TEST_CASE("a compressor that is none is refused with the forms that there are", "[dist]") {
  for (const char* text : {"", "signs", "topk", "topk:0", "topk:1.5", "topk:x"}) {
    CHECK_THROWS_WITH(make_compressor(text), Catch::Contains("identity, bf16, sign or topk:RATIO"));
  }
}
