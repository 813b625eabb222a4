// address_probes: one query for each address asked for, sent thrice and listened to for a while
#include "status/address_probes.hpp"

#include "os/clock.hpp"
#include "status/service_interface.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::status {

namespace {

/// Queries at a time; each is an open socket. More addresses are not asked for: no answer is known
/// of them, as if nobody had answered.
constexpr std::size_t most_probes = 256;

}  // namespace

AddressProbes::~AddressProbes() {
  for (const Probe& probe : probes_) surroundings_.loop.unwatch(probe.query.descriptor());
}

void AddressProbes::ask(const core::Message& record) {
  const auto group = record.text_or_empty("group");
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i].name == "address") begin(group, record[i].value);
  }
}

void AddressProbes::begin(std::string_view group, std::string_view text) {
  const auto is_asked = [&](const Probe& probe) { return probe.text == text; };
  const auto place = service_place(text);
  if (!place || probes_.size() >= most_probes || std::ranges::any_of(probes_, is_asked)) return;
  auto netlink = os::Netlink::open();
  if (!netlink) return;
  const auto held = netlink->addresses();
  if (!held) return;
  const bool is_ours =
      std::ranges::find(*held, place->address, &os::HeldAddress::address) != held->end();
  if (is_ours) return;
  const auto interface = netlink->interface(interface_of(*netlink, *place, *held));
  const bool can_ask = interface && *interface && (*interface)->up && (*interface)->hardware;
  if (!can_ask) return;
  auto query = os::NeighbourQuery::open(place->address, **interface);
  if (!query) {
    return surroundings_.log(core::LogLevel::warn,
                             fmt::format("Cannot ask who has {}: {}", text, query.error().text));
  }
  const core::Instant now = os::instant_now();
  probes_.push_back({std::string(group), std::string(text), (*interface)->name,
                     std::move(*query), requests, now, now + patience});
  Probe& probe = probes_.back();
  surroundings_.loop.watch(probe.query.descriptor(), [this, &probe] { hear(probe); });
}

void AddressProbes::hear(Probe& probe) {
  const auto answer = probe.query.answer();
  if (!answer || probe.end_at == core::Instant{}) return;
  probe.end_at = core::Instant{};  // one answer is enough
  core::Message message;
  message.add("group", probe.group);
  message.add("address", probe.text);
  message.add("text", fmt::format("{} from {} on {}", probe.text, os::text_of(*answer),
                                  probe.interface));
  surroundings_.send(ipc::RecordType::address_answered, message);
}

void AddressProbes::tick(core::Instant now) {
  for (auto probe = probes_.begin(); probe != probes_.end();) {
    if (probe->end_at <= now) {
      surroundings_.loop.unwatch(probe->query.descriptor());
      probe = probes_.erase(probe);
      continue;
    }
    if (probe->left > 0 && probe->send_at <= now) {
      // One that does not leave is as good as one that is lost; the next one may.
      (void)probe->query.send();
      --probe->left;
      probe->send_at = now + pause;
    }
    ++probe;
  }
}

core::Instant AddressProbes::next_deadline() const {
  core::Instant next = core::never;
  for (const Probe& probe : probes_)
    next = std::min({next, probe.end_at, probe.left > 0 ? probe.send_at : core::never});
  return next;
}

}  // namespace hb::status
