#pragma once

#include <stint/dist/communicator.h>
#include <stint/dist/compressor.h>

namespace stint::dist {

/// Where compressed vectors meet: the parameter server of two-way compression, with bucketed vectors. What the server
/// itself remembers (its error) is a vector of `shard().extent` elements on each rank.
class Server {
 public:
  Server(Communicator& group, const Buckets& buckets, Device device)
      : group_(group), buckets_(buckets), device_(device) {}
  virtual ~Server() = default;

  /// The part of the vector that is served on this rank.
  virtual Buckets::Shard shard() const = 0;
  /// Upwards: p <- p + mean over the workers of C[x], added in the order of ranks; x <- x - C[x].
  virtual void collect(const Compressor& c, const Tensor& x, const Tensor& p) = 0;
  /// Downwards: out <- C[p] on every worker (added with `accumulate`); p <- p - C[p].
  virtual void spread(const Compressor& c, const Tensor& p, const Tensor& out, bool accumulate) = 0;

 protected:
  Communicator& group_;
  const Buckets& buckets_;
  Device device_;
};

/// Rank 0 serves everything: the textbook's form, whose root link carries 2 (N-1) messages.
class RootServer : public Server {
 public:
  using Server::Server;
  Buckets::Shard shard() const override;
  void collect(const Compressor& c, const Tensor& x, const Tensor& p) override;
  void spread(const Compressor& c, const Tensor& p, const Tensor& out, bool accumulate) override;
};

/// Every rank serves its shard, so that no link is a bottleneck. Shards are cut at chunks and a bucket's scale comes
/// from its chunks' sums, added in order on every rank: the same bits as the root's. Needs a compressor that works by
/// chunks.
class ShardedServer : public Server {
 public:
  using Server::Server;
  Buckets::Shard shard() const override { return buckets_.shard(group_.rank(), group_.size()); }
  void collect(const Compressor& c, const Tensor& x, const Tensor& p) override;
  void spread(const Compressor& c, const Tensor& p, const Tensor& out, bool accumulate) override;

 private:
  Tensor gather_sums(const Tensor& mine);
  Buckets::Shard shard_of(int rank) const { return buckets_.shard(rank, group_.size()); }
};

/// `root` or `sharded`.
std::unique_ptr<Server> make_server(const std::string& form, Communicator& group, const Buckets& buckets,
                                    Device device);

}  // namespace stint::dist
