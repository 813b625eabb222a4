// addresses: the guardian: watches the service addresses that we hold, and announces them again
#include "status/addresses.hpp"

#include "os/clock.hpp"
#include "os/file.hpp"
#include "os/neighbours.hpp"
#include "status/service_interface.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::status {

namespace {

using core::LogLevel;

/// More than all groups can name; bounds what a mistaken record makes us keep.
constexpr std::size_t most_addresses = 4096;
/// An address with prefix, interface, label and broadcast.
constexpr std::size_t longest_text = 255;

bool has(const std::vector<os::HeldAddress>& held, const os::IpAddress& address) {
  return std::ranges::find(held, address, &os::HeldAddress::address) != held.end();
}

/// What netlink tells of who removed an address is the number of the asking socket, for IPv4 only.
/// By the time we look the process may have ended, and what has its number now be another one.
std::string culprit_of(const os::NetworkEvent& event) {
  if (event.requester == 0)
    return "the kernel does not tell by whom: the interface went away, or IPv6, or ifconfig";
  const auto name = os::read_file(fmt::format("/proc/{}/comm", event.requester), longest_text);
  if (!name)
    return fmt::format("by a process that has ended since, probably number {}", event.requester);
  return fmt::format("probably by process {}, {}", event.requester,
                     std::string_view(*name).substr(0, name->find('\n')));
}

}  // namespace

std::optional<os::IpAddress> address_of(std::string_view argument) {
  const auto place = service_place(argument);
  return place ? std::optional(place->address) : std::nullopt;
}

Addresses::Addresses(Surroundings& surroundings, Lost lost)
    : surroundings_(surroundings), lost_(std::move(lost)) {
  auto netlink = os::Netlink::open();
  auto watch = os::NetworkWatch::open();
  if (!netlink || !watch) {
    surroundings_.log(LogLevel::error,
                      fmt::format("Service addresses are not watched: {}",
                                  (netlink ? watch.error() : netlink.error()).text));
    return;
  }
  netlink_.emplace(std::move(*netlink));
  watch_.emplace(std::move(*watch));
  surroundings_.loop.watch(watch_->descriptor(), [this] { read_events(); });
}

Addresses::~Addresses() {
  if (watch_) surroundings_.loop.unwatch(watch_->descriptor());
}

void Addresses::hold(const core::Message& record) {
  std::vector<std::string_view> texts, groups;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i].name == "address") texts.push_back(record[i].value);
    if (record[i].name == "group") groups.push_back(record[i].value);
  }
  std::vector<Watched> watched;
  for (std::size_t i = 0; i < std::min({texts.size(), groups.size(), most_addresses}); ++i) {
    const auto address = address_of(texts[i]);
    if (!address || texts[i].size() > longest_text) continue;  // only its script understands it
    const auto known = std::ranges::find(watched_, *address, &Watched::address);
    watched.push_back({std::string(groups[i]), std::string(texts[i]), *address});
    if (known == watched_.end()) continue;
    watched.back() = *known;
    watched.back().group = groups[i];
  }
  watched_ = std::move(watched);
  const core::Duration interval = surroundings_.settings.announce_interval;
  if (watched_.empty() || interval == core::Duration::zero()) {
    next_round_ = core::never;
  } else if (next_round_ == core::never) {
    next_round_ = os::instant_now() + interval;
  }
}

void Addresses::told(std::string_view group, core::Operation operation) {
  if (operation == core::Operation::status) return;
  told_.insert_or_assign(std::string(group), operation);
  for (Watched& watched : watched_)
    if (watched.group == group) watched.is_missing = false;
}

void Addresses::read_events() {
  const auto events = watch_->read();
  if (!events) return doubt_all();
  for (const os::NetworkEvent& event : *events) take(event);
}

void Addresses::take(const os::NetworkEvent& event) {
  using Kind = os::NetworkEvent::Kind;
  switch (event.kind) {
    case Kind::address_removed:
      for (Watched& watched : watched_) {
        if (watched.address != event.address) continue;
        watched.judge_at = os::instant_now() + doubt;
        watched.culprit = culprit_of(event);
      }
      return;
    case Kind::address_added:
      for (Watched& watched : watched_) {
        if (watched.address != event.address) continue;
        watched.is_missing = false;
        if (event.dad_failed) report_duplicate(watched);
      }
      return;
    case Kind::link_changed: return link_changed(event.interface);
    case Kind::lost: return doubt_all();
  }
}

