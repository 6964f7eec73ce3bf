#include <fmt/chrono.h>
#include <fmt/ranges.h>
#include <stint/runtime/closest.h>
#include <stint/runtime/error.h>
#include <stint/tools/reproduce/children.h>
#include <stint/tools/reproduce/record.h>
#include <stint/tools/reproduce/runner.h>
#include <stint/tools/trainer/files.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stint::reproduce {

namespace fs = std::filesystem;

namespace {

bool chosen(const std::vector<std::string>& only, const std::string& row) {
  return only.empty() || std::find(only.begin(), only.end(), row) != only.end();
}

/// Whether any row starts from this one, which is then run although it was not asked for.
bool is_start_of_chosen(const Table& table, const Row& row, const std::vector<std::string>& only) {
  return std::any_of(table.rows.begin(), table.rows.end(),
                     [&](const Row& other) { return other.from == row.name && chosen(only, other.name); });
}

void check_only(const std::vector<Table>& tables, const std::vector<std::string>& only) {
  std::vector<std::string> rows;
  for (const Table& table : tables) {
    for (const Row& row : table.rows) rows.push_back(row.name);
  }
  for (const std::string& name : only) {
    if (!chosen(rows, name))
      fail(ErrorKind::usage, "reproduce", "there is no row '{}'{}", name, did_you_mean(name, rows));
  }
}

/// Runs that may go on at the same time: first those that others start from.
std::vector<std::vector<Job>> waves_of(const std::vector<Table>& tables, const Request& request) {
  std::vector<std::vector<Job>> waves(2);
  for (const Table& table : tables) {
    for (const Row& row : table.rows) {
      bool start = is_start_of_chosen(table, row, request.only);
      if (!start && !chosen(request.only, row.name)) continue;
      for (Job& job : jobs_of(table, row, request)) waves[start ? 0 : 1].push_back(std::move(job));
    }
  }
  return waves;
}

/// Before the first run, which may take hours, and not between two.
void refuse_stale(const std::vector<std::vector<Job>>& waves) {
  for (const auto& jobs : waves) {
    for (const Job& job : jobs) {
      if (job.state() != Job::State::stale) continue;
      fail(ErrorKind::usage, "reproduce",
           "{0} was made by another command (its command.txt, or {0}.command): remove it, or another --output",
           job.run.string());
    }
  }
}

class Runner {
 public:
  Runner(const Request& request, const std::function<void(const std::string&)>& say) : request_(request), say_(say) {}

  void run(const std::vector<Job>& jobs) {
    std::size_t next = 0;
    while (children_.stopped() == 0 && (next < jobs.size() || children_.running() > 0)) {
      bool full = children_.running() >= request_.jobs || next == jobs.size();
      if (full) {
        take_end();
      } else {
        start(jobs[next++]);
      }
    }
    while (children_.running() > 0) take_end();
  }

  int finish() const {
    if (children_.stopped() != 0) return 128 + children_.stopped();
    if (failed_.empty()) return 0;
    fail(ErrorKind::runtime, "reproduce", "{} of {} runs failed: {}", failed_.size(), jobs_.size(),
         fmt::join(failed_, ", "));
  }

 private:
  void start(const Job& job) {
    Job::State state = job.state();
    if (state == Job::State::finished) return say_(fmt::format("{}: finished before", job.run.string()));
    std::vector<std::string> words = job.command;
    words.insert(words.end(), job.here.begin(), job.here.end());
    if (state == Job::State::begun) words.insert(words.end(), {"--resume", job.run.string()});
    fs::create_directories(job.prints ? job.run : job.run.parent_path());
    say_(fmt::format("stint {}", shell_text(words)));
    fs::remove(job.run / record_file);  // of an attempt that failed
    note_begun(job);
    children_.start(words, log_of(job));
    jobs_.push_back(job);
  }

  /// The run's directory is the child's to make.
  static fs::path log_of(const Job& job) {
    return job.prints ? job.run / "report.json.new" : fs::path(job.run.string() + ".log");
  }

  /// Keeps what came of a run, and what is known of how; nothing of one that was stopped.
  void keep_record(const Job& job) const {
    auto record = make_record(job);
    if (!record) return;
    Circumstances& c = record->circumstances;
    c.cpu = request_.cpu;
    c.jobs = request_.jobs;
    if (c.threads == 0) c.threads = request_.threads;
    c.version = STINT_VERSION;
    c.day = fmt::format("{:%Y-%m-%d}", fmt::gmtime(std::time(nullptr)));
    write_record(job.run, *record);
  }

  void take_end() {
    auto [number, code] = children_.wait();
    const Job& job = jobs_[number];
    if (code == 0) {
      if (job.prints) fs::rename(log_of(job), job.run / "report.json");
      note_finished(job);
      keep_record(job);
      say_(fmt::format("{}: done", job.run.string()));
    } else if (children_.stopped() == 0) {
      keep_record(job);
      failed_.push_back(fmt::format("{} (exit {})", job.run.string(), code));
      say_(failed_.back());
    }
  }

  const Request& request_;
  const std::function<void(const std::string&)>& say_;
  Children children_;
  std::vector<Job> jobs_;  // by the number of their child
  std::vector<std::string> failed_;
};

}  // namespace

int run_tables(const std::vector<Table>& tables, const Request& request,
               const std::function<void(const std::string&)>& say) {
  check_only(tables, request.only);
  auto waves = waves_of(tables, request);
  refuse_stale(waves);
  Runner runner(request, say);
  for (const auto& jobs : waves) runner.run(jobs);
  return runner.finish();
}

}  // namespace stint::reproduce
