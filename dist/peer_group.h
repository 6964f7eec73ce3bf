#pragma once

#include <stint/dist/communicator.h>
#include <stint/dist/task_queue.h>
#include <stint/runtime/stream.h>

#include <thread>

namespace stint::dist {

/// A communicator whose collectives are made of messages between pairs of ranks, carried out one after the other by a
/// thread of its own, which plays the part of a CUDA stream: that is what lets them overlap with computation. The order
/// of a reduction is fixed: every rank receives the N pieces of its slice and adds them as a binary tree by rank, then
/// all gather. So two groups that differ only in how bytes travel compute the same bits.
class PeerGroup : public Communicator {
 public:
  /// Its own calls, or those of what carries calls beside it.
  enum class Channel : std::uint8_t { own, beside };

  PeerGroup(int rank, int size);
  ~PeerGroup() override { finish(); }  // for a derived class whose constructor has failed

  void agree(const Header& mine) override { agree(mine, Channel::beside); }

 protected:
  struct Message {
    int peer;
    Tensor tensor;
  };
  using Messages = std::vector<Message>;

  /// Sends and receives all of these; returns when the tensors may be used again. Messages between two ranks on one
  /// channel arrive in the order of the exchanges. One thread at a time calls it for a channel.
  virtual void exchange(const Messages& out, const Messages& in, Channel channel) = 0;

  /// Finishes what was called and ends the thread: the first thing that a derived destructor does.
  void finish();

 private:
  struct Task {
    Call call;
    Event ready;  // on CUDA: the caller's work before the call
    std::shared_ptr<Work::Promise> promise;
  };

  Work start(Call call) override;
  void serve();
  void run(Task task);
  void carry_out(const Call& call);
  void agree(const Header& mine, Channel channel);
  void exchange(const Messages& out, const Messages& in) { exchange(out, in, Channel::own); }

  void all_reduce(const Call& call);
  void reduce_slice(const Call& call, const Tensor& mine);
  void share(const Tensor& mine, const std::vector<Tensor>& parts);
  void all_to_all(const std::vector<Tensor>& out, const std::vector<Tensor>& in);
  void broadcast(const Call& call);
  void gather(const Call& call);

  std::int64_t collectives_ = 0;
  TaskQueue<Task> tasks_;
  std::optional<std::string> broken_;  // of the communication thread
  ErrorKind broken_kind_ = ErrorKind::runtime;
  std::thread thread_;
};

}  // namespace stint::dist
