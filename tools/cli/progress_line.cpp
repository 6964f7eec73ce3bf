#include <fmt/format.h>
#include <stint/tools/cli/progress_line.h>
#include <stint/tools/cli/report.h>
#include <stint/tools/trainer/memory_text.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace stint {

namespace {

constexpr auto redraw_every = std::chrono::milliseconds(100);
constexpr int most_left_out = 3;

bool is_terminal(std::FILE* out) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(out)) && !(term && std::string_view(term) == "dumb");  // which cannot erase a line
}

int terminal_width(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::int64_t step_of(const TrainingMoment& m) {
  return m.epoch * m.steps + m.step;
}

std::string head_text(const TrainingMoment& m) {
  return fmt::format("epoch {}/{}  ", m.epoch + 1, m.epochs);
}

/// Without the `left_out` figures that one can best do without: the rate, the waiting, the speed.
std::string tail_text(const TrainingMoment& m, double seconds_left, int left_out = 0) {
  std::string text = fmt::format("step {}/{}  loss {:.4f}", m.step, m.steps, m.loss);
  if (left_out < 1) text += fmt::format("  lr {:.4g}", m.lr);
  if (left_out < 3) text += fmt::format("  {:.0f} images/s", m.images_per_second);
  if (left_out < 2 && m.data_wait >= 0.01) text += fmt::format("  data {:.0f}%", 100 * m.data_wait);
  if (left_out < 2 && m.sync) text += fmt::format("  rounds {}  wait {:.0f}%", m.sync->rounds, 100 * m.sync_wait);
  if (m.skipped > 0) text += fmt::format("  skipped {}", m.skipped);
  return text + "  ETA " + (seconds_left < 0 ? "-:--" : clock_text(seconds_left));
}

/// `[====    ]` in so many columns; nothing where that says too little.
std::string bar_text(const TrainingMoment& m, int columns) {
  int room = std::min(columns - 4, 40);  // brackets and two spaces after
  if (room < 6) return "";
  auto full = static_cast<int>(room * m.step / std::max<std::int64_t>(m.steps, 1));
  return "[" + std::string(full, '=') + std::string(room - full, ' ') + "]  ";
}

}  // namespace

std::string clock_text(double seconds) {
  auto whole = static_cast<std::int64_t>(std::min(seconds, 1e9) + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string progress_text(const TrainingMoment& m, double seconds_left) {
  std::string text = head_text(m) + tail_text(m, seconds_left);
  if (m.sync) {
    text += fmt::format("  sent {}  received {}", traffic_text(m.sync->traffic.sent),
                        traffic_text(m.sync->traffic.received));
  }
  if (m.peak.total() == 0) return text;
  return text + fmt::format("  live {}  peak {}", memory_text(m.live), memory_text(m.peak));
}

std::string progress_bar(const TrainingMoment& m, double seconds_left, int width) {
  int columns = std::max(width - 1, 0);  // a full line would wrap on some terminals
  std::string head = head_text(m), tail, bar;
  for (int left_out = 0; bar.empty() && left_out <= most_left_out; ++left_out) {
    tail = tail_text(m, seconds_left, left_out);
    bar = bar_text(m, columns - static_cast<int>(head.size() + tail.size()));
  }
  return (head + bar + tail).substr(0, static_cast<std::size_t>(columns));
}

ProgressLine::ProgressLine(std::int64_t interval, std::FILE* out)
    : interval_(interval), out_(out), terminal_(is_terminal(out)) {}

double ProgressLine::seconds_left(const TrainingMoment& m) {
  if (start_step_ < 0) {
    start_step_ = step_of(m);
    start_ = Clock::now();
  }
  std::int64_t done = step_of(m) - start_step_, left = m.epochs * m.steps - step_of(m);
  double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  return done == 0 ? -1 : seconds / static_cast<double>(done) * static_cast<double>(left);
}

void ProgressLine::show(const TrainingMoment& m) {
  double left = seconds_left(m);
  if (terminal_) {
    if (shown_ && Clock::now() - drawn_ < redraw_every) return;
    fmt::print(out_, "\r{}\x1b[K", progress_bar(m, left, terminal_width(out_)));
    shown_ = true;
    drawn_ = Clock::now();
  } else {
    if (m.step % interval_ != 0) return;
    fmt::print(out_, "{}\n", progress_text(m, left));
  }
  std::fflush(out_);
}

void ProgressLine::clear() {
  if (shown_) fmt::print(out_, "\r\x1b[K");
  std::fflush(out_);
  shown_ = false;
}

}  // namespace stint
