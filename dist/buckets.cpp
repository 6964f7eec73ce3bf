#include <stint/dist/buckets.h>

#include <algorithm>

namespace stint::dist {

Buckets::Buckets(const BlockTable& table, std::int64_t most_bytes) : dimension_(table.dimension()) {
  for (const Block& block : table.blocks()) {
    bool full = !segments_.empty() && most_bytes > 0 && (segments_.back().count + block.count) * 4 > most_bytes;
    if (segments_.empty() || full) {
      extent_ = pieces_of(extent_, alignment) * alignment;
      segments_.push_back({extent_, 0, count()});
    }
    pieces_.push_back({block.offset, extent_, block.count});
    segments_.back().count += block.count;
    extent_ += block.count;
  }
  extent_ = pieces_of(extent_, alignment) * alignment;
}

void Buckets::gather(const Tensor& flat, const Tensor& bucketed) const {
  for (const Piece& piece : pieces_) {
    bucketed.slice(piece.bucketed, piece.count).copy_from(flat.slice(piece.flat, piece.count));
  }
  for (const Segment& segment : segments_) {
    std::int64_t end = segment.begin + segment.count, padded = pieces_of(end, alignment) * alignment;
    if (padded > end) bucketed.slice(end, padded - end).zero();
  }
}

void Buckets::scatter(const Tensor& bucketed, const Tensor& flat) const {
  for (const Piece& piece : pieces_) {
    flat.slice(piece.flat, piece.count).copy_from(bucketed.slice(piece.bucketed, piece.count));
  }
}

std::int64_t Buckets::Shard::chunks() const {
  std::int64_t sum = 0;
  for (const Segment& s : segments) sum += pieces_of(s.count, chunk);
  return sum;
}

/// Ranks are cut at the chunk next to their even share, so that a chunk's sum never depends on N.
Buckets::Shard Buckets::shard(int rank, int size) const {
  auto cut = [&](int r) {
    std::int64_t even = extent_ * r / size;
    for (const Segment& s : segments_) {
      if (even >= s.begin + s.count) continue;
      if (even <= s.begin) return s.begin;
      return s.begin + (even - s.begin) / chunk * chunk;
    }
    return extent_;
  };
  std::int64_t begin = cut(rank), end = rank + 1 == size ? extent_ : cut(rank + 1);
  Shard result{begin, end - begin, {}};
  for (const Segment& s : segments_) {
    std::int64_t from = std::max(s.begin, begin), to = std::min(s.begin + s.count, end);
    if (from < to) result.segments.push_back({from - begin, to - from, s.bucket});
  }
  return result;
}

}  // namespace stint::dist
