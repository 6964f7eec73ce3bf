#pragma once

#include <stint/dist/compressor.h>

namespace stint::dist {

/// The values in f32 (the identity) or rounded to bf16.
class Cast : public Compressor {
 public:
  explicit Cast(DType dtype) : dtype_(dtype) {}

  std::string name() const override { return dtype_ == DType::f32 ? "identity" : "bf16"; }
  Compressed make(const Buckets::Shard& shard, int buckets, Device device) const override;
  bool by_chunks() const override { return true; }
  void encode(const Buckets::Shard& shard, const Tensor& x, const Compressed& out) const override;
  void decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
              bool accumulate) const override;

 private:
  DType dtype_;
};

/// C[v] = (||v||_1 / m) sgn(v) for each bucket of m elements, with sgn(0) = +1: a bit an element and a scale a bucket,
/// 4 ceil(m/32) + 4 bytes. A contraction with delta = ||v||_1^2 / (m ||v||_2^2) (LIEC-SGD, section 4's operator).
class ScaledSign : public Compressor {
 public:
  std::string name() const override { return "sign"; }
  Compressed make(const Buckets::Shard& shard, int buckets, Device device) const override;
  bool by_chunks() const override { return true; }
  bool scaled() const override { return true; }
  Tensor chunk_sums(const Buckets::Shard& shard, const Tensor& x) const override;
  void fill_scales(const Buckets& buckets, const Tensor& sums, const Tensor& side) const override;
  void encode(const Buckets::Shard& shard, const Tensor& x, const Compressed& out) const override;
  void decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
              bool accumulate) const override;
};

/// Of each bucket of m elements the max(1, floor(ratio m)) largest in magnitude, as values and int32 places in their
/// bucket: 8 bytes each.
class TopK : public Compressor {
 public:
  explicit TopK(double ratio) : ratio_(ratio) {}

  std::string name() const override;
  Compressed make(const Buckets::Shard& shard, int buckets, Device device) const override;
  bool by_chunks() const override { return false; }
  void encode(const Buckets::Shard& shard, const Tensor& x, const Compressed& out) const override;
  void decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
              bool accumulate) const override;

 private:
  std::int64_t kept(std::int64_t count) const;

  double ratio_;
};

}  // namespace stint::dist
