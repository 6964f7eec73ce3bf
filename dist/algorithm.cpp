#include <stint/dist/algorithm.h>
#include <stint/kernels/vector/vector.h>

namespace stint::dist {

Tensor Algorithm::zeros(std::int64_t count) const {
  PurposeScope scope(Purpose::optimiser);
  Tensor tensor({count}, DType::f32, setting_.device);
  tensor.zero();
  return tensor;
}

/// The padding behind the last block does not travel.
Work Algorithm::start_mean(const Tensor& x, Payload payload, Reduce reduce) const {
  std::int64_t count = x.count();
  const auto& blocks = setting_.table.blocks();
  if (count == setting_.table.extent() && !blocks.empty()) count = blocks.back().offset + blocks.back().count;
  return setting_.group.all_reduce(x.slice(0, count), reduce, payload);
}

void Algorithm::make_equal(const StepContext& context) {
  Work work = start_mean(context.parameters, Payload::parameter);
  make_rest_equal(context);
  work.wait();
}

void Algorithm::make_rest_equal(const StepContext& context) {
  std::vector<Work> works;
  for (const NamedTensor& each : context.update.state()) works.push_back(start_mean(each.tensor, Payload::state));
  if (setting_.buffers != BufferPolicy::root_every_step) consensus_buffers(context, context.buffers);
  for (const Work& work : works) work.wait();
}

void Algorithm::consensus(const StepContext& context, const Tensor& out) {
  out.copy_from(context.parameters);
  if (!replicas_agree()) start_mean(out, Payload::parameter).wait();
}

void Algorithm::consensus_buffers(const StepContext& context, const Tensor& out) {
  if (!out || out.count() == 0) return;
  if (out.raw() != context.buffers.raw()) out.copy_from(context.buffers);
  if (setting_.buffers == BufferPolicy::local) return;
  if (setting_.buffers == BufferPolicy::mean) {
    setting_.group.all_reduce(out, Reduce::mean, Payload::buffer).wait();
  } else {
    setting_.group.broadcast(out, 0, Payload::buffer).wait();
  }
}

bool Algorithm::buffers_agree() const {
  if (setting_.buffers == BufferPolicy::root_every_step) return true;
  return setting_.buffers != BufferPolicy::local && averages() && replicas_agree();
}

void Algorithm::share_buffers(const StepContext& context) {
  bool wanted = setting_.buffers == BufferPolicy::root_every_step && context.buffers && context.buffers.count() > 0;
  if (wanted) setting_.group.broadcast(context.buffers, 0, Payload::buffer).wait();
}

}  // namespace stint::dist
