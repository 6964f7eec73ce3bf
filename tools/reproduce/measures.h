#pragma once

#include <stint/tools/reproduce/job.h>

namespace stint::reproduce {

/// What a run measured, epoch by epoch, by name: the columns of summary.csv and what metrics.jsonl adds to them, and
///   epochs      done so far
///   total_s     seconds of training so far, measured
///   link_ratio  t_comm / t_comp: what the command's link takes for a meeting's mean bytes, by its model and without
///               waiting for anybody, over the emulated seconds that worker 0 computed a step
/// A `plan` or `inspect mem` is one epoch of its JSON's numbers; the latter with what was dropped:
///   dropped_dense_bytes, dropped_held_bytes  dense and held bytes of the slots that DropIT holds
///   dropped_change                           of the first by the second, per cent
///   beyond_bytes                             held beyond the layout of the slot's encoding, a slot
///   int32_bytes, int64_bytes                 of the authors' layouts there: floor(M (1 - x)) values with a place each
///   bitmask_bytes                            the same values with a bit an element
/// with x the row's gamma.
using Measures = std::vector<std::map<std::string, double>>;

/// What an ideal speed-up is reckoned from.
inline const std::string ideal_measure = "link_ratio";

/// Errors (ErrorKind::data): files that are damaged.
Measures read_measures(const Job& job);

/// The column's value in a run, unscaled; NaN if its measure or its moment did not come. Not for what needs other rows.
double value_of(const Column& column, const Measures& measures);

}  // namespace stint::reproduce
