#include <stint/dist/baton.h>
#include <stint/dist/by_device.h>
#include <stint/dist/gloo.h>
#include <stint/dist/in_process.h>
#include <stint/dist/nccl.h>
#include <stint/dist/tcp_store.h>
#include <stint/runtime/cuda_driver.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/trainer/launch_variables.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/team.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace stint {

namespace {

/// In one process nobody dies alone, and a worker may wait long for its turn.
constexpr std::chrono::hours patience{24 * 365};

void run_threads(int workers, const std::string& net, Device device, const std::function<void(const Team&)>& worker) {
  int threads = thread_count();
  auto cores = static_cast<int>(std::thread::hardware_concurrency());
  std::shared_ptr<dist::EmulatedNet> emulated;
  if (!net.empty()) emulated = std::make_shared<dist::EmulatedNet>(dist::LinkModel::parse(net), workers);
  dist::Baton baton(std::max(1, cores / threads));
  dist::run_workers(workers, patience, [&](dist::Communicator& group) {
    set_thread_count(threads);  // a new thread has OpenMP's default
    dist::Baton::Hold hold(baton);
    if (!emulated) return worker({&group, true, device});
    dist::EmulatedGroup slowed(group, emulated);
    worker({&slowed, true, device, &slowed});
  });
}

/// `cuda` without a number is, for one rank of several on a machine, the device of its local rank.
Device device_of(const LaunchVariables& launch, const Config& config) {
  Device device = Device::parse(config.device);
  bool any = device.type == Device::Type::cuda && config.device.find(':') == std::string::npos;
  return any && launch.size > 1 ? Device::cuda(launch.local_rank % cuda_device_count()) : device;
}

/// Rank 0 makes the id and leaves it where the others look.
dist::NcclId common_id(const LaunchVariables& launch, std::chrono::milliseconds timeout) {
  dist::TcpStore store(launch.master_address, launch.master_port + 1, launch.rank == 0, timeout);
  if (launch.rank == 0) {
    dist::NcclId id = dist::make_nccl_id();
    store.set("id", {id.begin(), id.end()});
  }
  auto bytes = store.get("id");
  dist::NcclId id{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.size()), id.begin());
  store.set(std::to_string(launch.rank), {1});
  for (int r = 0; launch.rank == 0 && r < launch.size; ++r) store.get(std::to_string(r));  // before it goes
  return id;
}

/// CPU tensors travel over Gloo, CUDA tensors over NCCL.
std::unique_ptr<dist::Communicator> open_group(const LaunchVariables& launch, const Config& config, Device device) {
  std::chrono::duration<double> timeout(config.sync.timeout);
  auto group = dist::gloo(launch.rank, launch.size, launch.master_address, launch.master_port, timeout);
  if (device.type != Device::Type::cuda) return group;
  auto id = common_id(launch, std::chrono::duration_cast<std::chrono::milliseconds>(timeout));
  return dist::by_device(std::move(group), dist::nccl(launch.rank, launch.size, id, device, timeout));
}

void run_process(const LaunchVariables& launch, const Config& config, Device device,
                 const std::function<void(const Team&)>& worker) {
  auto group = open_group(launch, config, device);
  try {
    worker({group.get(), false, device});
    group->barrier();  // nobody leaves while another still needs it
  } catch (const std::exception& error) {
    group->abort(error.what());
    throw;
  }
}

}  // namespace

void run_team(const Config& config, const std::function<void(const Team&)>& worker) {
  auto workers = static_cast<int>(config.sync.workers);
  LaunchVariables launch = LaunchVariables::read();
  Device device = device_of(launch, config);
  check_sync(config, std::max(workers, launch.size));
  if (launch.size > 1 && workers > 1) {
    fail(ErrorKind::usage, "sync.workers", "expected 1 in each of {} processes, got {}", launch.size, workers);
  }
  if (!config.sync.net.empty() && (config.sync.algorithm == "none" || launch.size > 1)) {
    fail(ErrorKind::usage, "sync.net",
         "the emulated clock is for several workers in one process: --workers N --sync ...");
  }
  if (config.sync.algorithm == "none") return worker({.device = device});
  if (launch.size > 1) return run_process(launch, config, device, worker);
  run_threads(workers, config.sync.net, device, worker);
}

Loader worker_loader(const Config& config, const ImageSet& images, const Team& team) {
  return Loader::sharded(images, config.data.batch_size, static_cast<std::uint64_t>(config.seed), team.rank(),
                         team.size());
}

}  // namespace stint
