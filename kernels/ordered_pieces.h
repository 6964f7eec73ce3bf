#pragma once

#include <stint/runtime/parallel.h>

#include <atomic>

/// For the CPU: pieces of a tensor that several threads work on at once although each must know the sum over those
/// before it. Pieces are begun in order, and a piece waits for the one before it only once it has counted its own, so
/// that nobody waits long and a piece small enough for a cache is read from memory once.
namespace stint {

template <typename Sum>
class OrderedPieces {
 public:
  explicit OrderedPieces(std::int64_t count) : count_(count) {}

  /// Calls body(piece) for every piece; each must call `before` once.
  template <typename Body>
  void run(const Body& body) {
    parallel_for(count_, 1, [&](std::int64_t, std::int64_t) {  // who is faster does more pieces
      for (std::int64_t piece; (piece = next_.fetch_add(1)) < count_;) body(piece);
    });
  }

  /// The sum over the pieces before this one, whose own is `own`.
  Sum before(std::int64_t piece, const Sum& own) {
    for (std::int64_t turn; (turn = turn_.load(std::memory_order_acquire)) != piece;) turn_.wait(turn);
    Sum before = sum_;
    sum_ = before + own;
    turn_.store(piece + 1, std::memory_order_release);
    turn_.notify_all();
    return before;
  }

  /// Over all of them, behind `run`.
  const Sum& total() const { return sum_; }

 private:
  std::int64_t count_;
  std::atomic<std::int64_t> next_ = 0, turn_ = 0;
  Sum sum_{};  // of the pieces before `turn_`
};

}  // namespace stint
