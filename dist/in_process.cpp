#include <stint/dist/in_process.h>
#include <stint/dist/peer_group.h>

#include <thread>

namespace stint::dist {

namespace {

/// Where the workers of a group meet. A message is a tensor of the sender that the receiver copies from.
class Hub {
 public:
  Hub(int size, std::chrono::duration<double> timeout) : size_(size), timeout_(timeout), boxes_(2 * size * size) {}

  void put(int from, int to, PeerGroup::Channel channel, const Tensor& tensor) {
    std::unique_lock lock(mutex_);
    Box& box = box_of(from, to, channel);
    await(lock, to, [&] { return !box.full; });
    box = {tensor, true};
    changed_.notify_all();
  }

  void get(int from, int to, PeerGroup::Channel channel, const Tensor& tensor) {
    std::unique_lock lock(mutex_);
    Box& box = box_of(from, to, channel);
    await(lock, from, [&] { return box.full; });
    Tensor source = box.tensor;
    lock.unlock();
    tensor.copy_from(source);
    Stream::current(tensor.device()).synchronize();  // the sender goes on to use it
    lock.lock();
    box = {};
    changed_.notify_all();
  }

  /// Returns when `to` has taken what was put last.
  void settle(int from, int to, PeerGroup::Channel channel) {
    std::unique_lock lock(mutex_);
    await(lock, to, [&] { return !box_of(from, to, channel).full; });
  }

  void abort(const std::string& fault) {
    {
      std::lock_guard lock(mutex_);
      if (fault_.empty()) fault_ = fault;
    }
    changed_.notify_all();
  }

 private:
  struct Box {
    Tensor tensor;
    bool full = false;
  };

  Box& box_of(int from, int to, PeerGroup::Channel channel) {
    return boxes_[(static_cast<int>(channel) * size_ + from) * size_ + to];
  }

  template <typename Condition>
  void await(std::unique_lock<std::mutex>& lock, int peer, const Condition& condition) {
    bool in_time = changed_.wait_for(lock, timeout_, [&] { return !fault_.empty() || condition(); });
    if (condition()) return;
    if (!fault_.empty()) throw Error(ErrorKind::peer_lost, fault_);
    if (!in_time) {
      throw Error(ErrorKind::peer_lost, fmt::format("rank {} did not come within {:.1f} s", peer, timeout_.count()));
    }
  }

  int size_;
  std::chrono::duration<double> timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Box> boxes_;  // [channel, from, to]
  std::string fault_;       // what ended the group
};

class InProcess : public PeerGroup {
 public:
  InProcess(int rank, int size, std::shared_ptr<Hub> hub) : PeerGroup(rank, size), hub_(std::move(hub)) {}
  ~InProcess() override { finish(); }

  void abort(const Error& reason) override { hub_->abort(fault_text(rank(), reason)); }

 private:
  void exchange(const Messages& out, const Messages& in, Channel channel) override {
    for (const Message& message : out) hub_->put(rank(), message.peer, channel, message.tensor);
    for (const Message& message : in) hub_->get(message.peer, rank(), channel, message.tensor);
    for (const Message& message : out) hub_->settle(rank(), message.peer, channel);
  }

  std::shared_ptr<Hub> hub_;
};

}  // namespace

std::vector<std::unique_ptr<Communicator>> in_process(int size, std::chrono::duration<double> timeout) {
  auto hub = std::make_shared<Hub>(size, timeout);
  std::vector<std::unique_ptr<Communicator>> group;
  for (int rank = 0; rank < size; ++rank) group.push_back(std::make_unique<InProcess>(rank, size, hub));
  return group;
}

void run_workers(int size, std::chrono::duration<double> timeout, const std::function<void(Communicator&)>& worker) {
  auto group = in_process(size, timeout);
  std::mutex mutex;
  std::exception_ptr first;
  bool first_for_another = true;  // an error of its own says more, and may be noticed later
  auto work = [&](int rank) {
    try {
      worker(*group[rank]);
    } catch (const std::exception& error) {
      {
        std::lock_guard lock(mutex);
        bool for_another = as_error(error).kind() == ErrorKind::peer_lost;
        if (!first || (first_for_another && !for_another)) first = std::current_exception();
        first_for_another = first_for_another && for_another;
      }
      group[rank]->abort(as_error(error));
    }
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) threads.emplace_back(work, rank);
  for (std::thread& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace stint::dist
