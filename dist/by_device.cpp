#include <stint/dist/by_device.h>

namespace stint::dist {

namespace {

class ByDevice : public Communicator {
 public:
  ByDevice(std::unique_ptr<Communicator> cpu, std::unique_ptr<Communicator> cuda)
      : Communicator(cpu->rank(), cpu->size()), cpu_(std::move(cpu)), cuda_(std::move(cuda)) {}

  void abort(const Error& reason) override {
    cpu_->abort(reason);
    cuda_->abort(reason);
  }
  std::string fault() override { return cpu_->fault(); }

 private:
  Work start(Call call) override {
    bool here = call.device().type == Device::Type::cpu;
    return (here ? *cpu_ : *cuda_).call(std::move(call));
  }

  std::unique_ptr<Communicator> cpu_, cuda_;
};

}  // namespace

std::unique_ptr<Communicator> by_device(std::unique_ptr<Communicator> cpu, std::unique_ptr<Communicator> cuda) {
  return std::make_unique<ByDevice>(std::move(cpu), std::move(cuda));
}

}  // namespace stint::dist
