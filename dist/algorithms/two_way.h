#pragma once

#include <stint/dist/algorithm.h>
#include <stint/dist/arguments.h>
#include <stint/dist/compressors.h>
#include <stint/dist/server.h>

namespace stint::dist {

/// What every algorithm with compressed gradients is told.
struct CompressionOptions {
  std::string compressor;
  std::int64_t block = 0;  ///< bytes of a bucket; 0: one bucket
  std::string server;

  /// `block=5MiB,server=sharded|root`. Errors (ErrorKind::usage): a sharded server with a compressor that cannot be
  /// cut.
  static CompressionOptions read(Arguments& arguments, const std::string& compressor);
};

/// Common to the algorithms that send compressed gradients through a server: bucketed vectors, the server and what is
/// remembered from step to step.
class TwoWay : public Algorithm {
 public:
  TwoWay(const Setting& setting, const CompressionOptions& options);

  bool remembers() const override { return true; }
  std::vector<NamedTensor> state() override { return memories_; }
  std::vector<double> counters() const override { return {remembered_lr_}; }
  void set_counters(const std::vector<double>& counters) override {
    remembered_lr_ = static_cast<float>(counters.at(0));
  }

 protected:
  /// A zeroed bucketed vector, and one of the server's.
  Tensor bucketed() const { return zeros(buckets_.extent()); }
  /// The same, as part of the state: errors that are owed to the model.
  Tensor memory(const std::string& name);
  Tensor server_memory(const std::string& name);
  /// Keeps lr times each memory when the rate changes. First thing in a step.
  void rescale_memories(float lr);
  /// The gradients of the context as a bucketed vector.
  void gather(const StepContext& context, const Tensor& bucketed) const;
  /// The server's `collect` with the algorithm's compressor; several `times`: each sends what is still missing.
  void collect(const Tensor& x, const Tensor& p, std::int64_t times = 1);
  /// x <- x - lr (u + ...): the optimiser's step along a bucketed direction.
  void apply(StepContext& context, const Tensor& u) const;

  Buckets buckets_;
  std::unique_ptr<Compressor> compressor_;
  Cast exact_{DType::f32};
  std::unique_ptr<Server> server_;

 private:
  std::vector<NamedTensor> memories_;
  float remembered_lr_ = 0;
};

}  // namespace stint::dist
