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
#include <charconv>
#include <chrono>
#include <cmath>
#include <numeric>
#include <sstream>
#include <thread>

namespace stint {

namespace {

/// In one process nobody dies alone, and a worker may wait long for its turn.
constexpr std::chrono::hours patience{24 * 365};

/// `2/1/1` as shares of the whole; equal ones without.
std::vector<double> shares_of(const Config& config, int workers) {
  std::vector<double> speeds;
  std::istringstream parts(config.sync.speeds);
  for (std::string part; std::getline(parts, part, '/');) {
    double speed = 0;
    auto [after, error] = std::from_chars(part.data(), part.data() + part.size(), speed);
    bool good = error == std::errc{} && after == part.data() + part.size() && speed > 0 && speed < 1e6;
    if (!good) fail(ErrorKind::usage, "sync.speeds", "'{}' is no speed, expected numbers like 2/1/1", part);
    speeds.push_back(speed);
  }
  if (speeds.empty()) speeds.assign(workers, 1);
  if (static_cast<int>(speeds.size()) != workers) {
    fail(ErrorKind::usage, "sync.speeds", "expected a speed for each of {} workers, got {}", workers, speeds.size());
  }
  double sum = std::accumulate(speeds.begin(), speeds.end(), 0.0);
  for (double& speed : speeds) speed /= sum;
  return speeds;
}

/// Fills in which images of a step are the worker's: all of them are `batch_size` times the workers, shared out by
/// speed.
Team with_images(Team team, const Config& config) {
  auto shares = shares_of(config, team.size());
  team.images = config.data.batch_size * team.size();
  double before = 0;
  for (int r = 0; r < team.rank(); ++r) before += shares[r];
  auto cut = [&](double share) {
    return static_cast<std::int64_t>(std::llround(share * static_cast<double>(team.images)));
  };
  team.first_image = cut(before);
  team.batch_size = cut(before + shares[team.rank()]) - team.first_image;
  if (team.batch_size < 1)
    fail(ErrorKind::usage, "sync.speeds", "nothing is left of a step for worker {}", team.rank());
  return team;
}

void run_threads(int workers, const Config& config, Device device, const std::function<void(const Team&)>& worker) {
  int threads = thread_count();
  auto cores = static_cast<int>(std::thread::hardware_concurrency());
  std::shared_ptr<dist::EmulatedNet> emulated;
  if (!config.sync.net.empty())
    emulated = std::make_shared<dist::EmulatedNet>(dist::LinkModel::parse(config.sync.net), workers);
  dist::Baton baton(std::max(1, cores / threads));
  dist::run_workers(workers, patience, [&](dist::Communicator& group) {
    set_thread_count(threads);  // a new thread has OpenMP's default
    dist::Baton::Hold hold(baton);
    if (!emulated) return worker(with_images({&group, true, device}, config));
    bool alone = threads == 1 && device.type == Device::Type::cpu;
    using Clock = dist::EmulatedGroup::Clock;
    dist::EmulatedGroup slowed(group, emulated, alone ? Clock::thread : Clock::wall);
    worker(with_images({&slowed, true, device, &slowed}, config));
  });
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
  auto cuda = dist::nccl(launch.rank, launch.size, id, device, timeout, group.get());  // by_device keeps both
  return dist::by_device(std::move(group), std::move(cuda));
}

void run_process(const LaunchVariables& launch, const Config& config, Device device,
                 const std::function<void(const Team&)>& worker) {
  auto group = open_group(launch, config, device);
  try {
    worker(with_images({group.get(), false, device}, config));
    group->barrier();  // nobody leaves while another still needs it
  } catch (const std::exception& error) {
    group->abort(as_error(error));
    throw;
  }
}

}  // namespace

Device device_of_rank(const Config& config) {
  LaunchVariables launch = LaunchVariables::read();
  Device device = Device::parse(config.device);
  bool any = device.type == Device::Type::cuda && config.device.find(':') == std::string::npos;
  return any && launch.size > 1 ? Device::cuda(launch.local_rank % cuda_device_count()) : device;
}

void run_team(const Config& config, const std::function<void(const Team&)>& worker) {
  auto workers = static_cast<int>(config.sync.workers);
  LaunchVariables launch = LaunchVariables::read();
  Device device = device_of_rank(config);
  check_sync(config, std::max(workers, launch.size));
  if (launch.size > 1 && workers > 1) {
    fail(ErrorKind::usage, "sync.workers", "expected 1 in each of {} processes, got {}", launch.size, workers);
  }
  if (!config.sync.net.empty() && (config.sync.algorithm == "none" || launch.size > 1)) {
    fail(ErrorKind::usage, "sync.net",
         "the emulated clock is for several workers in one process: --workers N --sync ...");
  }
  if (!config.sync.speeds.empty() && !config.sync.algorithm.starts_with("cocod")) {
    fail(ErrorKind::usage, "sync.speeds", "unequal batches need an average by weight: --sync cocod, got {}",
         config.sync.algorithm);
  }
  if (config.sync.algorithm == "none") return worker(with_images({.device = device}, config));
  if (launch.size > 1) return run_process(launch, config, device, worker);
  run_threads(workers, config, device, worker);
}

LoaderOptions worker_options(const Config& config, const ImageSet& images, const Team& team) {
  return training_options(config, images,
                          {.rank = team.rank(),
                           .workers = team.size(),
                           .batch_size = team.batch_size,
                           .first = team.first_image,
                           .together = team.images});
}

}  // namespace stint
