// successor: a new master, started by the runner when the one it served has died
#include "status/successor.hpp"

#include "os/confine.hpp"

#include <fmt/core.h>

#include <fcntl.h>

namespace hb::status {
namespace {

using core::LogLevel;

/// All that a master needs of an environment; what an administrator's shell had is long gone.
constexpr const char* search_path =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

}  // namespace

Successor::~Successor() {
  if (process_) surroundings_.loop.unwatch(process_->pidfd());
}

void Successor::start() {
  const RunnerSettings& settings = surroundings_.settings;
  if (state_ != State::idle || settings.successor.empty()) return;
  state_ = State::failed;
  const os::Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const os::Fd in(::fcntl(null.get(), F_DUPFD_CLOEXEC, 3));
  if (!in) return surroundings_.log(LogLevel::error, "No /dev/null: no new master is started");
  LaunchPlan plan;
  plan.path = settings.successor;
  plan.arguments = settings.successor_arguments;
  plan.environment = {search_path};
  if (os::filter_mode() == os::FilterMode::log) {
    plan.environment.push_back(std::string(os::filter_variable) + "=log");
  }
  plan.in = plan.out = plan.error = in.get();
  auto process = ForeignProcess::launch(plan);
  if (!process) {
    return surroundings_.log(LogLevel::crit, fmt::format("No new master could be started: {}",
                                                         process.error().text));
  }
  state_ = State::starting;
  process_.emplace(std::move(*process));
  surroundings_.loop.watch(process_->pidfd(), [this] { ended(); });
}

void Successor::ended() {
  surroundings_.loop.unwatch(process_->pidfd());
  const auto end = process_->reap();
  process_.reset();
  const bool is_good = end && end->how == ProcessEnd::How::exited && end->code == 0;
  state_ = is_good ? State::serving : State::failed;
  if (is_good) return;
  surroundings_.log(LogLevel::crit,
                    fmt::format("The new master did not start ({} {}); heartbeat --check tells "
                                "what is wrong with the configuration.",
                                end && end->how == ProcessEnd::How::signaled ? "signal" : "exit",
                                end ? end->code : 0));
}

}  // namespace hb::status
