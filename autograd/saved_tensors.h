#pragma once

#include <stint/autograd/save_policy.h>

#include <list>
#include <string>
#include <vector>

namespace stint {

/// A line of the ledger: what one slot costs and why.
struct LedgerRow {
  Slot slot;
  std::size_t dense_bytes = 0;  ///< of the tensor
  std::size_t held_bytes = 0;   ///< counted at the first slot of a storage; 0 at the others and for parameters
  std::string policy;           ///< that holds it: "keep" or the name of another; "none" where its owner does
  std::string encoding;         ///< "dense", or how it is packed
  std::string holder;           ///< who else counts these bytes or keeps them dense; empty: nobody
  bool packable = false;        ///< all slots of the storage serve weight gradients alone: a policy may pack it
};

/// Everything that a tape holds for backward. Slots over one storage share it: it counts once, stays dense while
/// anybody outside holds it or one of its slots is exact, and is packed once for all slots otherwise.
class SavedTensors {
 public:
  explicit SavedTensors(SavePolicy& policy) : policy_(policy) {}
  ~SavedTensors();
  SavedTensors(const SavedTensors&) = delete;
  SavedTensors& operator=(const SavedTensors&) = delete;

  /// Takes a tensor over; returns the slot's number.
  int save(Slot slot, const Tensor& tensor);
  /// The tensor of a slot, unpacked where it was packed. Errors: released before.
  Tensor get(int number) const;
  void release(int number);

  /// Decides about every storage whose last handle outside is gone.
  void settle();

  /// One row a slot that is still held, in order of saving.
  std::vector<LedgerRow> ledger() const;
  /// The sum of its held bytes.
  std::size_t bytes() const;

 private:
  struct Held {
    std::shared_ptr<Storage> dense;  // null once packed
    std::unique_ptr<PackedTensor> packed;
    std::vector<int> slots;  // alive
    std::size_t dense_bytes = 0;
    bool counted = false;  // charged to Purpose::saved by us
    bool settled = false;

    std::size_t bytes() const { return !counted ? 0 : packed ? packed->bytes() : dense_bytes; }
  };
  struct Entry {
    Slot slot;
    std::size_t offset = 0;  // of the tensor in its storage, bytes
    std::list<Held>::iterator held;
    bool alive = true;
  };

  std::list<Held>::iterator hold(const std::shared_ptr<Storage>& storage);
  bool packable(const Held& held) const;
  void decide(Held& held);
  std::string holder_of(int number) const;
  const Entry& entry(int number) const;

  SavePolicy& policy_;
  std::list<Held> held_;
  std::vector<Entry> entries_;
};

}  // namespace stint
