#include <stint/dist/communicator.h>

namespace stint::dist {

Work Communicator::call(Call what) {
  check_call(what, rank_, size_);
  count_traffic(what, rank_, size_, traffic_);
  return start(std::move(what));
}

Work Communicator::all_reduce(const Tensor& x, Reduce reduce, Payload payload) {
  return call({.operation = Operation::all_reduce, .payload = payload, .reduce = reduce, .x = x});
}

Work Communicator::reduce_scatter(const Tensor& x, const Tensor& mine, Reduce reduce, Payload payload) {
  return call({.operation = Operation::reduce_scatter, .payload = payload, .reduce = reduce, .x = x, .in = {mine}});
}

Work Communicator::all_gather(const Tensor& mine, const std::vector<Tensor>& parts, Payload payload) {
  return call({.operation = Operation::all_gather, .payload = payload, .x = mine, .in = parts});
}

Work Communicator::all_to_all(const std::vector<Tensor>& out, const std::vector<Tensor>& in, Payload payload) {
  return call({.operation = Operation::all_to_all, .payload = payload, .out = out, .in = in});
}

Work Communicator::broadcast(const Tensor& x, int root, Payload payload) {
  return call({.operation = Operation::broadcast, .payload = payload, .peer = root, .x = x});
}

Work Communicator::gather(const Tensor& mine, const std::vector<Tensor>& parts, int root, Payload payload) {
  return call({.operation = Operation::gather, .payload = payload, .peer = root, .x = mine, .in = parts});
}

Work Communicator::send(const Tensor& x, int to, Payload payload) {
  return call({.operation = Operation::send, .payload = payload, .peer = to, .x = x});
}

Work Communicator::recv(const Tensor& x, int from, Payload payload) {
  return call({.operation = Operation::recv, .payload = payload, .peer = from, .x = x});
}

void Communicator::barrier() {
  Tensor token({1}, DType::u8);
  token.zero();
  std::vector<Tensor> tokens(size_);
  for (Tensor& each : tokens) each = Tensor({1}, DType::u8);
  start({.operation = Operation::all_gather, .x = token, .in = tokens}).wait();  // no payload
}

}  // namespace stint::dist
