#include <stint/dist/arguments.h>
#include <stint/kernels/cpu_arithmetic.h>
#include <stint/kernels/vector/vector.h>
#include <stint/tools/trainer/checksum.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/training.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string_view>
#include <utility>

namespace stint {

using dist::Payload;
using dist::Reduce;

namespace {

/// Two builds of one version are different programs.
const std::string& build() {
  static const std::string checksum = checksum_of_file("/proc/self/exe");
  return checksum;
}

/// Everything of a configuration, and of what decides the bits besides, that the workers must agree on. Folders may
/// have other names on other machines.
std::string common_part(Config config, Device device) {
  Config::Log log;
  log.recovery_interval = config.log.recovery_interval;
  config.log = log;
  if (!config.resume.empty()) config.resume = "a run";
  config.device.clear();
  config.data.dir.clear();
  return to_yaml(config) + build() + (device == Device::cpu() ? cpu_arithmetic() : "");
}

void add_hash(std::string_view bytes, std::vector<std::int32_t>& words) {
  std::size_t hash = std::hash<std::string_view>{}(bytes);
  words.push_back(static_cast<std::int32_t>(hash));
  words.push_back(static_cast<std::int32_t>(hash >> 32));
}

/// The tensors of a flat vector, under names that begin with `prefix`.
void add_blocks(const Tensor& flat, const BlockTable& table, const std::string& prefix, std::vector<NamedTensor>& all) {
  for (const Block& block : table.blocks()) {
    all.push_back({prefix + block.name, flat.slice(block.offset, block.count)});
  }
}

std::vector<std::int32_t> words_of(const Tensor& tensor) {
  auto span = tensor.span<std::int32_t>();
  return {span.begin(), span.end()};
}

}  // namespace

dist::BufferPolicy buffer_policy(const Config& config) {
  const std::string& text = config.sync.buffers;
  return text == "local"             ? dist::BufferPolicy::local
         : text == "root"            ? dist::BufferPolicy::root
         : text == "root-every-step" ? dist::BufferPolicy::root_every_step
                                     : dist::BufferPolicy::mean;
}

void check_sync(const Config& config, int workers) {
  bool named = config.sync.algorithm != "none";
  if (named) dist::parse_algorithm(config.sync.algorithm, config.sync.compress);
  if (workers > 1 && !named) {
    fail(ErrorKind::usage, "sync", "{} workers need an algorithm: --sync sync, local, liec, ...", workers);
  }
  if (!named && !config.sync.compress.empty()) {
    fail(ErrorKind::usage, "sync", "--compress {} needs an algorithm that compresses: --sync liec",
         config.sync.compress);
  }
}

Synchroniser::Synchroniser(const Config& config, dist::Communicator& group, Training& training, double weight)
    : group_(group),
      training_(training),
      name_(dist::Arguments(config.sync.algorithm).name()),
      algorithm_(dist::parse_algorithm(config.sync.algorithm, config.sync.compress)(
          {group, training.state().parameter_table(), training.device(), buffer_policy(config)})),
      votes_({1}, DType::i32),
      weight_(static_cast<float>(weight)) {
  votes_.zero();
  check_alike(config);
}

std::vector<Tensor> Synchroniser::gather_words(const std::vector<std::int32_t>& words) {
  auto count = static_cast<std::int64_t>(words.size());
  Tensor mine = tensor_of<std::int32_t>({count}, words);
  std::vector<Tensor> all;
  for (int r = 0; r < group_.size(); ++r) all.emplace_back(Shape{count}, DType::i32);
  dist::Traffic before = group_.traffic();
  group_.all_gather(mine, all, Payload::control).wait();
  group_.set_traffic(before);
  return all;
}

/// By a hash, so that a wrong worker is found before anything is trained. Whoever differs is wrong; the others end for
/// its sake.
void Synchroniser::check_alike(const Config& config) {
  std::vector<std::int32_t> words;
  add_hash(common_part(config, training_.device()), words);
  auto all = gather_words(words);
  bool fits = words == words_of(all[0]);
  for (int r = 1; r < group_.size(); ++r) {
    if (words_of(all[r]) == words_of(all[0])) continue;
    fail(fits ? ErrorKind::peer_lost : ErrorKind::usage, "all_gather",
         "rank {} has another configuration or build than rank 0, or another instruction set or STINT_WINOGRAD", r);
  }
}

std::vector<NamedTensor> Synchroniser::must_agree(bool everything) const {
  const ModelState& state = training_.state();
  std::vector<NamedTensor> all;
  if (everything || algorithm_->replicas_agree()) {
    add_blocks(state.parameters(), state.parameter_table(), "", all);
    for (const NamedTensor& each : training_.optimiser().state()) {
      add_blocks(each.tensor, state.parameter_table(), each.name + " of ", all);
    }
  }
  if (everything || algorithm_->buffers_agree()) add_blocks(state.buffers(), state.buffer_table(), "", all);
  return all;
}

void Synchroniser::check_drift(bool everything) {
  auto tensors = must_agree(everything);
  std::vector<std::int32_t> words;
  for (const NamedTensor& each : tensors) {
    Tensor here = each.tensor.copy_to(Device::cpu());
    add_hash({reinterpret_cast<const char*>(here.raw()), here.bytes()}, words);
  }
  if (words.empty()) return;
  auto all = gather_words(words);
  for (int r = 1; r < group_.size(); ++r) {
    auto theirs = words_of(all[r]), first = words_of(all[0]);
    auto place = std::mismatch(first.begin(), first.end(), theirs.begin()).first - first.begin();
    if (place == static_cast<std::ptrdiff_t>(first.size())) continue;
    fail(ErrorKind::drifted, "sync", "rank {} differs from rank 0 in {}, where all workers must be equal", r,
         tensors[place / 2].name);
  }
}

std::vector<NamedTensor> Synchroniser::model() const {
  ModelState& state = training_.state();
  std::vector<NamedTensor> all = {{"parameters", state.parameters()}, {"buffers", state.buffers()}};
  if (const Ema* ema = training_.ema()) {
    all.push_back({"ema.parameters", ema->parameters()});
    all.push_back({"ema.buffers", ema->buffers()});
  }
  return all;
}

dist::StepContext Synchroniser::context(std::int64_t step, float lr) {
  ModelState& state = training_.state();
  return {step, lr, state.parameters(), state.gradients(), state.buffers(), training_.optimiser(), weight_};
}

void Synchroniser::gradient_ready(const Leaf& leaf, std::int64_t step, float lr) {
  const Block* block = training_.state().parameter_table().find(leaf.name);
  if (block) algorithm_->gradient_ready(context(step, lr), *block);
}

void Synchroniser::step(std::int64_t step, float lr) {
  auto here = context(step, lr);
  algorithm_->step(here);
  training_.state().refresh_twin();
}

void Synchroniser::finish(std::int64_t step, float lr) {
  auto here = context(step, lr);
  algorithm_->finish(here);
  training_.state().refresh_twin();
}

/// The average over time of the workers' mean is the mean of their averages.
void Synchroniser::find_consensus(const std::vector<NamedTensor>& out) {
  dist::Traffic before = group_.traffic();
  auto here = context(0, 0);
  algorithm_->consensus(here, out[0].tensor);
  algorithm_->consensus_buffers(here, out[1].tensor);
  if (const Ema* ema = training_.ema()) {
    out[2].tensor.copy_from(ema->parameters());
    scale(weight_, out[2].tensor);
    group_.all_reduce(out[2].tensor, Reduce::sum, Payload::parameter).wait();
    here.buffers = ema->buffers();
    algorithm_->consensus_buffers(here, out[3].tensor);
  }
  group_.set_traffic(before);
}

void Synchroniser::with_consensus(const std::function<void()>& body) {
  PurposeScope purpose(Purpose::communication);
  std::vector<NamedTensor> live = model(), common, own;
  for (const NamedTensor& each : live) {
    common.push_back({each.name, Tensor(each.tensor.spec())});
    common.back().tensor.zero();
  }
  find_consensus(common);
  for (const NamedTensor& each : live) own.push_back({each.name, each.tensor.copy_to(training_.device())});
  aside_ = std::move(own);
  auto put = [&](const std::vector<NamedTensor>& from) {
    for (std::size_t i = 0; i < live.size(); ++i) live[i].tensor.copy_from(from[i].tensor);
    training_.state().refresh_twin();
  };
  put(common);
  body();
  put(std::exchange(aside_, {}));
}

double Synchroniser::spread() {
  if (algorithm_->replicas_agree()) return 0;
  const Tensor& model = training_.state().parameters();
  Tensor apart = aside_[0].tensor.copy_to(training_.device());
  axpy(-1, model, apart);
  return std::sqrt(mean(squared_norm(apart)) / squared_norm(model));
}

double Synchroniser::mean(double value) {
  dist::Traffic before = group_.traffic();
  Tensor one = scalar_tensor(static_cast<float>(value), Device::cpu());
  group_.all_reduce(one, Reduce::mean, Payload::control).wait();
  group_.set_traffic(before);
  return scalar_of(one);
}

bool Synchroniser::any(bool wish) {
  if (algorithm_->rounds() == rounds_seen_) return false;
  rounds_seen_ = algorithm_->rounds();
  vote_.wait();
  bool result = *votes_.data<std::int32_t>() > 0;
  *votes_.data<std::int32_t>() = wish ? 1 : 0;
  dist::Traffic before = group_.traffic();
  vote_ = group_.all_reduce(votes_, Reduce::sum, Payload::control);
  group_.set_traffic(before);
  return result;
}

std::string Synchroniser::send_text(const std::string& text) {
  constexpr std::int64_t longest = 4096;  // of a path
  Tensor bytes({longest}, DType::u8);
  bytes.zero();
  require(static_cast<std::int64_t>(text.size()) < longest, "sync", "expected a shorter text than {} bytes", longest);
  std::copy(text.begin(), text.end(), bytes.data<std::uint8_t>());
  dist::Traffic before = group_.traffic();
  group_.broadcast(bytes, 0, Payload::control).wait();
  group_.set_traffic(before);
  return reinterpret_cast<const char*>(bytes.data<std::uint8_t>());
}

bool any_now(dist::Communicator& group, bool mine) {
  Tensor word({1}, DType::i32);
  *word.data<std::int32_t>() = mine ? 1 : 0;
  group.all_reduce(word, Reduce::sum, Payload::control).wait();
  return *word.data<std::int32_t>() > 0;
}

}  // namespace stint
