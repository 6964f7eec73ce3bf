#pragma once

#include <stint/tools/reproduce/results.h>
#include <stint/tools/trainer/chart.h>

namespace stint::reproduce {

/// The table's picture of what was run; rows that were not are left out.
Chart draw_picture(const Picture& picture, const TableResult& result);

}  // namespace stint::reproduce
