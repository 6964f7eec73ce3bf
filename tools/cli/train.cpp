#include <stint/runtime/profile.h>
#include <stint/tools/cli/commands.h>
#include <stint/tools/cli/progress_line.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/trainer/memory_text.h>
#include <stint/tools/trainer/train.h>

#include <unistd.h>

#include <csignal>

namespace stint {

namespace {

constexpr int traced_steps = 20;

std::atomic<int> stop_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free);  // it is set in a signal handler

void ask_to_stop(int signal) {
  stop_signal = signal;
  constexpr std::string_view text = "\nstopping after this step, with a checkpoint; once more to stop at once\n";
  if (isatty(STDERR_FILENO)) static_cast<void>(!write(STDERR_FILENO, text.data(), text.size()));
}

/// The first signal asks for a checkpoint at the next step; a second one ends the program as usual.
class SignalGuard {
 public:
  SignalGuard() {
    struct sigaction action {};
    action.sa_handler = ask_to_stop;
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
  }
};

class Console : public TrainingObserver {
 public:
  explicit Console(const Config& config)
      : config_(config), out_(config.log.json ? stderr : stdout), progress_(config.log.interval, out_) {}

  void started(const RunDirectory& run, Training& training, const std::vector<std::string>& notes) override {
    say("{} with {} parameters on {}, run {}\n", config_.model.name,
        human_count(static_cast<double>(training.state().parameter_table().dimension())), training.device().name(),
        run.path().string());
    for (const std::string& note : notes) say("{}\n", note);
    trace_ = run.path() / "trace.json";
    if (config_.log.trace) Profiler::start();
  }

  void stepped(const TrainingMoment& moment) override {
    progress_.show(moment);
    if (config_.log.trace && ++steps_ == traced_steps) finish_trace();
  }

  void epoch_done(const EpochSummary& s, std::int64_t epochs) override {
    progress_.clear();
    say("epoch {}/{}  train loss {:.4f}  eval loss {:.4f}  top1 {:.2f}  top5 {:.2f}  {}  saved {}\n", s.epoch + 1,
        epochs, s.train_loss, s.eval.loss, s.eval.top1, s.eval.top5, clock_text(s.seconds),
        human_bytes(s.memory.saved_activations));
    say("  live {}\n  peak {}\n", memory_text(s.memory.live), memory_text(s.memory.peak));
    if (!s.dropped.empty()) say("  {}\n", kept_text(s.dropped));
    if (s.sync) {
      say("  sent {}  received {}  rounds {}  waited {:.2f} s  spread {:.3g}  compression error {:.3g}\n",
          traffic_text(s.sync->traffic.sent), traffic_text(s.sync->traffic.received), s.sync->rounds,
          s.sync->waited_seconds, s.spread, s.compression_error);
    }
    if (!s.note.empty()) say("{}\n", s.note);
  }

  /// A reader that has gone away is no reason to stop training: what cannot be written is not.
  template <typename... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    std::fputs(fmt::format(text, std::forward<Args>(args)...).c_str(), out_);
    std::fflush(out_);
  }

  void finish_trace() {
    if (config_.log.trace && !std::exchange(traced_, true)) write_trace(trace_, Profiler::stop());
  }

 private:
  const Config& config_;
  std::FILE* out_;
  ProgressLine progress_;
  std::filesystem::path trace_;
  int steps_ = 0;
  bool traced_ = false;
};

}  // namespace

int run_train(const Config& config) {
  SignalGuard guard;
  Console console(config);
  TrainingOutcome outcome = train(config, console, stop_signal);
  console.finish_trace();
  if (outcome.run.empty()) return outcome.stopped ? 128 + stop_signal : 0;  // rank 0 speaks
  if (outcome.stopped) {
    console.say("\nstopped by signal {}; go on with --resume {}\n", stop_signal.load(), outcome.run.string());
    return 128 + stop_signal;
  }
  if (config.log.json) {
    nlohmann::ordered_json json = {{"run", outcome.run.string()}, {"top1", outcome.top1}};
    if (outcome.emulated_seconds > 0) {
      json["emulated"] = {
          {"net", config.sync.net}, {"seconds", outcome.emulated_seconds}, {"waited_s", outcome.emulated_waited}};
    }
    fmt::print("{}\n", json.dump());
    return 0;
  }
  if (outcome.emulated_seconds > 0) {
    fmt::print("emulated: {:.2f} s with {}, of which {:.2f} s waiting (emulated, not measured)\n",
               outcome.emulated_seconds, config.sync.net, outcome.emulated_waited);
  }
  fmt::print("run: {}\ntop1: {:.2f}\n", outcome.run.string(), outcome.top1);
  return 0;
}

}  // namespace stint
