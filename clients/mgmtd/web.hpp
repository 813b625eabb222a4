// web: the HTTP side of the server: page, status.json, metrics and live events, read-only
#pragma once

#include "clients/mgmtd/connection.hpp"
#include "clients/mgmtd/http_answer.hpp"
#include "clients/mgmtd/http_request.hpp"
#include "core/message.hpp"
#include "core/types.hpp"
#include "os/loop.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace hb::clients::mgmtd {

namespace limits {
/// HTTP connections; of these, pages that are open and listen.
inline constexpr std::size_t web_clients = 64, web_listeners = 32;
/// From the connection to the end of the answer.
inline constexpr std::chrono::seconds web_time{10};
/// Between two words to whoever listens: a dead one is noticed.
inline constexpr std::chrono::seconds alive_time{5};
}  // namespace limits

/// Serves what the asker told last; a visitor causes no question to the daemon.
class Web {
 public:
  explicit Web(os::Loop& loop);
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  void accept(int listener);
  /// A new overview of the asker.
  void picture(const core::Message& message);
  void tick(core::Instant now);
  void sweep();

 private:
  struct Visitor;
  using Id = std::uint64_t;

  void read(Id id);
  void serve(Visitor& visitor);
  void say(Visitor& visitor, std::string_view bytes);
  void after(Visitor& visitor);
  std::size_t listeners() const;

  os::Loop& loop_;
  bool only_loopback_ = true;
  WebContent content_;
  core::Instant last_alive_{};
  std::map<Id, std::unique_ptr<Visitor>> visitors_;
  Id last_id_ = 0;
};

}  // namespace hb::clients::mgmtd
