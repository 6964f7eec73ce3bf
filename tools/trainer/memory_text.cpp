#include <fmt/format.h>
#include <stint/kernels/drop/drop.h>
#include <stint/tools/trainer/memory_text.h>

#include <algorithm>

namespace stint {

namespace {

constexpr std::size_t rows_shown = 4;
constexpr double suggested_gamma = 0.9;

double mebibytes(std::size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

std::string row_text(const LedgerRow& row) {
  return fmt::format("{} {} {} {} {} {:.1f} MiB", row.slot.layer, row.slot.op, row.slot.index,
                     row.slot.spec.shape.text(), row.encoding, mebibytes(row.held_bytes));
}

/// What dropping would make of the rows that are whole only because nobody asked for it.
std::string drop_text(const std::vector<LedgerRow>& ledger) {
  std::size_t whole = 0, dropped = 0;
  for (const LedgerRow& row : ledger) {
    if (!row.packable || row.held_bytes == 0) continue;
    std::int64_t count = row.slot.spec.shape.count(), capacity = drop_capacity(count, suggested_gamma);
    whole += row.held_bytes;
    dropped += static_cast<std::size_t>(capacity) * size_of(row.slot.spec.dtype) +
               index_bytes(smaller_index(count, capacity), count, capacity);
  }
  std::string text = fmt::format(", or --drop mink:gamma={}", suggested_gamma);
  if (whole == 0) return text;
  return text + fmt::format(", which holds {:.1f} MiB of these in {:.1f}", mebibytes(whole), mebibytes(dropped));
}

/// What dropping more could still take from.
std::string drop_more_text(const std::vector<LedgerRow>& ledger) {
  std::size_t held = 0, whole = 0;
  for (const LedgerRow& row : ledger) {
    held += row.policy == "drop" ? row.held_bytes : 0;
    whole += row.policy != "drop" && row.packable ? row.held_bytes : 0;
  }
  std::string text;
  if (held > 0) text += fmt::format(", or a larger gamma: --drop holds {:.1f} MiB of these", mebibytes(held));
  if (whole > 0) text += fmt::format(", or --drop of more layers: {:.1f} MiB could be dropped", mebibytes(whole));
  return text;
}

}  // namespace

std::string memory_text(const PurposeBytes& bytes) {
  std::string parts;
  for (int i = 0; i < purpose_count; ++i) {
    if (bytes.bytes[i] == 0) continue;
    parts += fmt::format("{}{} {:.1f}", parts.empty() ? "" : ", ", purpose_names[i], mebibytes(bytes.bytes[i]));
  }
  return fmt::format("{:.1f} MiB ({})", mebibytes(bytes.total()), parts);
}

std::string kept_text(const std::vector<DropRecord>& records) {
  std::int64_t elements = 0, capacity = 0, inside = 0, kept = 0;
  for (const DropRecord& record : records) {
    elements += record.elements;
    capacity += record.capacity;
    inside += record.counts.inside;
    kept += record.counts.kept;
  }
  auto share = [&](std::int64_t part) { return 100 * static_cast<double>(part) / static_cast<double>(elements); };
  std::string text = fmt::format("kept {:.2f} % of {} elements in {} tensors, room for {:.2f} %", share(kept), elements,
                                 records.size(), share(capacity));
  return inside == kept ? text : text + fmt::format(", {} cut", inside - kept);
}

void fail_for_memory(const Error& error, std::vector<LedgerRow> ledger, bool dropping) {
  std::string advice = "a smaller --batch-size may help" + (dropping ? drop_more_text : drop_text)(ledger);
  std::erase_if(ledger, [](const LedgerRow& row) { return row.held_bytes == 0; });
  std::stable_sort(ledger.begin(), ledger.end(), [](auto& a, auto& b) { return a.held_bytes > b.held_bytes; });
  std::string rows;
  for (std::size_t i = 0; i < std::min(rows_shown, ledger.size()); ++i) rows += (i ? "; " : "") + row_text(ledger[i]);
  throw Error(error.kind(), fmt::format("{}\nlargest of {} saved tensors: {}\n{}", error.what(), ledger.size(),
                                        rows.empty() ? "none" : rows, advice));
}

}  // namespace stint
