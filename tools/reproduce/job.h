#pragma once

#include <stint/tools/reproduce/manifest.h>

namespace stint::reproduce {

/// What a user asks of `reproduce run`.
struct Request {
  std::filesystem::path output = "runs/reproduce";
  std::string tier = "smoke";
  std::vector<std::string> only;            ///< rows; empty: all
  std::vector<std::int64_t> seeds;          ///< empty: the tier's
  std::map<std::string, std::string> data;  ///< where each data set lies; under "": any other
  std::int64_t threads = 0;                 ///< of a run; 0: its own choice
  std::int64_t jobs = 1;                    ///< runs at a time
  std::string cpu;                          ///< what it is run on, to be recorded
};

/// One run of a row: a directory and the command that fills it.
struct Job {
  enum class State { fresh, begun, finished, stale };

  const Table* table;
  const Row* row;
  std::filesystem::path run;         ///< OUTPUT/PAPER-TABLE-TIER/ROW-SEED
  std::vector<std::string> command;  ///< behind `stint`, as the manifest states it: the same on every machine
  std::vector<std::string> here;     ///< what this request adds: data, threads, where the run goes
  std::vector<std::string> start;    ///< the command of the run whose weights it starts with; empty: of none
  bool prints = false;               ///< what the command prints is the run's report.json

  /// The value that stands last behind the flag in the command; empty without.
  std::string flag(const std::string& name) const;

  /// `stale`: begun or finished, by a command that is another now or that nobody noted.
  State state() const;

  /// The command as it is noted, with the one before it.
  std::string command_text() const;
};

/// OUTPUT/PAPER-TABLE-TIER
std::filesystem::path folder_of(const Table& table, const std::string& tier, const std::filesystem::path& output);

/// All runs of a table's row, in the order of the seeds; they point to both.
std::vector<Job> jobs_of(const Table& table, const Row& row, const Request& request);

/// The data set that lies somewhere on a machine; empty: none, it is bundled or made.
std::string dataset_of(const Job& job);

/// A shell's word for where the data set lies, which the reader sets: `"$MNIST"`.
std::string data_variable(const std::string& dataset);

/// The whole command as one pastes it into a shell, with `data_variable` where the data lies.
std::string paste_text(const Job& job);

/// The words as a shell reads them.
std::string shell_text(const std::vector<std::string>& words);

/// Notes the command beside the run, as ROW-SEED.command, before it begins: no other goes on with it.
void note_begun(const Job& job);

/// Moves the note into the run, as command.txt, to be compared with what the manifest says later.
void note_finished(const Job& job);

}  // namespace stint::reproduce
