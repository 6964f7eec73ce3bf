#pragma once

#include <stint/tools/reproduce/job.h>

#include <functional>

namespace stint::reproduce {

/// Does all runs of the tables that are not finished yet, going on with those that were stopped; rows that start from
/// another row's weights come behind it. `say` is told a line about each. Returns 0, or after a signal 128 + its
/// number. Errors (ErrorKind::usage): a row that is none, a run that was made by another command; at the end
/// (ErrorKind::runtime): runs that failed, the others being done.
int run_tables(const std::vector<Table>& tables, const Request& request,
               const std::function<void(const std::string&)>& say);

}  // namespace stint::reproduce
