#include <stint/dist/compressors.h>
#include <stint/kernels/sign_codes/sign_codes.h>
#include <stint/kernels/top_k/top_k.h>
#include <stint/kernels/vector/vector.h>

#include <algorithm>

namespace stint::dist {

// Cast

Compressed Cast::make(const Buckets::Shard& shard, int, Device device) const {
  std::int64_t count = 0;
  for (const Segment& s : shard.segments) count += s.count;
  return {Tensor({count}, dtype_, device), Tensor({0}, DType::f32, device)};
}

void Cast::encode(const Buckets::Shard& shard, const Tensor& x, const Compressed& out) const {
  std::int64_t at = 0;
  for (const Segment& s : shard.segments) {
    add_to(x.slice(s.begin, s.count), out.codes.slice(at, s.count), false);
    at += s.count;
  }
}

void Cast::decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
                  bool accumulate) const {
  std::int64_t at = 0;
  if (!accumulate) y.zero();
  for (const Segment& s : shard.segments) {
    axpy(factor, in.codes.slice(at, s.count), y.slice(s.begin, s.count));
    at += s.count;
  }
}

// ScaledSign

Compressed ScaledSign::make(const Buckets::Shard& shard, int buckets, Device device) const {
  return {Tensor({shard.extent / sign_bits}, DType::i32, device), Tensor({buckets}, DType::f32, device)};
}

Tensor ScaledSign::chunk_sums(const Buckets::Shard& shard, const Tensor& x) const {
  Tensor sums({shard.chunks()}, DType::f32, x.device());
  std::int64_t at = 0;
  for (const Segment& s : shard.segments) {
    std::int64_t here = pieces_of(s.count, Buckets::chunk);
    l1_of_chunks(x.slice(s.begin, s.count), Buckets::chunk, sums.slice(at, here));
    at += here;
  }
  return sums;
}

void ScaledSign::fill_scales(const Buckets& buckets, const Tensor& sums, const Tensor& side) const {
  Tensor here = sums.copy_to(Device::cpu()), scales({buckets.count()}, DType::f32);
  const float* sum = here.data<float>();
  for (const Segment& s : buckets.segments()) {
    double l1 = 0;
    for (std::int64_t c = pieces_of(s.count, Buckets::chunk); c > 0; --c) l1 += *sum++;
    scales.data<float>()[s.bucket] = static_cast<float>(l1 / static_cast<double>(s.count));
  }
  side.copy_from(scales);
}

void ScaledSign::encode(const Buckets::Shard&, const Tensor& x, const Compressed& out) const {
  pack_signs(x, out.codes);  // what fills a bucket's last word is zero, and so are its bits
}

void ScaledSign::decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
                        bool accumulate) const {
  Tensor scales = in.side.copy_to(Device::cpu());
  for (const Segment& s : shard.segments) {
    unpack_signs(in.codes.slice(s.begin / sign_bits, pieces_of(s.count, sign_bits)),
                 factor * scales.data<float>()[s.bucket], y.slice(s.begin, s.count), accumulate);
  }
}

// TopK

std::string TopK::name() const {
  return fmt::format("topk:{}", ratio_);
}

std::int64_t TopK::kept(std::int64_t count) const {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(ratio_ * static_cast<double>(count)));
}

Compressed TopK::make(const Buckets::Shard& shard, int, Device device) const {
  std::int64_t count = 0;
  for (const Segment& s : shard.segments) count += kept(s.count);
  return {Tensor({count}, DType::f32, device), Tensor({count}, DType::i32, device)};
}

void TopK::encode(const Buckets::Shard& shard, const Tensor& x, const Compressed& out) const {
  std::int64_t at = 0;
  for (const Segment& s : shard.segments) {
    std::int64_t k = kept(s.count);
    top_k(x.slice(s.begin, s.count), out.codes.slice(at, k), out.side.slice(at, k));
    at += k;
  }
}

void TopK::decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
                  bool accumulate) const {
  std::int64_t at = 0;
  if (!accumulate) y.zero();
  for (const Segment& s : shard.segments) {
    std::int64_t k = kept(s.count);
    scatter_add(in.codes.slice(at, k), in.side.slice(at, k), factor, y.slice(s.begin, s.count));
    at += k;
  }
}

}  // namespace stint::dist
