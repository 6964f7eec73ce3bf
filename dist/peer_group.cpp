#include <stint/dist/header.h>
#include <stint/dist/peer_group.h>
#include <stint/dist/tree_sum.h>
#include <stint/kernels/dispatch.h>
#include <stint/runtime/parallel.h>

namespace stint::dist {

PeerGroup::PeerGroup(int rank, int size) : Communicator(rank, size), thread_([this] { serve(); }) {}

void PeerGroup::finish() {
  tasks_.close();
  if (thread_.joinable()) thread_.join();
}

Work PeerGroup::start(Call call) {
  Task task{.call = std::move(call), .ready = {}, .promise = std::make_shared<Work::Promise>()};
  task.ready.record(Stream::current(task.call.device()));
  Work work(task.promise);
  tasks_.push(std::move(task));
  return work;
}

void PeerGroup::serve() {
  set_thread_count(1);  // the cores belong to whoever computes
  PurposeScope purpose(Purpose::communication);
  while (auto task = tasks_.pop()) run(std::move(*task));
}

void PeerGroup::run(Task task) {
  std::exception_ptr error;
  std::string name(name_of(task.call.operation));
  try {
    if (broken_) throw Error(broken_kind_, "this group has ended: " + *broken_);
    if (task.call.device().type == Device::Type::cuda) task.ready.synchronize();
    carry_out(task.call);
    Stream::current(task.call.device()).synchronize();
  } catch (const std::exception& failure) {
    Error plain = as_error(failure), full(plain.kind(), name + ": " + plain.what());
    error = std::make_exception_ptr(full);
    if (!broken_) {
      broken_ = full.what();
      broken_kind_ = full.kind();
      abort(plain.kind() == ErrorKind::peer_lost ? plain : full);
    }
  }
  auto promise = std::move(task.promise);
  { Task done = std::move(task); }  // before they know: its tensors are the caller's alone again
  promise->finish(error);
}

void PeerGroup::carry_out(const Call& call) {
  if (!is_pair(call.operation)) ++collectives_;
  if (size() > 1) agree(Header(call, collectives_, rank(), size()), Channel::own);
  switch (call.operation) {
    case Operation::all_reduce:
      return all_reduce(call);
    case Operation::reduce_scatter:
      return reduce_slice(call, call.in[0]);
    case Operation::all_gather:
      return share(call.x, call.in);
    case Operation::all_to_all:
      return all_to_all(call.out, call.in);
    case Operation::broadcast:
      return broadcast(call);
    case Operation::gather:
      return gather(call);
    case Operation::send:
      return exchange({{call.peer, call.x}}, {});
    case Operation::recv:
      return exchange({}, {{call.peer, call.x}});
  }
}

/// Every rank learns every other's call before any data moves; a sender and a receiver only each other's.
void PeerGroup::agree(const Header& mine, Channel channel) {
  bool pair = is_pair(mine.operation);
  Tensor words = mine.encoded(size());
  std::vector<Tensor> received(size());
  Messages out, in;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank() || (pair && peer != mine.peer)) continue;
    received[peer] = Tensor(words.spec());
    out.push_back({peer, words});
    in.push_back({peer, received[peer]});
  }
  exchange(out, in, channel);
  std::string wrong;
  if (pair) {
    wrong = pair_mismatch(mine, rank(), Header::decoded(received[mine.peer], size()), mine.peer);
  } else {
    received[rank()] = words;
    std::vector<Header> headers;
    for (const Tensor& header : received) headers.push_back(Header::decoded(header, size()));
    wrong = mismatch(headers);
  }
  if (!wrong.empty()) throw Error(ErrorKind::runtime, "the ranks differ: " + wrong);
}

void PeerGroup::all_reduce(const Call& call) {
  std::vector<Tensor> slices;
  for (int r = 0; r < size(); ++r) slices.push_back(slice_of(call.x, r, size()));
  reduce_slice(call, slices[rank()]);
  share(slices[rank()], slices);
}

void PeerGroup::reduce_slice(const Call& call, const Tensor& mine) {
  Tensor own = slice_of(call.x, rank(), size());
  std::vector<Tensor> pieces(size());
  Messages out, in;
  for (int peer = 0; peer < size(); ++peer) {
    pieces[peer] = peer == rank() ? own : Tensor(own.spec());
    if (peer == rank()) continue;
    out.push_back({peer, slice_of(call.x, peer, size())});
    in.push_back({peer, pieces[peer]});
  }
  exchange(out, in);
  tree_sum(pieces, mine, call.reduce == Reduce::mean ? 1.0f / static_cast<float>(size()) : 1.0f);
}

void PeerGroup::share(const Tensor& mine, const std::vector<Tensor>& parts) {
  all_to_all(std::vector<Tensor>(size(), mine), parts);
}

void PeerGroup::all_to_all(const std::vector<Tensor>& out, const std::vector<Tensor>& in) {
  Messages to, from;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank()) continue;
    to.push_back({peer, out[peer]});
    from.push_back({peer, in[peer]});
  }
  if (in[rank()].raw() != out[rank()].raw()) in[rank()].copy_from(out[rank()]);
  exchange(to, from);
}

void PeerGroup::broadcast(const Call& call) {
  if (rank() != call.peer) return exchange({}, {{call.peer, call.x}});
  Messages out;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer != rank()) out.push_back({peer, call.x});
  }
  exchange(out, {});
}

void PeerGroup::gather(const Call& call) {
  if (rank() != call.peer) return exchange({{call.peer, call.x}}, {});
  Messages in;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer != rank()) in.push_back({peer, call.in[peer]});
  }
  if (call.in[rank()].raw() != call.x.raw()) call.in[rank()].copy_from(call.x);
  exchange({}, in);
}

}  // namespace stint::dist
