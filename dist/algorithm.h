#pragma once

#include <stint/dist/communicator.h>
#include <stint/runtime/block_table.h>
#include <stint/runtime/local_update.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace stint::dist {

/// Running statistics between workers. `mean`: averaged where the models are made equal, and for evaluation. `local`:
/// every worker its own. `root`: rank 0's where the models are made equal, and for evaluation. `root_every_step`: rank
/// 0's after every step, as LIEC-SGD's authors do it.
enum class BufferPolicy { mean, local, root, root_every_step };

/// What an algorithm needs to know before the first step.
struct Setting {
  Communicator& group;
  const BlockTable& table;
  Device device;
  BufferPolicy buffers = BufferPolicy::mean;
};

/// One worker's step: flat f32 vectors, the gradient of this worker's batch at its own parameters.
struct StepContext {
  std::int64_t step;  ///< t, from 0 over the whole run
  float lr;
  Tensor parameters, gradients, buffers;
  LocalUpdate& update;
  float weight = 0;  ///< p_i: this worker's share of the samples of a step; 0: 1/N
};

/// How N workers train one model: it owns the communication and the update. All vectors are flat, padding included; the
/// padding stays zero.
///
/// What every algorithm holds to:
/// - Where it makes the models equal, it makes the optimiser's state equal too, by averaging, and the buffers as the
///   policy says; where models stay different, momentum stays local.
/// - Weight decay is the optimiser's: it acts on the worker's own parameters and is never compressed.
/// - What is remembered of gradients (errors, corrections) counts in units of the model: when the learning rate changes
///   it is rescaled, and a round divides by the sum of the rates that were applied in it.
/// - A gradient that waits for its update (lb and crpsgd: for the last batch of it; pipe: for the next step) counts in
///   units of a gradient: it is applied at the rate of the step that applies it.
/// - A round that the end of training cuts short is closed with its true length (`finish`).
class Algorithm {
 public:
  explicit Algorithm(const Setting& setting) : setting_(setting) {}
  virtual ~Algorithm() = default;
  Algorithm(const Algorithm&) = delete;
  Algorithm& operator=(const Algorithm&) = delete;

  /// The gradient of one block of the table is final, while the backward still runs; must not wait. Blocks that are not
  /// announced are taken in `step`.
  virtual void gradient_ready(const StepContext&, const Block&) {}
  /// One step. The gradients are used up.
  virtual void step(StepContext& context) = 0;
  /// After the last step of a run: closes what is open, so that the models are equal where the algorithm makes them so.
  virtual void finish(StepContext&) {}
  /// out <- the model that the workers stand for, the same on all of them; theirs stay as they are.
  virtual void consensus(const StepContext& context, const Tensor& out);
  /// The same for the buffers.
  void consensus_buffers(const StepContext& context, const Tensor& out);

  /// Whether the models (and optimisers) of all workers are the same after the last step.
  virtual bool replicas_agree() const = 0;
  /// Whether models become equal by being averaged, which takes the buffers along; if not, by equal updates alone.
  virtual bool averages() const { return false; }
  /// Whether the buffers of all workers are the same after the last step.
  bool buffers_agree() const;
  /// Whether this worker carries anything of its own from step to step beside model and optimiser: a correction, an
  /// error that it owes.
  virtual bool remembers() const = 0;
  /// Whether the common model, the optimiser, `counters` and `common_state` say everything about this worker: then its
  /// number of colleagues may change.
  bool nothing_of_its_own() const { return replicas_agree() && !remembers(); }
  /// What a checkpoint keeps of this worker. The tensors are live: restoring is copying into them. Waits for what is
  /// under way.
  virtual std::vector<NamedTensor> state() { return {}; }
  /// What of it is the same on all workers wherever their models are.
  virtual std::vector<NamedTensor> common_state() { return {}; }
  /// Numbers that a checkpoint keeps beside the tensors.
  virtual std::vector<double> counters() const { return {}; }
  virtual void set_counters(const std::vector<double>&) {}

  /// While on, `compression_error` is measured: it costs two passes over the vector a step.
  void set_watching(bool on) { watching_ = on; }
  /// |v - C[v]| / |v| of what this worker has compressed last while watched; 0 without compression.
  double compression_error() const { return compression_error_; }

  /// Times that the workers have met: a round, whatever it carries.
  std::int64_t rounds() const { return rounds_; }
  void set_rounds(std::int64_t rounds) { rounds_ = rounds; }

 protected:
  Communicator& group() const { return setting_.group; }
  const Setting& setting() const { return setting_; }
  int workers() const { return setting_.group.size(); }
  /// A zeroed flat vector of the algorithm's own.
  Tensor flat_vector() const { return zeros(setting_.table.extent()); }
  Tensor zeros(std::int64_t count) const;

  void met() { ++rounds_; }
  bool watching() const { return watching_; }
  void note_compression_error(double error) { compression_error_ = error; }
  /// x <- mean of every worker's x. `x` is a flat vector.
  Work start_mean(const Tensor& x, Payload payload, Reduce reduce = Reduce::mean) const;
  /// Models, optimiser state and buffers of all workers become equal, by averaging.
  void make_equal(const StepContext& context);
  /// The same without the models.
  void make_rest_equal(const StepContext& context);
  /// The buffers after any step, for the policy `root_every_step`.
  void share_buffers(const StepContext& context);

 private:
  Setting setting_;
  std::int64_t rounds_ = 0;
  bool watching_ = false;
  double compression_error_ = 0;
};

using AlgorithmMaker = std::function<std::unique_ptr<Algorithm>(const Setting&)>;

/// The maker that `name:key=value,...` and a compressor's text (may be empty) describe. Errors (ErrorKind::usage): an
/// unknown name or key, a value out of range, a compressor that the algorithm has no use for, or none where it needs
/// one.
AlgorithmMaker parse_algorithm(const std::string& text, const std::string& compressor);

/// Names, for messages and help.
std::vector<std::string> algorithm_names();

}  // namespace stint::dist
