#include <stint/autograd/saved_tensors.h>

#include <algorithm>
#include <numeric>

namespace stint {

namespace {

class KeepDense : public SavePolicy {
 public:
  std::string_view name() const override { return "keep"; }
  std::unique_ptr<PackedTensor> pack(const Tensor&, std::span<const Slot>) override { return nullptr; }
};

std::string describe(const Slot& slot) {
  return fmt::format("{}{}{} slot {}", slot.layer, slot.layer.empty() ? "" : " ", slot.op, slot.index);
}

}  // namespace

SavePolicy& keep_dense() {
  static KeepDense policy;
  return policy;
}

SavedTensors::~SavedTensors() {
  for (int number = 0; number < static_cast<int>(entries_.size()); ++number) release(number);
}

int SavedTensors::save(Slot slot, const Tensor& tensor) {
  require(static_cast<bool>(tensor), slot.op, "an empty tensor cannot be saved");
  auto held = hold(tensor.storage());
  int number = static_cast<int>(entries_.size());
  held->slots.push_back(number);
  slot.spec = tensor.spec();
  entries_.push_back({std::move(slot), tensor.offset(), held});
  return number;
}

std::list<SavedTensors::Held>::iterator SavedTensors::hold(const std::shared_ptr<Storage>& storage) {
  auto known = std::find_if(held_.rbegin(), held_.rend(), [&](const Held& h) { return h.dense == storage; });
  if (known != held_.rend()) return std::prev(known.base());
  auto held = held_.insert(held_.end(), Held{});
  held->dense = storage;
  held->dense_bytes = storage->bytes();
  held->counted = storage->purpose() == Purpose::other;  // an activation; parameters stay what they are
  if (held->counted) storage->set_purpose(Purpose::saved);
  held->settled = !held->counted;
  return held;
}

const SavedTensors::Entry& SavedTensors::entry(int number) const {
  const Entry& found = entries_.at(number);
  require(found.alive, found.slot.op, "slot {} was released before", found.slot.index);
  return found;
}

Tensor SavedTensors::get(int number) const {
  const Entry& e = entry(number);
  auto storage = e.held->packed ? e.held->packed->unpack().storage() : e.held->dense;
  return Tensor(e.slot.spec, storage, e.offset);
}

void SavedTensors::release(int number) {
  Entry& e = entries_[number];
  if (!std::exchange(e.alive, false)) return;
  Held& held = *e.held;
  std::erase(held.slots, number);
  if (!held.slots.empty()) return;
  if (held.counted && held.dense) held.dense->set_purpose(Purpose::other);  // somebody outside may keep it
  held_.erase(e.held);
}

void SavedTensors::settle() {
  for (Held& held : held_) {
    if (!held.settled && held.dense.use_count() == 1) decide(held);
  }
}

/// Nobody outside holds it, and every slot is of the whole of it and serves weight gradients alone.
bool SavedTensors::packable(const Held& held) const {
  if (!held.counted || !held.settled) return false;
  DType dtype = entries_[held.slots.front()].slot.spec.dtype;
  return std::all_of(held.slots.begin(), held.slots.end(), [&](int number) {
    const Slot& slot = entries_[number].slot;
    return slot.fidelity == Fidelity::parameter_gradient_only && slot.spec.dtype == dtype &&
           slot.spec.bytes() == held.dense_bytes;
  });
}

void SavedTensors::decide(Held& held) {
  held.settled = true;
  if (!packable(held)) return;
  std::vector<Slot> slots;
  for (int number : held.slots) slots.push_back(entries_[number].slot);
  PurposeScope scope(Purpose::saved);
  held.packed = policy_.pack(Tensor(slots.front().spec, held.dense, 0), slots);
  if (held.packed) held.dense.reset();
}

/// Who else has the storage of a slot; for one that could be packed and is not, who is the reason.
std::string SavedTensors::holder_of(int number) const {
  const Entry& e = entries_[number];
  const Held& held = *e.held;
  if (!held.counted) return std::string(purpose_names[static_cast<int>(held.dense->purpose())]);
  if (held.slots.front() != number) return "shared with " + describe(entries_[held.slots.front()].slot);
  bool whole = !held.packed && e.slot.fidelity != Fidelity::exact;
  for (int other : held.slots) {
    if (whole && entries_[other].slot.fidelity == Fidelity::exact) return "exact in " + describe(entries_[other].slot);
  }
  if (whole && !held.settled) return "held outside";
  return held.slots.size() == 1 ? "" : "shared with " + describe(entries_[held.slots[1]].slot);
}

std::vector<LedgerRow> SavedTensors::ledger() const {
  std::vector<LedgerRow> rows;
  for (int number = 0; number < static_cast<int>(entries_.size()); ++number) {
    const Entry& e = entries_[number];
    if (!e.alive) continue;
    const Held& held = *e.held;
    LedgerRow row{.slot = e.slot, .dense_bytes = e.slot.spec.bytes()};
    row.policy = !held.counted ? "none" : held.packed ? policy_.name() : keep_dense().name();
    row.encoding = held.packed ? held.packed->encoding() : "dense";
    row.holder = holder_of(number);
    row.packable = packable(held);
    if (held.slots.front() == number) row.held_bytes = held.bytes();
    rows.push_back(std::move(row));
  }
  return rows;
}

std::size_t SavedTensors::bytes() const {
  return std::accumulate(held_.begin(), held_.end(), std::size_t{0},
                         [](std::size_t sum, const Held& held) { return sum + held.bytes(); });
}

}  // namespace stint
