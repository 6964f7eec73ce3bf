#pragma once

#include <stint/dist/traffic.h>
#include <stint/runtime/tensor.h>

#include <string>
#include <vector>

namespace stint::dist {

enum class Operation : std::uint8_t {
  all_reduce,
  reduce_scatter,
  all_gather,
  all_to_all,
  broadcast,
  gather,
  send,
  recv
};
std::string_view name_of(Operation operation);

/// Whether two ranks alone take part.
constexpr bool is_pair(Operation operation) {
  return operation == Operation::send || operation == Operation::recv;
}

/// How a reduction combines: the mean is the sum times 1/N, rounded once.
enum class Reduce : std::uint8_t { sum, mean };

/// One collective as one rank calls it. A vector that is cut between ranks is cut at `slice_begin`.
struct Call {
  Operation operation;
  Payload payload = Payload::control;
  Reduce reduce = Reduce::sum;
  int peer = -1;  ///< the root, or the other end of send and recv
  Tensor x;       ///< the vector of all_reduce, reduce_scatter, broadcast, send, recv; mine to give in gathers
  std::vector<Tensor> out;  ///< all_to_all: what each rank gets from me
  std::vector<Tensor> in;   ///< what I get from each rank; reduce_scatter: one tensor, my slice

  DType dtype() const;
  Device device() const;
};

/// First element of the slice of `count` elements that belongs to `rank`; `rank == size` gives `count`.
constexpr std::int64_t slice_begin(std::int64_t count, int rank, int size) {
  return count * rank / size;
}

/// The slice of a one-dimensional view of `x` that belongs to `rank`.
Tensor slice_of(const Tensor& x, int rank, int size);

/// Adds to `traffic` what the call moves. Exact for the direct algorithms: a reduction sends every other rank its piece
/// and returns one's own slice to all; a broadcast sends from the root to each.
void count_traffic(const Call& call, int rank, int size, Traffic& traffic);

/// Checks the call's tensors against each other. Errors: wrong numbers of parts, dtypes that differ, a rank out of
/// range.
void check_call(const Call& call, int rank, int size);

}  // namespace stint::dist
