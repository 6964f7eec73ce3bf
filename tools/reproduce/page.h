#pragma once

#include <stint/tools/reproduce/results.h>

namespace stint::reproduce {

/// The page, as Markdown: each table with the paper's figures beside ours, runs, relations, pictures, commands, and
/// what was not run. `folder`: where runs and `pictures/` lie, relative to the page, empty or with a slash at the end.
/// `note`: a text that is called one, empty for none.
std::string page_of(const std::vector<TableResult>& results, const std::string& folder, const std::string& note);

/// PAPER-TABLE-TIER-NAME, without an ending.
std::string picture_file(const TableResult& result, const Picture& picture);

}  // namespace stint::reproduce
