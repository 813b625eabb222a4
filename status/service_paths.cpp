// service_paths: the kernel's link events to a list of groups that could not be served from here
#include "status/service_paths.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::status {

namespace {

/// More than all groups can name; bounds what a mistaken record makes us keep.
constexpr std::size_t most_paths = 4096;

}  // namespace

ServicePaths::ServicePaths(Surroundings& surroundings) : surroundings_(surroundings) {
  auto netlink = os::Netlink::open();
  auto watch = os::NetworkWatch::open();
  if (!netlink || !watch) {
    surroundings_.log(core::LogLevel::error,
                      fmt::format("Service interfaces are not watched: {}",
                                  (netlink ? watch.error() : netlink.error()).text));
    return;
  }
  netlink_.emplace(std::move(*netlink));
  watch_.emplace(std::move(*watch));
  surroundings_.loop.watch(watch_->descriptor(), [this] { read_events(); });
}

ServicePaths::~ServicePaths() {
  if (watch_) surroundings_.loop.unwatch(watch_->descriptor());
}

void ServicePaths::configure(const core::Message& record) {
  std::vector<std::string_view> texts, groups;
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i].name == "address") texts.push_back(record[i].value);
    if (record[i].name == "group") groups.push_back(record[i].value);
  }
  paths_.clear();
  told_.reset();
  for (std::size_t i = 0; i < std::min({texts.size(), groups.size(), most_paths}); ++i) {
    auto place = service_place(texts[i]);
    if (!place) continue;  // only its script understands it
    paths_.push_back({std::string(groups[i]), std::string(texts[i]), std::move(*place), {}, {}});
  }
  look_at_ = core::Instant{};
}

void ServicePaths::read_events() {
  const auto events = watch_->read();
  using Kind = os::NetworkEvent::Kind;
  const auto is_unplaced = [](const Path& path) { return path.interface.empty(); };
  const bool unplaced = std::ranges::any_of(paths_, is_unplaced);
  const auto matters = [&](const os::NetworkEvent& event) {
    return event.kind == Kind::link_changed || event.kind == Kind::lost || unplaced;
  };
  if (events && std::ranges::none_of(*events, matters)) return;
  look_at_ = std::min(look_at_, std::max(os::instant_now(), looked_ + pace));
}

void ServicePaths::tick(core::Instant now) {
  if (look_at_ > now) return;
  look_at_ = core::never;
  looked_ = now;
  if (netlink_) look();
}

void ServicePaths::look() {
  const auto interfaces = netlink_->interfaces();
  const auto held = netlink_->addresses();
  if (!interfaces || !held) {
    look_at_ = looked_ + pace;
    return;
  }
  std::vector<std::string> bad;
  for (Path& path : paths_) {
    std::string fault = fault_of(path, *interfaces, *held);
    if (fault != path.fault) {
      path.fault = std::move(fault);
      surroundings_.log(path.fault.empty() ? core::LogLevel::info : core::LogLevel::warn,
                        path.fault.empty()
                            ? fmt::format("The interface of service address {} works", path.text)
                            : fmt::format("Service address {}: {}", path.text, path.fault));
    }
    const bool is_new = std::ranges::find(bad, path.group) == bad.end();
    if (!path.fault.empty() && is_new) bad.push_back(path.group);
  }
  if (told_ == bad) return;
  core::Message message;
  for (const std::string& group : bad) message.add("bad", group);
  surroundings_.send(ipc::RecordType::paths_seen, message);
  told_ = std::move(bad);
}

std::string ServicePaths::fault_of(Path& path, const std::vector<os::Interface>& interfaces,
                                   const std::vector<os::HeldAddress>& held) {
  // An interface that went away may leave no route: then its last place counts.
  if (auto name = interface_of(*netlink_, path.place, held); !name.empty())
    path.interface = std::move(name);
  if (path.interface.empty()) return "no interface here has a network with it";
  const auto found = std::ranges::find(interfaces, path.interface, &os::Interface::name);
  if (found == interfaces.end()) return fmt::format("there is no interface {}", path.interface);
  if (!found->up) return fmt::format("interface {} is down", path.interface);
  if (!found->carrier) return fmt::format("interface {} has no carrier", path.interface);
  return {};
}

}  // namespace hb::status
