#pragma once

#include <stint/dist/header.h>
#include <stint/dist/work.h>

#include <memory>

namespace stint::dist {

/// A group of N ranks that exchange tensors. Every rank calls the same collectives in the same order; each call returns
/// at once, calls are carried out in order, and `Work::wait` says when one is done. This face checks the call and
/// counts its payload; what carries it lies behind `start`. One thread calls a communicator.
/// Errors, from the call: tensors that do not fit together. From `wait`: a rank that called something else
/// (ErrorKind::runtime, on every rank, naming both calls); a rank that failed, left or did not come in time
/// (ErrorKind::peer_lost, naming rank and collective). After any error the communicator is of no more use.
class Communicator {
 public:
  Communicator(int rank, int size) : rank_(rank), size_(size) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// x <- the sum (or mean) of every rank's x. Same count everywhere.
  Work all_reduce(const Tensor& x, Reduce reduce, Payload payload);
  /// mine <- this rank's slice (`slice_of`) of the sum (or mean) of every rank's x, which may be overwritten.
  Work reduce_scatter(const Tensor& x, const Tensor& mine, Reduce reduce, Payload payload);
  /// parts[r] <- rank r's `mine`. Counts may differ between ranks.
  Work all_gather(const Tensor& mine, const std::vector<Tensor>& parts, Payload payload);
  /// in[r] <- what rank r has in out[this rank].
  Work all_to_all(const std::vector<Tensor>& out, const std::vector<Tensor>& in, Payload payload);
  /// x <- the root's x.
  Work broadcast(const Tensor& x, int root, Payload payload);
  /// On the root: parts[r] <- rank r's `mine`; elsewhere `parts` is empty.
  Work gather(const Tensor& mine, const std::vector<Tensor>& parts, int root, Payload payload);
  Work send(const Tensor& x, int to, Payload payload);
  Work recv(const Tensor& x, int from, Payload payload);

  /// Any of these, as a value.
  Work call(Call what);

  /// Returns when every rank has called it.
  void barrier();

  const Traffic& traffic() const { return traffic_; }
  /// For a resumed run, which goes on counting.
  void set_traffic(const Traffic& traffic) { traffic_ = traffic; }

  /// Ends the group: calls under way and later ones fail, here and on the other ranks, giving the reason. It is this
  /// rank's failure, unless it is of ErrorKind::peer_lost: then it is already another's.
  virtual void abort(const Error& reason) = 0;

  /// What went wrong first in the group, as far as anybody has noticed: `rank 2 is gone: ...`. Empty: nothing is known.
  /// May be asked by any thread.
  virtual std::string fault() { return ""; }

  /// For what waits beside this group, for all of its ranks, and has waited too long: says so to the others, and
  /// returns the fault, by the name of a rank that does not wait. Empty: this group cannot know. May be asked by any
  /// thread.
  virtual std::string late() { return ""; }

  /// For what carries calls beside this group, for all of its ranks: returns when the others have said which call each
  /// of them makes. Errors (ErrorKind::runtime): theirs do not fit to `mine`; the message names both. Others as those
  /// of `wait`. May be asked by one thread beside the one that calls. A group that knows nothing of others' calls
  /// compares nothing.
  virtual void agree(const Header& mine) { static_cast<void>(mine); }

 private:
  virtual Work start(Call call) = 0;

  int rank_;
  int size_;
  Traffic traffic_;
};

/// What the other ranks are told when `rank` ends a group for that reason.
inline std::string fault_text(int rank, const Error& reason) {
  bool own = reason.kind() != ErrorKind::peer_lost;
  return own ? fmt::format("rank {} failed: {}", rank, reason.what()) : reason.what();
}

}  // namespace stint::dist
