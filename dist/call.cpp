#include <stint/dist/call.h>

namespace stint::dist {

std::string_view name_of(Operation operation) {
  constexpr std::string_view names[] = {"all_reduce", "reduce_scatter", "all_gather", "all_to_all",
                                        "broadcast",  "gather",         "send",       "recv"};
  return names[static_cast<int>(operation)];
}

DType Call::dtype() const {
  if (x) return x.dtype();
  for (const auto* parts : {&out, &in}) {
    for (const Tensor& part : *parts) {
      if (part) return part.dtype();
    }
  }
  return DType::u8;
}

Device Call::device() const {
  return x ? x.device() : !out.empty() ? out[0].device() : Device::cpu();
}

Tensor slice_of(const Tensor& x, int rank, int size) {
  std::int64_t begin = slice_begin(x.count(), rank, size);
  return x.slice(begin, slice_begin(x.count(), rank + 1, size) - begin);
}

namespace {

std::uint64_t bytes_of(const std::vector<Tensor>& parts, int without) {
  std::uint64_t sum = 0;
  for (std::size_t r = 0; r < parts.size(); ++r) {
    if (static_cast<int>(r) != without) sum += parts[r].bytes();
  }
  return sum;
}

struct Moved {
  std::uint64_t sent = 0, received = 0;
};

Moved moved_by(const Call& call, int rank, int size) {
  auto others = static_cast<std::uint64_t>(size - 1);
  switch (call.operation) {
    case Operation::all_reduce: {
      std::uint64_t mine = slice_of(call.x, rank, size).bytes(), rest = call.x.bytes() - mine;
      return {rest + others * mine, others * mine + rest};
    }
    case Operation::reduce_scatter: {
      std::uint64_t mine = slice_of(call.x, rank, size).bytes();
      return {call.x.bytes() - mine, others * mine};
    }
    case Operation::all_gather:
      return {others * call.x.bytes(), bytes_of(call.in, rank)};
    case Operation::all_to_all:
      return {bytes_of(call.out, rank), bytes_of(call.in, rank)};
    case Operation::broadcast:
      return rank == call.peer ? Moved{others * call.x.bytes(), 0} : Moved{0, call.x.bytes()};
    case Operation::gather:
      return rank == call.peer ? Moved{0, bytes_of(call.in, rank)} : Moved{call.x.bytes(), 0};
    case Operation::send:
      return {call.x.bytes(), 0};
    case Operation::recv:
      return {0, call.x.bytes()};
  }
  return {};
}

void check_parts(const Call& call, std::string_view what, const std::vector<Tensor>& parts, int size) {
  std::string_view name = name_of(call.operation);
  require(static_cast<int>(parts.size()) == size, name, "expected {} {}, one a rank, got {}", size, what, parts.size());
  for (const Tensor& part : parts) {
    require(part && part.dtype() == call.dtype() && part.device() == call.device(), name, "expected {} of {} on {}",
            what, name_of(call.dtype()), call.device().name());
  }
}

}  // namespace

void count_traffic(const Call& call, int rank, int size, Traffic& traffic) {
  Moved moved = moved_by(call, rank, size);
  traffic.sent[static_cast<int>(call.payload)] += moved.sent;
  traffic.received[static_cast<int>(call.payload)] += moved.received;
}

void check_call(const Call& call, int rank, int size) {
  std::string_view name = name_of(call.operation);
  bool pair = is_pair(call.operation);
  bool rooted = call.operation == Operation::broadcast || call.operation == Operation::gather;
  require(call.x || call.operation == Operation::all_to_all, name, "expected a tensor, got none");
  require(!rooted || (call.peer >= 0 && call.peer < size), name, "expected a root from 0 to {}, got {}", size - 1,
          call.peer);
  require(!pair || (call.peer >= 0 && call.peer < size && call.peer != rank), name,
          "expected another rank from 0 to {}, got {}", size - 1, call.peer);
  if (call.operation == Operation::all_to_all) check_parts(call, "parts to give", call.out, size);
  if (call.operation == Operation::all_to_all || call.operation == Operation::all_gather ||
      (call.operation == Operation::gather && rank == call.peer)) {
    check_parts(call, "parts to get", call.in, size);
    std::int64_t mine = call.operation == Operation::all_to_all ? call.out[rank].count() : call.x.count();
    require(call.in[rank].count() == mine, name, "expected {} elements in the own part, got {}", mine,
            call.in[rank].count());
  }
  if (call.operation == Operation::reduce_scatter) {
    std::int64_t mine = slice_of(call.x, rank, size).count();
    require(call.in[0] && call.in[0].device() == call.x.device(), name, "expected a slice on {}",
            call.x.device().name());
    require(call.in[0].count() == mine && call.in[0].dtype() == call.x.dtype(), name,
            "expected a slice of {} {}, got {} {}", mine, name_of(call.x.dtype()), call.in[0].count(),
            name_of(call.in[0].dtype()));
  }
}

}  // namespace stint::dist
