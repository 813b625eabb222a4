// child: what every child process does alike: start in the right order, serve its ring, end
#include "ipc/child.hpp"

#include "core/frame.hpp"
#include "core/message.hpp"
#include "os/clock.hpp"
#include "os/confine.hpp"
#include "os/paths.hpp"
#include "os/process.hpp"
#include "os/realtime.hpp"

#include <cerrno>
#include <cstdio>
#include <optional>

#include <unistd.h>

namespace hb::ipc {
namespace {

/// Records handled before the rest of the loop has its turn.
constexpr std::size_t records_a_turn = 256;
constexpr core::Duration same_error_interval = std::chrono::seconds{1};

}  // namespace

struct Child::Parts {
  explicit Parts(Channel own) : channel{std::move(own)} {}
  Channel channel;
  os::Loop loop;
  Rights rights = Rights::medium;
  std::optional<os::Confinement> confinement;
  std::optional<int> exit_code;
  bool master_lost = false;
  std::function<void()> on_master_lost;
  int last_error = 0;
  core::Instant last_error_at{};
  core::Message message;
  std::string encoded;
};

Child::Child(std::unique_ptr<Parts> parts) : parts_{std::move(parts)} {}
Child::Child(Child&&) noexcept = default;
Child::~Child() = default;

Channel& Child::channel() { return parts_->channel; }
os::Loop& Child::loop() { return parts_->loop; }

core::Result<Child> Child::begin(Rights rights) {
  const unsigned priority = os::given_priority();
  os::begin_child();
  os::tune_heap();
  auto channel = Channel::adopt();
  if (!channel) return std::move(channel).error();
  auto parts = std::make_unique<Parts>(std::move(*channel));
  parts->rights = rights;
  if (rights == Rights::medium) {
    auto account = os::account("nobody");
    if (!account) return std::move(account).error();
    parts->confinement = os::Confinement{os::Profile::medium, *account, os::paths::empty_dir,
                                         os::first_inherited};
    for (const std::string& warning : os::go_realtime(priority, os::TextLock::touched)) {
      std::fprintf(stderr, "heartbeat: %s\n", warning.c_str());
    }
  } else {
    os::leave_realtime();
  }
  if (rights == Rights::status) {
    auto account = os::account("hacluster", "haclient");
    if (!account) return std::move(account).error();
    parts->confinement = os::Confinement{os::Profile::status, *account, os::paths::empty_dir,
                                         os::first_inherited};
  }
  if (rights == Rights::root) ::setsid();
  return Child{std::move(parts)};
}

int Child::serve(const std::function<void(const RecordView&)>& on_record,
                 const std::function<void()>& on_turn) {
  Parts& parts = *parts_;
  parts.loop.watch(parts.channel.bell(), [&parts] {
    if (parts.channel.take_bell() != BellState::closed || parts.master_lost) return;
    parts.master_lost = true;
    parts.loop.unwatch(parts.channel.bell());
    if (parts.on_master_lost) {
      parts.on_master_lost();
    } else {
      parts.exit_code = exit_done;  // the lifeline: nobody is left to work for
    }
  });
  if (parts.confinement) {
    if (auto confined = os::confine(*parts.confinement); !confined) {
      return report_failed_start(confined.error());
    }
  }
  parts.channel.push(RecordType::ready, 0, os::instant_now(), {});
  const auto turn = [&] {
    do {
      parts.channel.awake();
      const auto taken = parts.channel.drain(records_a_turn, on_record);
      if (!taken) parts.exit_code = exit_retry;  // our own master lies: start afresh
      if (on_turn) on_turn();
      parts.channel.flush();
    } while (!parts.exit_code && !parts.channel.prepare_to_sleep());
    if (parts.exit_code) parts.loop.stop();
  };
  parts.loop.on_turn(turn);
  turn();
  if (!parts.exit_code) parts.loop.run();
  parts.channel.flush();
  const int code = parts.exit_code.value_or(exit_done);
  // A return would unmap and free, which the filter of a medium punishes by death.
  if (parts.confinement) ::_exit(code);
  return code;
}

void Child::leave(int code) { parts_->exit_code = code; }

void Child::on_master_lost(std::function<void()> callback) {
  parts_->on_master_lost = std::move(callback);
}

void Child::report_link_error(const core::Error& error) {
  const core::Instant now = os::instant_now();
  if (error.os_error == parts_->last_error && now < parts_->last_error_at + same_error_interval) {
    return;
  }
  parts_->last_error = error.os_error;
  parts_->last_error_at = now;
  parts_->message.clear();
  parts_->message.add_decimal("errno", static_cast<std::uint64_t>(error.os_error));
  parts_->message.add("text", error.text);
  parts_->encoded.clear();
  core::append_netstring(parts_->message, parts_->encoded);
  parts_->channel.push(RecordType::link_error, 0, now, core::as_bytes(parts_->encoded));
}

void Child::log(core::LogLevel level, std::string_view text) {
  parts_->message.clear();
  parts_->message.add("level", core::name_of(level));
  parts_->message.add("text", text);
  parts_->encoded.clear();
  core::append_netstring(parts_->message, parts_->encoded);
  parts_->channel.push(RecordType::log, 0, os::instant_now(), core::as_bytes(parts_->encoded));
}

int report_failed_start(const core::Error& error) {
  std::fprintf(stderr, "heartbeat: %s\n", error.text.c_str());
  return error.os_error == EPERM || error.os_error == EACCES ? exit_permission : exit_retry;
}

}  // namespace hb::ipc
