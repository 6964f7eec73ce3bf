#pragma once

#include <stint/dist/algorithm.h>
#include <stint/tools/config/config.h>

#include <functional>

namespace stint {

class Training;
struct Leaf;

/// What one worker of several does in the place of the optimiser's step: the configuration's algorithm on the model's
/// flat vectors.
class Synchroniser {
 public:
  /// Errors (ErrorKind::usage): the workers have different configurations or builds; as `parse_algorithm`.
  /// `weight`: this worker's share of the images of a step.
  Synchroniser(const Config& config, dist::Communicator& group, Training& training, double weight);

  /// A parameter's gradient is final; the backward goes on.
  void gradient_ready(const Leaf& leaf, std::int64_t step, float lr);
  void step(std::int64_t step, float lr);
  /// After the last step of the run.
  void finish(std::int64_t step, float lr);

  /// Calls `body` while the training holds the model that the workers stand for, and its average over time, which is
  /// the mean of theirs; all workers call it. Their own models are put back, and the traffic is not counted.
  void with_consensus(const std::function<void()>& body);

  /// This worker's own model, also inside of `with_consensus`: "parameters" first, "buffers", and with `--model-ema`
  /// their averages over time. Live where they are not put aside.
  std::vector<NamedTensor> own_model() const { return aside_.empty() ? model() : aside_; }

  /// Inside of `with_consensus`: how far the workers are from the model that counts, relative to its norm, as a root
  /// mean square. All workers call it.
  double spread();

  /// Checks that what must be equal on all workers is: models, optimisers and buffers, each where the algorithm says
  /// so, or all of them for `everything`, where nobody has made a step of its own yet. All workers call it; not
  /// counted. Errors (ErrorKind::drifted): the first tensor that differs and the rank on which it does.
  void check_drift(bool everything = false);

  /// The mean over the workers; not counted.
  double mean(double value);
  /// Whether any worker's `wish` was set when it came to the meeting before the last one. Every worker gets the same
  /// answer at the same step, and none waits for it. Called after every step.
  bool any(bool wish);

  /// Rank 0's text on every worker; not counted.
  std::string send_text(const std::string& text);
  /// The algorithm's state has been read from a checkpoint.
  void resumed() { rounds_seen_ = algorithm_->rounds(); }

  /// Of the algorithm, as `--sync` has it, without its parameters.
  const std::string& name() const { return name_; }
  dist::Algorithm& algorithm() { return *algorithm_; }
  dist::Communicator& group() { return group_; }

 private:
  dist::StepContext context(std::int64_t step, float lr);
  std::vector<NamedTensor> model() const;
  void find_consensus(const std::vector<NamedTensor>& out);
  void check_alike(const Config& config);
  std::vector<NamedTensor> must_agree(bool everything) const;
  /// Every rank's words; not counted.
  std::vector<Tensor> gather_words(const std::vector<std::int32_t>& words);

  dist::Communicator& group_;
  Training& training_;
  std::string name_;
  std::unique_ptr<dist::Algorithm> algorithm_;
  std::int64_t rounds_seen_ = 0;
  std::vector<NamedTensor> aside_;  // this worker's model, inside of `with_consensus`
  Tensor votes_;
  dist::Work vote_;
  float weight_;
};

/// `--buffers` as the algorithms know it.
dist::BufferPolicy buffer_policy(const Config& config);

/// Whether the configuration trains with more than one worker or as one of several processes, and with what it says.
/// Errors (ErrorKind::usage): several workers without an algorithm, or an algorithm without them.
void check_sync(const Config& config, int workers);

/// Whether any worker of the group says so. Waits for all of them, and counts as control.
bool any_now(dist::Communicator& group, bool mine);

}  // namespace stint
