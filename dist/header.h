#pragma once

#include <stint/dist/call.h>

namespace stint::dist {

/// What a rank says of a call before any data moves, so that a call that does not fit is an error on every rank instead
/// of a hang or worse.
struct Header {
  std::int64_t number = 0;  ///< of the collective; send and recv, which two ranks alone know of, are not counted
  Operation operation = Operation::all_reduce;
  DType dtype = DType::f32;
  Reduce reduce = Reduce::sum;
  int peer = -1;
  std::vector<std::int64_t> gives;  ///< elements for each rank; one entry where all get the same
  std::vector<std::int64_t> gets;   ///< elements from each rank; empty where that follows

  Header() = default;
  Header(const Call& call, std::int64_t number, int rank, int size);

  /// Always the same number of i32 words for a group.
  static std::int64_t words(int size) { return 6 + 4 * size; }
  Tensor encoded(int size) const;
  static Header decoded(const Tensor& words, int size);

  /// `all_reduce of 10 f32`
  std::string text() const;
};

/// What does not fit between the ranks' calls, as the rest of a sentence that names them; empty if all fit. Every rank
/// finds the same.
std::string mismatch(const std::vector<Header>& headers);
/// The same between a sender and a receiver.
std::string pair_mismatch(const Header& mine, int my_rank, const Header& theirs, int their_rank);

}  // namespace stint::dist
