// media: the links while heartbeat runs: opened, followed when their interfaces change, opened anew
#include "master/media.hpp"

#include "os/clock.hpp"
#include "os/confine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <linux/capability.h>

namespace hb::master {
namespace {

/// How often a medium that could not be opened is tried again.
constexpr core::Duration retry_interval = std::chrono::seconds{2};
/// An interface changes in several steps: they are looked at once, when they are through.
constexpr core::Duration settle = std::chrono::milliseconds{100};
/// The same complaint of the same link is not repeated before.
constexpr core::Duration complaint_interval = std::chrono::minutes{10};

}  // namespace

Media::Media(os::Loop& loop, Supervisor& supervisor, Log log, Opened opened)
    : loop_{loop}, supervisor_{supervisor}, log_{std::move(log)}, opened_{std::move(opened)} {}

Media::~Media() {
  if (watch_) loop_.unwatch(watch_->descriptor());
}

void Media::start(const std::vector<core::MediumConfig>& media, std::uint16_t echo_id,
                  core::Instant now) {
  echo_id_ = echo_id;
  media_.resize(media.size());
  watch_network();  // before opening: no change may fall between
  for (std::size_t i = 0; i < media.size(); ++i) {
    media_[i].config = media[i];
    if (auto found = look_up_peer(media_[i].config); !found) {
      log_(core::LogLevel::error, found.error().text);
    }
    try_open(i, os::Names::look_up, now);
  }
}

void Media::watch_network() {
  auto watch = os::NetworkWatch::open();
  if (!watch) {
    log_(core::LogLevel::warn,
         watch.error().text + ": a link whose interface changes stays down until a restart");
    return;
  }
  watch_ = std::move(*watch);
  loop_.watch(watch_->descriptor(), [this] {
    const auto events = watch_->read();
    if (events && events->empty()) return;
    if (check_at_ == core::never) check_at_ = os::instant_now() + settle;
  });
}

void Media::serve(core::Instant now) {
  if (check_at_ <= now) {
    check_at_ = core::never;
    check(now);
  }
  for (std::size_t i = 0; i < media_.size(); ++i) {
    if (media_[i].retry <= now) try_open(i, os::Names::numeric, now);
  }
}

core::Instant Media::next_deadline() const {
  core::Instant deadline = check_at_;
  for (const Medium& medium : media_) deadline = std::min(deadline, medium.retry);
  return deadline;
}

void Media::try_open(std::size_t index, os::Names names, core::Instant now) {
  Medium& medium = media_[index];
  core::Result<OpenLink> opened = [&] {
    const os::CapScope raised{CAP_NET_RAW, CAP_NET_BIND_SERVICE};
    // habit: echoes are marked by our pid; each medium has a mark of its own besides.
    return open_link(medium.config, static_cast<std::uint16_t>(echo_id_ + index), names);
  }();
  if (!opened) {
    if (medium.is_open) return close(medium, index, opened.error().text, now);
    complain(medium, core::LogLevel::error, opened.error().text, "", now);
    medium.retry = now + retry_interval;
    return;
  }
  medium.open = std::move(*opened);
  medium.retry = core::never;
  if (!medium.told.empty() || medium.was_open) {
    medium.told.clear();
    log_(core::LogLevel::info, fmt::format("{} is open{}", link_title(medium.config),
                                           medium.was_open ? " again" : ""));
  }
  run_children(index, now);
  medium.is_open = medium.was_open = true;
  opened_(core::LinkId{static_cast<std::uint16_t>(index)});
}

void Media::run_children(std::size_t index, core::Instant now) {
  const Medium& medium = media_[index];
  const core::LinkId link{static_cast<std::uint16_t>(index)};
  // Writer before reader: the first answer to a packet must find a way out.
  for (const auto& [role, verb, fd] :
       {std::tuple{ipc::Role::writer, "write", medium.open.send.get()},
        {ipc::Role::reader, "read", medium.open.receive.get()}}) {
    if (Child* child = supervisor_.find(role, link)) {
      supervisor_.open(*child, fd, now);
    } else {
      supervisor_.add({role, link, fmt::format("heartbeat: {}: {}", verb,
                                               link_title(medium.config)), fd, -1});
    }
  }
}

void Media::close(Medium& medium, std::size_t index, const std::string& why, core::Instant now) {
  const core::LinkId link{static_cast<std::uint16_t>(index)};
  for (const auto role : {ipc::Role::writer, ipc::Role::reader}) {
    if (Child* child = supervisor_.find(role, link)) supervisor_.close(*child);
  }
  medium.open = {};
  medium.is_open = false;
  medium.retry = now + retry_interval;
  complain(medium, core::LogLevel::warn, why, "; the link is down until that changes", now);
}

void Media::complain(Medium& medium, core::LogLevel level, const std::string& text,
                     std::string_view more, core::Instant now) {
  if (text == medium.told && now < medium.told_at + complaint_interval) return;
  medium.told = text;
  medium.told_at = now;
  log_(level, text + std::string{more});
}

void Media::check(core::Instant now) {
  auto network = look_at_network();
  if (!network) {
    log_(core::LogLevel::warn, network.error().text);
    check_at_ = now + retry_interval;
    return;
  }
  for (std::size_t i = 0; i < media_.size(); ++i) {
    const bool good =
        media_[i].is_open && fits(media_[i].open, media_[i].config, *network);
    if (!good) try_open(i, os::Names::numeric, now);
  }
}

void Media::failed(core::LinkId link, int code, std::string_view text, core::Instant now) {
  Medium& medium = media_[link.value];
  if (!medium.is_open || code == ECONNREFUSED) return;  // nobody listens there: he may be starting
  const std::string what = fmt::format("{}: {}", link_title(medium.config), text);
  // Nothing is heard of a serial line that went away, but it may come back under its name.
  if (medium.config.type == core::MediumType::serial) return close(medium, link.value, what, now);
  complain(medium, core::LogLevel::warn, what, "", now);
}

std::vector<std::string> Media::sources(core::LinkId link) const {
  std::vector<std::string> addresses;
  const core::MediumConfig& own = media_[link.value].config;
  if (own.type != core::MediumType::ucast && own.type != core::MediumType::ucast6) return addresses;
  for (const Medium& medium : media_) {
    const core::MediumConfig& each = medium.config;
    const bool same = each.type == own.type && each.interface == own.interface &&
                      each.port == own.port;
    if (same) addresses.push_back(each.address.substr(0, each.address.find('%')));
  }
  return addresses;
}

const std::optional<os::EchoTargets>& Media::echo(core::LinkId link) const {
  return media_[link.value].open.echo;
}

}  // namespace hb::master
