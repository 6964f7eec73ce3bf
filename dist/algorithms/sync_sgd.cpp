// Synchronous SGD: x <- x - lr * mean_i g_i, every step. The gradient travels in buckets, each as soon as the backward
// has finished it. The order of a sum is by rank alone, so the bits do not depend on the buckets.

#include <stint/dist/algorithms/algorithms.h>

namespace stint::dist {

namespace {

class SyncSgd : public Algorithm {
 public:
  SyncSgd(const Setting& setting, std::int64_t bucket_bytes) : Algorithm(setting) {
    for (const Block& block : setting.table.blocks()) {
      std::int64_t end = block.offset + block.count;
      if (buckets_.empty() || (end - buckets_.back().begin) * 4 > bucket_bytes)
        buckets_.push_back({block.offset, end, 0});
      buckets_.back().end = end;
      ++buckets_.back().blocks;
    }
    missing_.reserve(buckets_.size());
    begin();
  }

  void gradient_ready(const StepContext& context, const Block& block) override {
    std::size_t i = bucket_of(block);
    if (--missing_[i] == 0) send(context, i);
  }

  void step(StepContext& context) override {
    for (std::size_t i = buckets_.size(); i-- > 0;) {
      if (missing_[i] > 0) send(context, i);
    }
    for (const Work& work : works_) work.wait();
    begin();
    met();
    context.update.apply(context.parameters, context.gradients, context.lr);
    share_buffers(context);
  }

  bool replicas_agree() const override { return true; }
  bool remembers() const override { return false; }

 private:
  struct Bucket {
    std::int64_t begin, end;
    int blocks;
  };

  void begin() {
    works_.clear();
    missing_.clear();
    for (const Bucket& bucket : buckets_) missing_.push_back(bucket.blocks);
  }

  std::size_t bucket_of(const Block& block) const {
    std::size_t i = 0;
    while (buckets_[i].end <= block.offset) ++i;
    return i;
  }

  void send(const StepContext& context, std::size_t i) {
    missing_[i] = 0;
    Tensor part = context.gradients.slice(buckets_[i].begin, buckets_[i].end - buckets_[i].begin);
    works_.push_back(start_mean(part, Payload::gradient));
  }

  std::vector<Bucket> buckets_;
  std::vector<int> missing_;  // blocks of each bucket that are not announced yet
  std::vector<Work> works_;
};

}  // namespace

AlgorithmMaker sync_sgd(Arguments& arguments, const std::string&) {
  std::int64_t bytes = arguments.bytes("bucket");
  if (bytes == 0) bytes = 4 << 20;
  return [=](const Setting& setting) { return std::make_unique<SyncSgd>(setting, bytes); };
}

}  // namespace stint::dist
