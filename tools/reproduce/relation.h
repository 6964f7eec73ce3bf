#pragma once

#include <stint/tools/reproduce/manifest.h>

#include <optional>

namespace stint::reproduce {

/// `loss(local) >= 2 * loss(vrl)`, `top1(mink-0.9) >= top1(dense) - 1`, `rounds(sc-4) == 400`; nothing for another
/// text.
std::optional<Relation> parse_relation(const std::string& text);

/// Whether it holds between two values.
bool holds(const Relation& relation, double left, double right);

}  // namespace stint::reproduce
