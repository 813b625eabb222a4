// supervisor: which child processes should run; spawns, watches and respawns them
#include "master/supervisor.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include <poll.h>

namespace hb::master {
namespace {

/// Exit codes that say "do not start me again": wrong configuration, no permission (sysexits).
constexpr int exit_config = 64;
constexpr int exit_permission = 77;
constexpr core::Duration longest_back_off = std::chrono::seconds{60};
/// A life this long clears the record: what killed it was not its start, and starting it at once
/// each time costs next to nothing, while a link that waits for its reader may cost a verdict.
constexpr core::Duration long_life = std::chrono::seconds{1};
/// So many deaths by a signal in a row are mended at once: without a runner nobody would follow a
/// master that dies too, and without a reader a link is deaf. A crash at each start costs five
/// tries.
constexpr std::uint32_t forgiven_kills = 5;
/// For children to end by themselves when we do: the runner gives respawn clients 30 s.
constexpr core::Duration patience = std::chrono::seconds{35};

}  // namespace

core::Duration back_off(std::uint32_t failures) {
  if (failures <= 1) return core::Duration::zero();  // the first loss is repaired at once
  const auto doublings = std::min<std::uint32_t>(failures - 2, 6);
  return std::min(longest_back_off,
                  core::Duration{std::chrono::seconds{1}} * (std::int64_t{1} << doublings));
}

Supervisor::Supervisor(os::Loop& loop, int image, std::vector<std::string> environment)
    : loop_{loop}, image_{image}, environment_{std::move(environment)} {}

Supervisor::~Supervisor() {
  for (const auto& child : children_) {
    if (child->process) child->process->kill(SIGKILL);
  }
}

Child& Supervisor::add(ChildSpec spec) {
  children_.push_back(std::make_unique<Child>());
  children_.back()->spec = std::move(spec);
  return *children_.back();
}

Child* Supervisor::find(ipc::Role role, core::LinkId link) {
  const auto found = std::ranges::find_if(children_, [&](const auto& child) {
    return child->spec.role == role && child->spec.link == link;
  });
  return found == children_.end() ? nullptr : found->get();
}

void Supervisor::end(Child& child, Wanted wanted) {
  child.wanted = wanted;
  child.process->kill(SIGKILL);  // lost() follows
}

void Supervisor::close(Child& child) {
  if (child.process) return end(child, Wanted::closed);
  child.state = ChildState::closed;
}

void Supervisor::open(Child& child, int medium, core::Instant now) {
  child.spec.medium = medium;
  child.failures = 0;
  if (child.process) return end(child, Wanted::renewed);
  child.state = ChildState::waiting;
  child.next_start = now;
  start_due(now);
}

void Supervisor::start_due(core::Instant now) {
  if (stopping_) return;
  for (const auto& child : children_) {
    if (child->state == ChildState::waiting && child->next_start <= now) spawn(*child, now);
  }
}

core::Instant Supervisor::next_deadline() const {
  auto deadline = core::never;
  if (stopping_) return deadline;
  for (const auto& child : children_) {
    if (child->state == ChildState::waiting) deadline = std::min(deadline, child->next_start);
  }
  return deadline;
}

void Supervisor::spawn(Child& child, core::Instant now) {
  child.started = now;
  auto made = ipc::Channel::create(child.spec.role, child.spec.link, ++child.incarnation);
  if (made) {
    auto& [channel, ends] = *made;
    auto process = os::spawn_self(image_, child.spec.title, name_of(child.spec.role),
                                  {ends.bell.get(), ends.up.get(), ends.down.get(),
                                   child.spec.medium, child.spec.extra},
                                  environment_);
    if (process) {
      child.channel = std::move(channel);
      child.process = std::move(*process);
      child.state = ChildState::starting;
      loop_.watch(child.process->pidfd.get(), [this, &child] { lost(child); });
      loop_.watch(child.channel->bell(), [this, &child] {
        const ipc::BellState bell = child.channel->take_bell();
        while (auto received = child.channel->take_fd()) {
          if (on_fd) on_fd(child, *received);
        }
        if (bell != ipc::BellState::closed) return;
        loop_.unwatch(child.channel->bell());
        child.process->kill(SIGKILL);  // its lifeline is gone: dead, dying or lying
      });
      if (on_spawned) on_spawned(child);
      return;
    }
    if (on_lost) on_lost(child, "could not be started: " + process.error().text);
  } else if (on_lost) {
    on_lost(child, "could not be started: " + made.error().text);
  }
  child.next_start =
      now + std::max(back_off(++child.failures), core::Duration{std::chrono::seconds{1}});
}

void Supervisor::lost(Child& child) {
  // Before reaping: that closes the pidfd, whose number the next child may get.
  loop_.unwatch(child.process->pidfd.get());
  loop_.unwatch(child.channel->bell());
  const auto end = child.process->reap().value_or(os::ProcessEnd{true, SIGKILL});
  const core::Instant now = os::instant_now();
  const Wanted wanted = std::exchange(child.wanted, Wanted::running);
  if (wanted != Wanted::running) {
    child.state = wanted == Wanted::closed ? ChildState::closed : ChildState::waiting;
    child.next_start = now;
    child.process.reset();
    child.channel.reset();
    return start_due(now);
  }
  if (now - child.started >= long_life) child.failures = 0;
  ++child.failures;
  const std::uint32_t forgiven = end.signaled ? forgiven_kills : 0;
  child.state = ChildState::waiting;
  child.next_start = now + back_off(child.failures - std::min(child.failures, forgiven));
  if (!end.signaled && (end.code == exit_config || end.code == exit_permission)) {
    child.state = ChildState::refused;
  }
  if (!stopping_ && on_lost) {
    on_lost(child, end.signaled ? fmt::format("was killed by signal {}", end.code)
                                 : fmt::format("exited with code {}", end.code));
  }
  child.process.reset();
  child.channel.reset();
  start_due(now);
}

void Supervisor::mark_ready(Child& child) {
  if (child.state == ChildState::starting) child.state = ChildState::ready;
}

void Supervisor::condemn(Child& child, const std::string& why) {
  if (!child.process) return;
  if (on_lost) on_lost(child, "broke its ring (" + why + ") and is killed");
  child.process->kill(SIGKILL);
}

void Supervisor::finish() {
  stopping_ = true;
  const core::Instant killed_at = os::instant_now() + patience;
  for (const auto& child : children_) {
    if (!child->process) continue;
    loop_.unwatch(child->process->pidfd.get());
    loop_.unwatch(child->channel->bell());
    child->channel.reset();  // its lifeline: each ends once its ring is empty
  }
  for (const auto& child : children_) {
    while (child->process && !child->process->reap()) {
      if (os::instant_now() >= killed_at) child->process->kill(SIGKILL);
      pollfd ended{child->process->pidfd.get(), POLLIN, 0};
      (void)::poll(&ended, 1, 50);
    }
    child->process.reset();
  }
}

bool Supervisor::all_ready() const {
  return std::ranges::all_of(children_, [](const auto& child) {
    return child->state == ChildState::ready || child->state == ChildState::closed;
  });
}

}  // namespace hb::master
