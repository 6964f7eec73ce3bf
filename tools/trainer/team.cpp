#include <stint/dist/baton.h>
#include <stint/dist/gloo.h>
#include <stint/dist/in_process.h>
#include <stint/runtime/parallel.h>
#include <stint/tools/trainer/launch_variables.h>
#include <stint/tools/trainer/synchroniser.h>
#include <stint/tools/trainer/team.h>

#include <chrono>
#include <thread>

namespace stint {

namespace {

/// In one process nobody dies alone, and a worker may wait long for its turn.
constexpr std::chrono::hours patience{24 * 365};

void run_threads(int workers, const std::string& net, const std::function<void(const Team&)>& worker) {
  int threads = thread_count();
  auto cores = static_cast<int>(std::thread::hardware_concurrency());
  std::shared_ptr<dist::EmulatedNet> emulated;
  if (!net.empty()) emulated = std::make_shared<dist::EmulatedNet>(dist::LinkModel::parse(net), workers);
  dist::Baton baton(std::max(1, cores / threads));
  dist::run_workers(workers, patience, [&](dist::Communicator& group) {
    set_thread_count(threads);  // a new thread has OpenMP's default
    dist::Baton::Hold hold(baton);
    if (!emulated) return worker({&group});
    dist::EmulatedGroup slowed(group, emulated);
    worker({&slowed, true, &slowed});
  });
}

void run_process(const LaunchVariables& launch, const Config& config, const std::function<void(const Team&)>& worker) {
  auto group = dist::gloo(launch.rank, launch.size, launch.master_address, launch.master_port,
                          std::chrono::duration<double>(config.sync.timeout));
  try {
    worker({group.get(), false});
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
  check_sync(config, std::max(workers, launch.size));
  if (launch.size > 1 && workers > 1) {
    fail(ErrorKind::usage, "sync.workers", "expected 1 in each of {} processes, got {}", launch.size, workers);
  }
  if (!config.sync.net.empty() && (config.sync.algorithm == "none" || launch.size > 1)) {
    fail(ErrorKind::usage, "sync.net",
         "the emulated clock is for several workers in one process: --workers N --sync ...");
  }
  if (config.sync.algorithm == "none") return worker({});
  if (launch.size > 1) return run_process(launch, config, worker);
  run_threads(workers, config.sync.net, worker);
}

Loader worker_loader(const Config& config, const ImageSet& images, const Team& team) {
  return Loader::sharded(images, config.data.batch_size, static_cast<std::uint64_t>(config.seed), team.rank(),
                         team.size());
}

}  // namespace stint
