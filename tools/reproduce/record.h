#pragma once

#include <stint/tools/reproduce/job.h>
#include <stint/tools/reproduce/measures.h>

#include <optional>

namespace stint::reproduce {

/// In a run's directory.
inline constexpr const char* record_file = "measures.json";

/// What was noted of how a run was made; empty or 0: it was not.
struct Circumstances {
  std::string version;  ///< of stint
  std::string cpu;
  std::string day;  ///< of its end, UTC
  std::int64_t threads = 0;
  std::int64_t jobs = 0;  ///< runs at a time
};

/// What is kept of a run that has ended, small enough to be committed. Pages and pictures are
/// made of these files alone.
struct Record {
  bool failed = false;
  std::string reason;   ///< of a failure
  std::string command;  ///< as `Job::command_text` notes it
  Circumstances circumstances;
  Measures measures;  ///< those that the table asks for
};

/// Of a run's own files; nothing if it has not ended, or was another command's. Errors: as `read_measures`.
std::optional<Record> make_record(const Job& job);

/// Writes it into the run's directory. Numbers that are not whole have nine digits.
void write_record(const std::filesystem::path& run, const Record& record);

/// The record that was written; where that is missing or lacks what the table asks for today, it is
/// made of the run's own files and written. Nothing if there is neither. Errors (ErrorKind::data): damaged.
std::optional<Record> find_record(const Job& job);

}  // namespace stint::reproduce
