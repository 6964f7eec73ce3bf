#pragma once

#include <stint/tools/reproduce/results.h>

namespace stint::reproduce {

/// The page, as Markdown: each table with the paper's figures beside ours, runs, relations, pictures. `pictures` is the
/// folder of those, relative to the page.
std::string page_of(const std::vector<TableResult>& results, const std::string& pictures);

/// PAPER-TABLE-TIER-NAME, without an ending.
std::string picture_file(const TableResult& result, const Picture& picture);

}  // namespace stint::reproduce
