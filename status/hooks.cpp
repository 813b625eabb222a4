// hooks: runs a site's rc.d script for a cluster message, one at a time
#include "status/hooks.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace hb::status {

namespace {

using core::ActionEnd;
using core::LogLevel;

constexpr core::Duration warning_interval = std::chrono::seconds{30};

/// Fields that 3.0.6 handed to rc.d scripts (resources §2) and that its scripts and sites' hooks
/// read. Not `auth`: a signature is nobody's business.
constexpr std::array<std::string_view, 19> exported = {
    "t",    "src",  "seq",  "hg",      "ts",   "ttl",   "ld",   "st",       "dt",     "protocol",
    "info", "dest", "node", "ipaddr", "weown", "ok",   "result", "rsc_hold", "ifname"};
constexpr std::string_view field_prefix = "f_";

bool has_control_bytes(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

std::vector<std::string> hook_environment(const core::Message& record) {
  std::vector<std::string> environment;
  for (const std::string_view name : exported) {
    const auto value = record.text(std::string(field_prefix) + std::string(name));
    if (!value || has_control_bytes(*value)) continue;
    environment.push_back("HA_" + std::string(name) + '=' + std::string(*value));
  }
  return environment;
}

bool is_hook_name(std::string_view name) {
  constexpr std::size_t longest = 255;
  if (name.empty() || name.size() > longest || name[0] == '.' || name[0] == '-') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

Hooks::Hooks(Surroundings& surroundings, Done done)
    : surroundings_(surroundings), done_(std::move(done)) {}

Hooks::~Hooks() {
  if (process_) surroundings_.loop.unwatch(process_->pidfd());
}

void Hooks::run(const core::Message& record) {
  const auto ticket = record.decimal("ticket").value_or(0);
  std::string type(record.text_or_empty("type"));
  // habit: the script is named like the type, in lower case
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const std::array folders = {surroundings_.settings.rc_dir};
  if (!is_hook_name(type) || !find_script(type, folders))
    return done_(ticket, ActionEnd::missing, 0);
  if (waiting_.size() >= limits::hooks) {
    surroundings_.log(LogLevel::error,
                      fmt::format("Too many messages wait for scripts of {}: one of type {} is "
                                  "dropped", surroundings_.settings.rc_dir, type));
    return done_(ticket, ActionEnd::missing, 0);
  }
  waiting_.push_back({ticket, std::move(type), hook_environment(record)});
  if (!running_) start_next();
}

void Hooks::start_next() {
  while (!running_ && !waiting_.empty()) {
    Hook hook = std::move(waiting_.front());
    waiting_.pop_front();
    LaunchPlan plan;
    plan.path = surroundings_.settings.harc;
    plan.arguments = {hook.type};
    plan.environment = surroundings_.settings.environment;
    plan.environment.insert(plan.environment.end(), hook.environment.begin(),
                            hook.environment.end());
    plan.folder = surroundings_.settings.workdir;
    plan.in = surroundings_.files.null();
    plan.out = plan.error = surroundings_.files.script_output();
    auto process = ForeignProcess::launch(plan);
    if (!process) {
      surroundings_.log(LogLevel::error, process.error().text);
      done_(hook.ticket, ActionEnd::missing, 0);
      continue;
    }
    process_.emplace(std::move(*process));
    running_ = std::move(hook);
    started_ = os::instant_now();
    next_warning_ = started_ + warning_interval;
    surroundings_.loop.watch(process_->pidfd(), [this] { ended(); });
  }
}

void Hooks::ended() {
  const auto end = process_->reap();
  if (!end) return;
  surroundings_.loop.unwatch(process_->pidfd());
  process_.reset();
  next_warning_ = core::never;
  const std::uint64_t ticket = running_->ticket;
  running_.reset();
  const bool is_exit = end->how == ProcessEnd::How::exited;
  done_(ticket, is_exit ? ActionEnd::exited : ActionEnd::signaled, end->code);
  start_next();
}

void Hooks::kill_all() {
  waiting_.clear();
  if (process_) process_->signal_group(SIGTERM);
}

void Hooks::tick(core::Instant now) {
  if (!running_ || now < next_warning_) return;
  next_warning_ = now + warning_interval;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - started_);
  surroundings_.log(LogLevel::warn,
                    fmt::format("{} {} has been running for {} s; {} messages wait behind it",
                                surroundings_.settings.harc, running_->type, seconds.count(),
                                waiting_.size()));
}

core::Instant Hooks::next_deadline() const {
  return next_warning_;
}

}  // namespace hb::status
