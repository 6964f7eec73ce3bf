#include <stint/dist/server.h>

namespace stint::dist {

namespace {

Tensor part_of(const Tensor& x, const Buckets::Shard& shard) {
  return x.slice(shard.begin, shard.extent);
}

/// A group's worth of tensors like one.
std::vector<Tensor> alike(const Tensor& one, int size) {
  std::vector<Tensor> all;
  for (int r = 0; r < size; ++r) all.emplace_back(one.spec());
  return all;
}

float one_of(int size) {
  return 1.0f / static_cast<float>(size);
}

}  // namespace

// RootServer

Buckets::Shard RootServer::shard() const {
  return group_.rank() == 0 ? buckets_.whole() : Buckets::Shard{};
}

void RootServer::collect(const Compressor& c, const Tensor& x, const Tensor& p) {
  Compressed mine = c.make(buckets_.whole(), buckets_.count(), device_);
  c.compress(buckets_, x, mine);
  bool root = group_.rank() == 0;
  auto codes = alike(mine.codes, root ? group_.size() : 0), sides = alike(mine.side, root ? group_.size() : 0);
  Work first = group_.gather(mine.codes, codes, 0, Payload::gradient);
  group_.gather(mine.side, sides, 0, Payload::index).wait();
  first.wait();
  for (std::size_t i = 0; i < codes.size(); ++i) {
    c.decode(buckets_.whole(), {codes[i], sides[i]}, one_of(group_.size()), p, true);
  }
  c.decode(buckets_.whole(), mine, -1, x, true);
}

void RootServer::spread(const Compressor& c, const Tensor& p, const Tensor& out, bool accumulate) {
  Compressed message = c.make(buckets_.whole(), buckets_.count(), device_);
  bool root = group_.rank() == 0;
  if (root) c.compress(buckets_, p, message);
  Work first = group_.broadcast(message.codes, 0, Payload::gradient);
  group_.broadcast(message.side, 0, Payload::index).wait();
  first.wait();
  c.decode(buckets_.whole(), message, 1, out, accumulate);
  if (root) c.decode(buckets_.whole(), message, -1, p, true);
}

// ShardedServer

void ShardedServer::collect(const Compressor& c, const Tensor& x, const Tensor& p) {
  int size = group_.size();
  Compressed whole = c.make({}, buckets_.count(), device_);  // the scales alone
  if (c.scaled()) c.fill_scales(buckets_, c.chunk_sums(buckets_.whole(), x), whole.side);
  std::vector<Compressed> mine;
  std::vector<Tensor> out;
  for (int r = 0; r < size; ++r) {
    mine.push_back({c.make(shard_of(r), 0, device_).codes, whole.side});
    c.encode(shard_of(r), part_of(x, shard_of(r)), mine[r]);
    out.push_back(mine[r].codes);
  }
  auto in = alike(out[group_.rank()], size), sides = alike(whole.side, size);
  Work first = group_.all_to_all(out, in, Payload::gradient);
  if (c.scaled()) group_.all_gather(whole.side, sides, Payload::index).wait();
  first.wait();
  for (int i = 0; i < size; ++i) c.decode(shard(), {in[i], sides[i]}, one_of(size), p, true);
  for (int r = 0; r < size; ++r) c.decode(shard_of(r), mine[r], -1, part_of(x, shard_of(r)), true);
}

void ShardedServer::spread(const Compressor& c, const Tensor& p, const Tensor& out, bool accumulate) {
  Compressed mine = c.make(shard(), buckets_.count(), device_);
  if (c.scaled()) c.fill_scales(buckets_, gather_sums(c.chunk_sums(shard(), p)), mine.side);
  c.encode(shard(), p, mine);
  std::vector<Tensor> codes;
  for (int r = 0; r < group_.size(); ++r) codes.push_back(c.make(shard_of(r), 0, device_).codes);
  group_.all_gather(mine.codes, codes, Payload::gradient).wait();
  for (int r = 0; r < group_.size(); ++r) {
    c.decode(shard_of(r), {codes[r], mine.side}, 1, part_of(out, shard_of(r)), accumulate);
  }
  c.decode(shard(), mine, -1, p, true);
}

/// Every shard's chunk sums, in order.
Tensor ShardedServer::gather_sums(const Tensor& mine) {
  Tensor all({buckets_.whole().chunks()}, DType::f32, device_);
  std::vector<Tensor> parts;
  std::int64_t at = 0;
  for (int r = 0; r < group_.size(); ++r) {
    parts.push_back(all.slice(at, shard_of(r).chunks()));
    at += parts.back().count();
  }
  group_.all_gather(mine, parts, Payload::index).wait();
  return all;
}

std::unique_ptr<Server> make_server(const std::string& form, Communicator& group, const Buckets& buckets,
                                    Device device) {
  if (form == "root") return std::make_unique<RootServer>(group, buckets, device);
  return std::make_unique<ShardedServer>(group, buckets, device);
}

}  // namespace stint::dist
