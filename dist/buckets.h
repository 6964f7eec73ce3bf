#pragma once

#include <stint/runtime/block_table.h>
#include <stint/runtime/tensor.h>

#include <vector>

namespace stint::dist {

/// ceil(count / piece)
constexpr std::int64_t pieces_of(std::int64_t count, std::int64_t piece) {
  return (count + piece - 1) / piece;
}

/// A stretch of a bucketed vector that lies within one bucket.
struct Segment {
  std::int64_t begin;  ///< in the vector it is a segment of; a multiple of `Buckets::alignment`
  std::int64_t count;
  int bucket;
};

/// Where the elements of R^d lie when a compressor looks at them: the tensors of a block table without the padding
/// between them, cut into buckets of whole tensors, each bucket starting at a multiple of 32 elements.
class Buckets {
 public:
  static constexpr std::int64_t alignment = 32;  ///< a word of signs
  static constexpr std::int64_t chunk = 16384;   ///< vectors are cut between ranks at multiples of this in a bucket

  /// LIEC-SGD's rule: tensors in their order; a bucket is closed when the next tensor would make it larger than
  /// `most_bytes` (as f32), unless it is empty; a tensor that is larger sits alone. 0: one bucket for everything.
  Buckets(const BlockTable& table, std::int64_t most_bytes);

  int count() const { return static_cast<int>(segments_.size()); }
  const std::vector<Segment>& segments() const { return segments_; }  ///< one a bucket
  std::int64_t extent() const { return extent_; }                     ///< elements of a bucketed vector
  std::int64_t dimension() const { return dimension_; }               ///< of R^d

  /// bucketed [extent] f32 <- flat, which has the table's padding. What fills a bucket's last word is zero.
  void gather(const Tensor& flat, const Tensor& bucketed) const;
  /// The inverse. The padding of `flat` stays as it is.
  void scatter(const Tensor& bucketed, const Tensor& flat) const;

  /// What rank r of N looks after: a stretch of the vector from `begin` on, and its segments, counted from there.
  struct Shard {
    std::int64_t begin = 0;
    std::int64_t extent = 0;
    std::vector<Segment> segments;

    std::int64_t chunks() const;
  };
  Shard shard(int rank, int size) const;
  /// All of it.
  Shard whole() const { return {0, extent_, segments_}; }

 private:
  struct Piece {
    std::int64_t flat, bucketed, count;
  };
  std::vector<Piece> pieces_;  // one a tensor
  std::vector<Segment> segments_;
  std::int64_t extent_ = 0;
  std::int64_t dimension_ = 0;
};

}  // namespace stint::dist
