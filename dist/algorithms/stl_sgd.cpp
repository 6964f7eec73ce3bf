// STL-SGD (AAAI 2021, arXiv 2006.06377): Local SGD in stages, x_{s+1} = Local-SGD(f, x_s, eta_s, T_s, floor(k_s)).
//   sc, nc1:  eta_{s+1} = eta_s / 2,  T_{s+1} = 2 T_s,  k_{s+1} = 2 k_s (IID) or sqrt(2) k_s (Non-IID)
//   nc2:      eta_s = eta_1 / s,      T_s = s T_1,      k_s = s k_1 (IID) or sqrt(s) k_1 (Non-IID)
// nc: the local step minimises f(x) + ||x - x_s||^2 / (2 gamma), so g_i + (x_i - x_s) / gamma takes the place of g_i.
// eta_1 is the schedule's rate. Models are averaged every k_s steps and at the end of a stage.

#include <stint/dist/algorithms/algorithms.h>
#include <stint/dist/algorithms/stl.h>
#include <stint/kernels/vector/vector.h>

#include <utility>

namespace stint::dist {

namespace {

class StlSgd : public Algorithm {
 public:
  StlSgd(const Setting& setting, const StlOptions& options) : Algorithm(setting), options_(options) {
    if (options.proximal > 0) start_ = flat_vector();
  }

  void step(StepContext& context) override {
    StlStage stage = stl_stage(options_, stage_);
    if (start_ && in_stage_ == 0) start_.copy_from(context.parameters);  // x_s, the same on all workers
    if (start_) {
      auto proximal = static_cast<float>(options_.proximal);
      axpy(proximal, context.parameters, context.gradients);
      axpy(-proximal, start_, context.gradients);
    }
    context.update.apply(context.parameters, context.gradients, context.lr * static_cast<float>(stage.rate));
    ++in_stage_;
    agree_ = false;
    bool ends = in_stage_ == stage.steps;
    if (ends || in_stage_ % stage.period == 0) finish(context);
    if (ends) {
      ++stage_;
      in_stage_ = 0;
    }
    share_buffers(context);
  }

  void finish(StepContext& context) override {
    if (std::exchange(agree_, true)) return;
    make_equal(context);
    met();
  }

  bool replicas_agree() const override { return agree_; }
  bool averages() const override { return true; }
  bool remembers() const override { return false; }
  std::vector<NamedTensor> state() override {
    if (!start_) return {};
    return {{"stage_start", start_}};
  }
  std::vector<NamedTensor> common_state() override { return state(); }
  std::vector<double> counters() const override {
    return {static_cast<double>(stage_), static_cast<double>(in_stage_), agree_ ? 1.0 : 0.0};
  }
  void set_counters(const std::vector<double>& counters) override {
    stage_ = static_cast<std::int64_t>(counters.at(0));
    in_stage_ = static_cast<std::int64_t>(counters.at(1));
    agree_ = counters.at(2) != 0;
  }

 private:
  StlOptions options_;
  Tensor start_;
  std::int64_t stage_ = 0;
  std::int64_t in_stage_ = 0;
  bool agree_ = true;
};

}  // namespace

StlOptions read_stl_options(Arguments& arguments) {
  StlOptions options;
  std::string variant = arguments.choice("variant", {"sc", "nc1", "nc2"});
  if (variant == "nc2") options.growth = StlOptions::Growth::linear;
  options.iid = arguments.flag("iid", true);
  options.period = static_cast<double>(arguments.integer("period", 8));
  options.stage_steps = arguments.integer("stage", 1000);
  double proximal = arguments.number("proximal", 0, 0, 1e9);
  if (variant == "sc" && proximal > 0) {
    fail(ErrorKind::usage, "sync", "the proximal term belongs to variant=nc1 or nc2, got it with sc");
  }
  options.proximal = proximal;
  return options;
}

AlgorithmMaker stl_sgd(Arguments& arguments, const std::string&) {
  StlOptions options = read_stl_options(arguments);
  return [=](const Setting& setting) { return std::make_unique<StlSgd>(setting, options); };
}

}  // namespace stint::dist
