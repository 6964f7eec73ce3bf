#include <stint/dist/header.h>

#include <numeric>

namespace stint::dist {

namespace {

std::vector<std::int64_t> counts_of(const std::vector<Tensor>& parts) {
  std::vector<std::int64_t> counts;
  for (const Tensor& part : parts) counts.push_back(part.count());
  return counts;
}

void put(std::int32_t*& at, std::int64_t value) {
  *at++ = static_cast<std::int32_t>(value);
  *at++ = static_cast<std::int32_t>(value >> 32);
}

std::int64_t take(const std::int32_t*& at) {
  auto low = static_cast<std::uint32_t>(*at++);
  return static_cast<std::int64_t>(*at++) << 32 | low;
}

/// An absent count is -1 on the wire.
std::int64_t entry(const std::vector<std::int64_t>& counts, int i) {
  return i < static_cast<int>(counts.size()) ? counts[i] : -1;
}

bool same_call(const Header& a, const Header& b) {
  bool rooted = a.operation == Operation::broadcast || a.operation == Operation::gather;
  bool same_count = a.operation != Operation::all_reduce && a.operation != Operation::reduce_scatter &&
                    a.operation != Operation::broadcast;
  return a.number == b.number && a.operation == b.operation && a.dtype == b.dtype && a.reduce == b.reduce &&
         (!rooted || a.peer == b.peer) && (same_count || a.gives == b.gives);
}

/// What `from` gives to rank `to`.
std::int64_t given(const Header& from, int to) {
  return from.operation == Operation::all_to_all ? entry(from.gives, to) : entry(from.gives, 0);
}

}  // namespace

Header::Header(const Call& call, std::int64_t number_, int rank, int size)
    : number(number_), operation(call.operation), dtype(call.dtype()), reduce(call.reduce), peer(call.peer) {
  gives = operation == Operation::all_to_all ? counts_of(call.out) : std::vector<std::int64_t>{call.x.count()};
  bool gathers = operation == Operation::all_gather || operation == Operation::all_to_all ||
                 (operation == Operation::gather && rank == call.peer);
  if (gathers) gets = counts_of(call.in);
  gives.resize(size, -1);
  gets.resize(size, -1);
}

Tensor Header::encoded(int size) const {
  Tensor tensor({words(size)}, DType::i32);
  std::int32_t* at = tensor.data<std::int32_t>();
  put(at, number);
  *at++ = static_cast<std::int32_t>(operation);
  *at++ = static_cast<std::int32_t>(dtype);
  *at++ = static_cast<std::int32_t>(reduce);
  *at++ = peer;
  for (int i = 0; i < size; ++i) put(at, entry(gives, i));
  for (int i = 0; i < size; ++i) put(at, entry(gets, i));
  return tensor;
}

Header Header::decoded(const Tensor& words, int size) {
  const std::int32_t* at = words.data<std::int32_t>();
  Header header;
  header.number = take(at);
  header.operation = static_cast<Operation>(*at++);
  header.dtype = static_cast<DType>(*at++);
  header.reduce = static_cast<Reduce>(*at++);
  header.peer = *at++;
  for (int i = 0; i < size; ++i) header.gives.push_back(take(at));
  for (int i = 0; i < size; ++i) header.gets.push_back(take(at));
  return header;
}

std::string Header::text() const {
  std::int64_t count = 0;
  for (std::int64_t part : gives) count += std::max<std::int64_t>(part, 0);
  std::string text = fmt::format("{} of {} {}", name_of(operation), count, name_of(dtype));
  if (operation == Operation::broadcast || operation == Operation::gather) text += fmt::format(", root {}", peer);
  return text;
}

std::string mismatch(const std::vector<Header>& headers) {
  int size = static_cast<int>(headers.size());
  for (int r = 1; r < size; ++r) {
    if (same_call(headers[0], headers[r])) continue;
    return fmt::format("rank 0 calls {} (collective {}), rank {} calls {} (collective {})", headers[0].text(),
                       headers[0].number, r, headers[r].text(), headers[r].number);
  }
  for (int to = 0; to < size; ++to) {
    for (int from = 0; from < size; ++from) {
      std::int64_t wanted = entry(headers[to].gets, from), sent = given(headers[from], to);
      if (wanted == -1 || wanted == sent) continue;
      return fmt::format("rank {} gives {} elements, rank {} expects {}", from, sent, to, wanted);
    }
  }
  return "";
}

std::string pair_mismatch(const Header& mine, int my_rank, const Header& theirs, int their_rank) {
  bool opposite = (mine.operation == Operation::send && theirs.operation == Operation::recv) ||
                  (mine.operation == Operation::recv && theirs.operation == Operation::send);
  if (opposite && mine.dtype == theirs.dtype && mine.gives == theirs.gives) return "";
  return fmt::format("rank {} calls {}, rank {} calls {}", my_rank, mine.text(), their_rank, theirs.text());
}

}  // namespace stint::dist
