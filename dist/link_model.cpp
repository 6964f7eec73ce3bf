#include <stint/dist/arguments.h>
#include <stint/dist/link_model.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>

namespace stint::dist {

namespace {

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Unit {
  const char* name;
  double factor;
};

double read_quantity(const std::string& text, std::initializer_list<Unit> units, const std::string& what) {
  double value = 0;
  auto [after, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit(after, text.data() + text.size());
  for (const Unit& each : units) {
    if (error == std::errc{} && value >= 0 && unit == each.name) return value * each.factor;
  }
  fail(ErrorKind::usage, "net", "{} is '{}', expected a number with a unit: bandwidth=1Gbps,latency=50us", what, text);
}

/// Messages of a collective that have to follow each other.
int phases(Operation operation) {
  return operation == Operation::all_reduce ? 2 : 1;
}

}  // namespace

LinkModel LinkModel::parse(const std::string& text) {
  Arguments arguments("net:" + text);
  std::string bandwidth = arguments.text("bandwidth"), latency = arguments.text("latency");
  arguments.refuse_rest();
  LinkModel link;
  link.bytes_per_second = read_quantity(
      bandwidth, {{"bps", 1 / 8.0}, {"kbps", 1e3 / 8}, {"Mbps", 1e6 / 8}, {"Gbps", 1e9 / 8}}, "bandwidth");
  if (!latency.empty()) link.latency = read_quantity(latency, {{"s", 1}, {"ms", 1e-3}, {"us", 1e-6}}, "latency");
  if (link.bytes_per_second == 0) fail(ErrorKind::usage, "net", "a bandwidth of 0 carries nothing");
  return link;
}

double LinkModel::seconds(Operation operation, std::uint64_t sent, std::uint64_t received) const {
  return phases(operation) * latency + static_cast<double>(std::max(sent, received)) / bytes_per_second;
}

void EmulatedNet::post(std::int64_t number, double time, double cost) {
  std::lock_guard lock(mutex_);
  Entry& entry = entries_[number];
  entry.start = std::max(entry.start, time);
  entry.cost = std::max(entry.cost, cost);
  if (++entry.posted < size_) return;
  entry.end = std::max(entry.start, free_) + entry.cost;
  free_ = entry.end;
}

double EmulatedNet::done(std::int64_t number) {
  std::lock_guard lock(mutex_);
  return entries_[number].end;
}

void EmulatedNet::free_after(std::int64_t number) {
  std::lock_guard lock(mutex_);
  free_ = entries_[number].end;
}

EmulatedGroup::EmulatedGroup(Communicator& inner, std::shared_ptr<EmulatedNet> net, Clock clock)
    : Communicator(inner.rank(), inner.size()),
      inner_(inner),
      net_(std::move(net)),
      clock_(clock),
      started_(computed_seconds()) {}

double EmulatedGroup::computed_seconds() const {
  return clock_ == Clock::thread ? thread_seconds() : wall_seconds() - Work::away_seconds();
}

double EmulatedGroup::seconds() const {
  return computed_seconds() - started_ + skew_;
}

Work EmulatedGroup::start(Call call) {
  Traffic moved;
  count_traffic(call, rank(), size(), moved);
  std::int64_t number = ++number_;
  net_->post(number, seconds(), net_->link().seconds(call.operation, moved.total_sent(), moved.total_received()));
  return inner_.call(std::move(call)).then([this, number] {
    double wait = std::max(0.0, net_->done(number) - seconds());
    skew_ += wait;
    waited_ += wait;
  });
}

}  // namespace stint::dist