void Addresses::doubt_all() {
  for (Watched& watched : watched_) watched.judge_at = os::instant_now() + doubt;
}

/// IPv6 only. Our own scripts add without detection; somebody else's hand, or a restart of the
/// interface, has started it.
void Addresses::report_duplicate(const Watched& watched) {
  const auto last = told_.find(watched.group);
  if (last != told_.end() && last->second == core::Operation::stop) return;
  lost_({watched.group, watched.text,
         fmt::format("Service address {}: another machine has it too (duplicate address detection "
                     "failed), and the kernel does not use it here",
                     watched.text)});
}

/// Any change: a carrier that went and came again may be told when it is back already. So nothing
/// is compared with before, only the pace is bounded.
void Addresses::link_changed(os::InterfaceIndex index) {
  if (watched_.empty()) return;
  const auto interface = netlink_->interface(index);
  if (!interface || !*interface || !(*interface)->up || !(*interface)->carrier) return;
  const auto held = netlink_->addresses();
  if (!held) return;
  for (Watched& watched : watched_) {
    const bool is_here = std::ranges::any_of(*held, [&](const os::HeldAddress& entry) {
      return entry.interface == index && entry.address == watched.address;
    });
    if (!is_here) continue;
    watched.announcements_left = announcements;
    watched.announce_at = std::max(os::instant_now(), watched.announced + repeat_pause);
  }
}

void Addresses::tick(core::Instant now) {
  judge(now);
  if (next_round_ <= now) {
    next_round_ = now + surroundings_.settings.announce_interval;
    for (Watched& watched : watched_) {
      if (watched.announcements_left == 0) watched.announcements_left = 1;
      watched.announce_at = std::min(watched.announce_at, now);
    }
  }
  const auto is_due = [now](const Watched& watched) { return watched.announce_at <= now; };
  if (std::ranges::none_of(watched_, is_due)) return;
  const auto held = netlink_->addresses();
  for (Watched& watched : watched_) {
    if (!is_due(watched)) continue;
    if (held) announce(watched, *held);
    watched.announced = now;
    const bool is_last = --watched.announcements_left == 0;
    watched.announce_at = is_last ? core::never : now + repeat_pause;
  }
}

void Addresses::judge(core::Instant now) {
  const auto is_due = [now](const Watched& watched) { return watched.judge_at <= now; };
  if (std::ranges::none_of(watched_, is_due)) return;
  const auto held = netlink_->addresses();
  for (Watched& watched : watched_) {
    if (!is_due(watched)) continue;
    watched.judge_at = core::never;
    if (!held || has(*held, watched.address) || watched.is_missing) continue;
    const auto last = told_.find(watched.group);
    if (last != told_.end() && last->second == core::Operation::stop) continue;
    watched.is_missing = true;
    lost_({watched.group, watched.text,
           fmt::format("Service address {} was removed by somebody else ({})", watched.text,
                       watched.culprit.empty() ? "nobody saw it" : watched.culprit)});
  }
}

void Addresses::announce(const Watched& watched, const std::vector<os::HeldAddress>& held) {
  const auto entry = std::ranges::find(held, watched.address, &os::HeldAddress::address);
  if (entry == held.end()) return;
  const auto interface = netlink_->interface(entry->interface);
  if (!interface || !*interface || !(*interface)->hardware) return;
  const auto announcer = os::Announcer::open(watched.address, **interface,
                                             os::forwards_v6(**interface));
  const auto sent = announcer ? announcer->send() : core::Result<void>(announcer.error());
  if (!sent)
    surroundings_.log(LogLevel::warn, fmt::format("{} could not be announced on {}: {}",
                                                  watched.text, (*interface)->name,
                                                  sent.error().text));
}

core::Instant Addresses::next_deadline() const {
  core::Instant next = next_round_;
  for (const Watched& watched : watched_)
    next = std::min({next, watched.judge_at, watched.announce_at});
  return next;
}

void Addresses::drop_all() {
  if (!netlink_ || watched_.empty()) return;
  const auto held = netlink_->addresses();
  if (!held) return;
  for (const os::HeldAddress& entry : *held) {
    const auto watched = std::ranges::find(watched_, entry.address, &Watched::address);
    if (watched == watched_.end()) continue;
    const auto dropped = netlink_->drop(entry);
    surroundings_.log(dropped ? LogLevel::warn : LogLevel::crit,
                      dropped ? fmt::format("Left-over service address {} removed", watched->text)
                              : dropped.error().text);
  }
}

}  // namespace hb::status
