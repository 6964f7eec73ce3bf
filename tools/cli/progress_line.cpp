#include <fmt/format.h>
#include <stint/tools/cli/progress_line.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace stint {

namespace {

constexpr auto redraw_every = std::chrono::milliseconds(100);

int terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::int64_t step_of(const TrainingMoment& m) {
  return m.epoch * m.batches + m.batch;
}

}  // namespace

std::string clock_text(double seconds) {
  auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string progress_bar(const TrainingMoment& m, double seconds_left, int width) {
  std::string head = fmt::format("epoch {}/{} ", m.epoch + 1, m.epochs);
  std::string tail = fmt::format(" {}/{}  loss {:.4f}  lr {:.4g}  {:.0f} images/s  ETA {}", m.batch, m.batches, m.loss,
                                 m.lr, m.images_per_second, clock_text(seconds_left));
  int room = width - 1 - static_cast<int>(head.size() + tail.size()) - 2;
  std::string bar;
  if (room >= 5) {
    room = std::min(room, 40);
    auto full = static_cast<int>(room * m.batch / std::max<std::int64_t>(m.batches, 1));
    bar = "[" + std::string(full, '=') + std::string(room - full, ' ') + "]";
  }
  return (head + bar + tail).substr(0, std::max(width - 1, 0));
}

ProgressLine::ProgressLine(std::int64_t interval) : interval_(interval), terminal_(isatty(STDOUT_FILENO)) {}

double ProgressLine::seconds_left(const TrainingMoment& m) {
  if (start_step_ < 0) {
    start_step_ = step_of(m);
    start_ = Clock::now();
  }
  std::int64_t done = step_of(m) - start_step_, left = m.epochs * m.batches - step_of(m);
  double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  return done == 0 ? 0 : seconds / static_cast<double>(done) * static_cast<double>(left);
}

void ProgressLine::show(const TrainingMoment& m) {
  double left = seconds_left(m);
  if (!terminal_) {
    if (m.batch % interval_ != 0) return;
    fmt::print("epoch {}/{}  step {}/{}  loss {:.4f}  lr {:.4g}  {:.0f} images/s  ETA {}\n", m.epoch + 1, m.epochs,
               m.batch, m.batches, m.loss, m.lr, m.images_per_second, clock_text(left));
    std::fflush(stdout);
    return;
  }
  if (shown_ && Clock::now() - drawn_ < redraw_every) return;
  fmt::print("\r{}\x1b[K", progress_bar(m, left, terminal_width()));
  std::fflush(stdout);
  shown_ = true;
  drawn_ = Clock::now();
}

void ProgressLine::clear() {
  if (shown_) fmt::print("\r\x1b[K");
  shown_ = false;
}

}  // namespace stint
