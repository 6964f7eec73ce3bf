#include <stint/kernels/add/add.h>
#include <stint/kernels/batch_norm/batch_norm.h>
#include <stint/kernels/conv2d/conv2d.h>
#include <stint/kernels/dropout/dropout.h>
#include <stint/kernels/global_pool/global_pool.h>
#include <stint/kernels/linear/linear.h>
#include <stint/kernels/max_pool/max_pool.h>
#include <stint/kernels/relu/relu.h>
#include <stint/kernels/softmax_cross_entropy/softmax_cross_entropy.h>

#include <catch2/catch.hpp>

#include "tape_fixtures.h"

using namespace stint;
using namespace stint::test;

namespace {

constexpr Window window_3x3{.kernel = 3, .stride = 1, .padding = 1};

/// A small residual network: both packings, operators that share gradients, and every kind of save.
class ResidualNet {
 public:
  explicit ResidualNet(Device device)
      : device_(device),
        stem_(make_leaf("stem", {16, 3, 3, 3}, 1, device)),
        block_(make_leaf("block", {16, 3, 3, 16}, 2, device)),
        gamma_(make_leaf("gamma", {16}, 3, device)),
        beta_(make_leaf("beta", {16}, 4, device)),
        head_(make_leaf("head", {4, 16}, 5, device)),
        bias_(make_leaf("bias", {4}, 6, device)),
        mean_(make_leaf("mean", {16}, 7, device)),
        var_(make_leaf("var", {16}, 8, device)) {}

  Value loss(Tape& tape, const Value& images) {
    Value x = tape.apply(Conv2d{window_3x3}, images, tape.leaf(stem_), Value());
    x = tape.apply(norm(), x, tape.leaf(gamma_), tape.leaf(beta_), Value());
    x = tape.apply(MaxPool{{.kernel = 2, .stride = 2, .padding = 0}}, x);
    Value y = tape.apply(Conv2d{window_3x3}, x, tape.leaf(block_), Value());
    x = tape.apply(norm(), y, tape.leaf(gamma_), tape.leaf(beta_), x);
    x = tape.apply(Relu{}, tape.apply(Add{}, x, y));
    x = tape.apply(Dropout{0.5f, {1, 1}}, tape.apply(GlobalPool{}, x));
    x = tape.apply(Linear{}, x, tape.leaf(head_), tape.leaf(bias_));
    return tape.apply(SoftmaxCrossEntropy{}, x, tape.constant(class_labels({0, 3}, device_)));
  }

 private:
  BatchNorm norm() const { return {.relu = true, .running_mean = mean_.value, .running_var = var_.value}; }

  Device device_;
  Leaf stem_, block_, gamma_, beta_, head_, bias_, mean_, var_;
};

/// What one training step asked of a device.
struct Account {
  std::size_t allocations = 0;
  PurposeBytes forward, peak, after;  // above what was there before
  std::vector<std::string> ledger;
  double flops = 0, bytes = 0;
};

PurposeBytes difference(PurposeBytes a, const PurposeBytes& b) {
  for (int i = 0; i < purpose_count; ++i) a.bytes[i] -= b.bytes[i];
  return a;
}

std::vector<std::string> lines_of(const Tape& tape) {
  std::vector<std::string> lines;
  for (const LedgerRow& row : tape.ledger()) {
    lines.push_back(fmt::format("{} {} {}: {} of {} bytes, {} {} {}", row.slot.op, row.slot.index,
                                row.slot.spec.shape.text(), row.held_bytes, row.dense_bytes, row.policy, row.encoding,
                                row.holder));
  }
  return lines;
}

Account step(Device device, SavePolicy& policy) {
  Allocator& allocator = allocator_of(device);
  allocator.reset_peak();
  MemoryStats before = allocator.stats();
  Account account;
  {
    ResidualNet net(device);
    Tensor images = to_tensor(random_reals(2 * 8 * 8 * 3, 9), {{2, 8, 8, 3}}).copy_to(device);
    Work work_before = work_done();
    Tape tape(Tape::Mode::training, policy);
    Value loss = net.loss(tape, tape.constant(images));
    account.forward = difference(allocator.stats().requested, before.requested);
    account.ledger = lines_of(tape);
    CHECK(account.forward[Purpose::saved] == ledger_bytes(tape));
    tape.backward(loss);
    account.flops = work_done().flops - work_before.flops;
    account.bytes = work_done().bytes - work_before.bytes;
    CHECK(saved_bytes(device) == before.requested[Purpose::saved]);
  }
  MemoryStats after = allocator.stats();
  account.allocations = after.allocations - before.allocations;
  account.peak = difference(after.peak, before.requested);
  account.after = difference(after.requested, before.requested);
  return account;
}

void compare(const Account& null, const Account& cpu) {
  for (int i = 0; i < purpose_count; ++i) {
    INFO(purpose_names[i]);
    CHECK(null.forward.bytes[i] == cpu.forward.bytes[i]);
    CHECK(null.peak.bytes[i] == cpu.peak.bytes[i]);
  }
  CHECK(null.ledger == cpu.ledger);
  CHECK(null.allocations == cpu.allocations);
  CHECK(null.flops == cpu.flops);
  CHECK(null.bytes == cpu.bytes);
  CHECK(null.after.total() == 0);
  CHECK(cpu.after.total() == 0);
}

/// The scratch tensors of `to_tensor` are made on the CPU for both devices: take them out of the CPU's account.
std::size_t scratch_allocations() {
  std::size_t before = allocator_of(Device::cpu()).stats().allocations;
  HalfPolicy policy;
  step(Device::null(), policy);
  return allocator_of(Device::cpu()).stats().allocations - before;
}

}  // namespace

TEST_CASE("a training step on the null device accounts for memory and work as on the CPU", "[tape]") {
  Account cpu = step(Device::cpu(), keep_dense()), null = step(Device::null(), keep_dense());
  cpu.allocations -= scratch_allocations();
  compare(null, cpu);
  CHECK(cpu.flops > 0);
  CHECK(cpu.forward[Purpose::saved] > 0);
}

TEST_CASE("packing saves the same bytes on the null device as on the CPU", "[tape]") {
  HalfPolicy policy;
  Account cpu = step(Device::cpu(), policy), null = step(Device::null(), policy);
  cpu.allocations -= scratch_allocations();
  compare(null, cpu);
  CHECK(cpu.forward[Purpose::saved] < step(Device::cpu(), keep_dense()).forward[Purpose::saved]);
}
