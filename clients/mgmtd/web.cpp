// web: the HTTP side of the server: page, status.json, metrics and live events, read-only
#include "clients/mgmtd/web.hpp"

#include "clients/mgmtd/listener.hpp"
#include "os/clock.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

std::string status_event(const std::string& json) {
  return fmt::format("event: status\ndata: {}\n\n", json);
}

}  // namespace

struct Web::Visitor {
  Visitor(Id number, os::Fd socket) : id(number), connection(std::move(socket)) {}
  Id id;
  Connection connection;
  HttpRequest request;
  core::Instant since{};
  bool served = false;   ///< nothing more is read
  bool listens = false;  ///< to /events
  bool over = false;
};

Web::Web(os::Loop& loop) : loop_(loop) {}

Web::~Web() {
  for (const auto& [id, visitor] : visitors_) loop_.unwatch(visitor->connection.socket());
}

void Web::accept(int listener) {
  os::Fd socket{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!socket || visitors_.size() >= limits::web_clients) return;
  only_loopback_ = is_loopback(listener);
  const Id id = ++last_id_;
  const int number = socket.get();
  auto visitor = std::make_unique<Visitor>(id, std::move(socket));
  visitor->since = os::now().instant;
  visitors_.emplace(id, std::move(visitor));
  loop_.watch(number, [this, id] { read(id); });
}

void Web::read(Id id) {
  const auto found = visitors_.find(id);
  if (found == visitors_.end() || found->second->over) return;
  Visitor& visitor = *found->second;
  std::string bytes;
  if (visitor.connection.fill(bytes) != Connection::Stream::open) {
    visitor.over = true;
    return;
  }
  if (visitor.served) return;  // what comes behind the request is read and forgotten
  switch (visitor.request.append(bytes)) {
    case HttpRequest::State::incomplete: return;
    case HttpRequest::State::broken: say(visitor, refusal("400 Bad Request")); break;
    case HttpRequest::State::whole: serve(visitor); break;
  }
  visitor.served = true;
  after(visitor);
}

void Web::serve(Visitor& visitor) {
  const HttpRequest& request = visitor.request;
  const bool trusted = !only_loopback_ || names_loopback(request.host());
  if (request.path() != "/events" || request.method() != "GET" || !trusted)
    return say(visitor, answer_http(request, content_, only_loopback_));
  if (listeners() >= limits::web_listeners) return say(visitor, refusal("503 Too Many Listeners"));
  visitor.listens = true;
  say(visitor, events_head());
  if (!content_.json.empty()) say(visitor, status_event(content_.json));
}

void Web::say(Visitor& visitor, std::string_view bytes) {
  if (!visitor.over && visitor.connection.send(bytes) == Connection::Stream::gone)
    visitor.over = true;
}

void Web::after(Visitor& visitor) {
  if (visitor.over) return;
  const int socket = visitor.connection.socket();
  if (visitor.connection.has_queued()) {
    loop_.when_writable(socket, [this, id = visitor.id] {
      const auto same = visitors_.find(id);
      if (same == visitors_.end() || same->second->over) return;
      if (same->second->connection.flush() == Connection::Stream::gone) same->second->over = true;
      after(*same->second);
    });
  } else if (visitor.served && !visitor.listens) {
    // The other side closes first, having read all: a close with unread bytes would be a reset.
    ::shutdown(socket, SHUT_WR);
  }
}

std::size_t Web::listeners() const {
  return static_cast<std::size_t>(std::count_if(visitors_.begin(), visitors_.end(),
                                                [](auto& one) { return one.second->listens; }));
}

void Web::picture(const core::Message& message) {
  const auto json = message.text_or_empty("json");
  const bool changed = content_.json != json;
  content_.json = json;
  content_.metrics = message.text_or_empty("metrics");
  if (!changed) return;
  const std::string event = status_event(content_.json);
  for (const auto& [id, visitor] : visitors_)
    if (visitor->listens) {
      say(*visitor, event);
      after(*visitor);
    }
}

void Web::tick(core::Instant now) {
  const bool alive = now - last_alive_ >= limits::alive_time;
  if (alive) last_alive_ = now;
  for (const auto& [id, visitor] : visitors_) {
    if (!visitor->listens && now - visitor->since >= limits::web_time) visitor->over = true;
    if (visitor->listens && alive) {
      say(*visitor, "event: alive\ndata: 1\n\n");
      after(*visitor);
    }
  }
}

void Web::sweep() {
  for (auto entry = visitors_.begin(); entry != visitors_.end();) {
    if (!entry->second->over) {
      ++entry;
      continue;
    }
    loop_.unwatch(entry->second->connection.socket());
    entry = visitors_.erase(entry);
  }
}

}  // namespace hb::clients::mgmtd
