#pragma once

#include <stint/dist/buckets.h>

#include <memory>
#include <string>

namespace stint::dist {

/// A compressed vector: what goes over the wire, and nothing else does. `codes` count as the vector's own payload,
/// `side` as Payload::index: a scale a bucket, or the places of the values.
struct Compressed {
  Tensor codes;
  Tensor side;  ///< may be of no elements

  std::int64_t bytes() const { return static_cast<std::int64_t>(codes.bytes() + side.bytes()); }
};

/// C[.] on bucketed f32 vectors, without any memory of errors: whoever uses it keeps those.
class Compressor {
 public:
  virtual ~Compressor() = default;
  virtual std::string name() const = 0;

  /// Memory for a compressed shard (of a vector of `buckets` buckets). Its sizes are those of every such vector.
  virtual Compressed make(const Buckets::Shard& shard, int buckets, Device device) const = 0;

  /// Whether a shard can be compressed as a part of the whole; if not (top-k), the vector must be in one place.
  virtual bool by_chunks() const = 0;
  /// Whether `side` holds scales: made by `fill_scales` from the chunk sums of the whole vector before `encode`.
  virtual bool scaled() const { return false; }
  /// What a shard contributes to the scales of the buckets: one f32 a chunk, in order.
  virtual Tensor chunk_sums(const Buckets::Shard&, const Tensor&) const { return {}; }
  virtual void fill_scales(const Buckets&, const Tensor&, const Tensor&) const {}

  /// out.codes (and places) <- the shard.
  virtual void encode(const Buckets::Shard& shard, const Tensor& x, const Compressed& out) const = 0;
  /// y <- y + factor * C[x], or factor * C[x] alone. What fills a bucket's last word is left or made zero.
  virtual void decode(const Buckets::Shard& shard, const Compressed& in, float factor, const Tensor& y,
                      bool accumulate) const = 0;

  /// The whole vector: sums, scales, codes.
  void compress(const Buckets& buckets, const Tensor& x, const Compressed& out) const;

  /// Bytes of a compressed vector: a figure for plans, equal to `make(...).bytes()`.
  std::int64_t wire_bytes(const Buckets& buckets) const;
};

/// `sign`, `topk:RATIO`, `bf16` or `identity`. Errors (ErrorKind::usage): another text.
std::unique_ptr<Compressor> make_compressor(const std::string& text);

/// The ways to write a compressor, for messages.
inline constexpr const char* compressor_forms = "identity, bf16, sign or topk:RATIO with a ratio in (0, 1]";

}  // namespace stint::dist
