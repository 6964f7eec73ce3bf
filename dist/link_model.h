#pragma once

#include <stint/dist/communicator.h>

#include <map>
#include <mutex>
#include <string>

namespace stint::dist {

/// A network between workers that are threads of one process: a collective starts when the last worker has called it
/// and the one before is done, and takes latency for every message that has to follow another plus the bytes of the
/// busiest direction of a worker over the bandwidth.
struct LinkModel {
  double bytes_per_second = 0;
  double latency = 0;  ///< seconds

  /// `bandwidth=1Gbps,latency=50us`; bandwidth in bps, kbps, Mbps or Gbps, latency in s, ms or us. Errors
  /// (ErrorKind::usage): another text.
  static LinkModel parse(const std::string& text);

  double seconds(Operation operation, std::uint64_t sent, std::uint64_t received) const;
};

/// What the workers of one process share of the emulated network.
class EmulatedNet {
 public:
  EmulatedNet(LinkModel link, int size) : link_(link), size_(size) {}

  /// Worker calls its collective number `number` at `time`; the cost is the largest of all workers'.
  void post(std::int64_t number, double time, double cost);
  /// When it is done. Every worker has posted it. Waits for nobody.
  double done(std::int64_t number);
  /// The network is free when collective `number` (0: none) is done: what was called since takes no time of it. Every
  /// worker has posted `number`, and says this with the same number before it posts another.
  void free_after(std::int64_t number);

  const LinkModel& link() const { return link_; }

 private:
  struct Entry {
    int posted = 0;
    double start = 0;
    double cost = 0;
    double end = 0;
  };
  LinkModel link_;
  int size_;
  std::mutex mutex_;
  std::map<std::int64_t, Entry> entries_;
  double free_ = 0;  // when the network is free again
};

/// A group of threads behind an emulated network: values and payload are the inner group's; beside it runs an
/// *emulated* clock, in which computing takes the time that was measured and communication what the link model says.
class EmulatedGroup : public Communicator {
 public:
  /// What computing takes. `thread`: the processor time of the worker's thread, for one that computes there alone; who
  /// else is on the machine does not lengthen it, nor do loaders that work beside it. `wall`: time passed, less real
  /// waiting for other workers and for a core that they have.
  enum class Clock { thread, wall };

  EmulatedGroup(Communicator& inner, std::shared_ptr<EmulatedNet> net, Clock clock);

  /// Seconds of the emulated clock since the start, and how many of them this worker has waited.
  double seconds() const;
  double waited_seconds() const { return waited_; }
  /// What follows, to `set_clock`, is not of the run: an evaluation, a checkpoint.
  void leave_run() { of_run_ = number_; }
  /// Sets the clock, and with it the network: back to where the run was left, or to where an earlier run stopped.
  void set_clock(double time, double waited) {
    skew_ -= seconds() - time;
    waited_ = waited;
    net_->free_after(of_run_);
  }

  void abort(const Error& reason) override { inner_.abort(reason); }

 private:
  Work start(Call call) override;
  double computed_seconds() const;

  Communicator& inner_;
  std::shared_ptr<EmulatedNet> net_;
  Clock clock_;
  double started_;
  double skew_ = 0;  // emulated waiting so far, less what was taken back
  double waited_ = 0;
  std::int64_t number_ = 0;
  std::int64_t of_run_ = 0;  // the last collective before the run was left
};

}  // namespace stint::dist
