#include <stint/dist/algorithms/two_way.h>
#include <stint/kernels/vector/vector.h>

#include <cmath>

namespace stint::dist {

CompressionOptions CompressionOptions::read(Arguments& arguments, const std::string& compressor) {
  CompressionOptions options{compressor.empty() ? "sign" : compressor, arguments.bytes("block"), ""};
  bool by_chunks = make_compressor(options.compressor)->by_chunks();
  options.server = arguments.choice("server", {by_chunks ? "sharded" : "root", by_chunks ? "root" : "sharded"});
  if (options.server == "sharded" && !by_chunks) {
    fail(ErrorKind::usage, "sync",
         "{} with {} needs server=root: its selection looks at a whole bucket, which no rank of a sharded server has",
         arguments.name(), options.compressor);
  }
  return options;
}

TwoWay::TwoWay(const Setting& setting, const CompressionOptions& options)
    : Algorithm(setting),
      buckets_(setting.table, options.block),
      compressor_(make_compressor(options.compressor)),
      server_(make_server(options.server, setting.group, buckets_, setting.device)) {}

Tensor TwoWay::memory(const std::string& name) {
  memories_.push_back({name, bucketed()});
  return memories_.back().tensor;
}

Tensor TwoWay::server_memory(const std::string& name) {
  memories_.push_back({name, zeros(server_->shard().extent)});
  return memories_.back().tensor;
}

void TwoWay::rescale_memories(float lr) {
  if (remembered_lr_ > 0 && lr > 0 && lr != remembered_lr_) {
    for (const NamedTensor& memory : memories_) scale(remembered_lr_ / lr, memory.tensor);
  }
  if (lr > 0) remembered_lr_ = lr;
}

void TwoWay::gather(const StepContext& context, const Tensor& bucketed) const {
  buckets_.gather(context.gradients, bucketed);
}

void TwoWay::collect(const Tensor& x, const Tensor& p, std::int64_t times) {
  double before = watching() ? squared_norm(x) : 0;
  for (std::int64_t i = 0; i < times; ++i) server_->collect(*compressor_, x, p);
  if (before > 0) note_compression_error(std::sqrt(squared_norm(x) / before));
}

void TwoWay::apply(StepContext& context, const Tensor& u) const {
  buckets_.scatter(u, context.gradients);
  context.update.apply(context.parameters, context.gradients, context.lr);
}

}  // namespace stint::dist
