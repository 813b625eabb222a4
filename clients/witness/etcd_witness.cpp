// etcd_witness: one lease and one key in an existing etcd; whoever owns the key has the witness
#include "clients/witness/etcd_witness.hpp"

#include "core/base64.hpp"
#include "os/clock.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/src.hpp>  // compiled in, for want of a shared library
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

namespace hb::clients::witness {
namespace {

namespace http = boost::beast::http;
namespace json = boost::json;
using namespace std::chrono_literals;

/// Questions within a lease, and so the part of it that one may take.
constexpr int questions = 4;
/// While another node owns the key it is asked for this often: it may be free at any moment.
constexpr core::Duration longest_rest = 500ms;
/// Ours ends so much before etcd's, so that what runs here is down when the next one begins.
constexpr int margin = 4;  // a quarter
constexpr std::size_t answer_bytes = 64 << 10;

/// Waits for the socket, until the end.
bool wait_for(int socket, short what, core::Instant end) {
  pollfd watched{socket, what, 0};
  for (auto now = os::instant_now(); now < end; now = os::instant_now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  errno = ETIMEDOUT;
  return false;
}

/// Addresses only: a name server may be behind the same broken network.
core::Result<os::Fd> connect_to(const std::string& host, const std::string& port,
                                core::Instant end) {
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    return core::Error{fmt::format("{} is no address", host)};
  }
  os::Fd socket{::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int begun = ::connect(socket.get(), found->ai_addr, found->ai_addrlen);
  const int code = begun == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (code != 0 && code != EINPROGRESS) return core::Error{std::strerror(code), code};
  int result = 0;
  socklen_t size = sizeof result;
  if (!wait_for(socket.get(), POLLOUT, end)) return core::Error{std::strerror(errno), errno};
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &result, &size);
  if (result != 0) return core::Error{std::strerror(result), result};
  return socket;
}

/// One question over a connection of its own, within `patience`.
core::Result<void> exchange(const std::string& host, const std::string& port,
                            std::string_view path, const std::string& body,
                            core::Duration patience, std::string& into) {
  const core::Instant end = os::instant_now() + patience;
  const auto socket = connect_to(host, port, end);
  if (!socket) return socket.error();
  const std::string request = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}:{}\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
      path, host, port, body.size(), body);
  // Far smaller than any socket's buffer: it goes at once or not at all.
  if (::send(socket->get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return core::Error{"takes no question"};
  }
  http::response_parser<http::string_body> answer;
  answer.eager(true);
  answer.body_limit(answer_bytes);
  std::string received;
  std::array<char, 4096> chunk;
  while (!answer.is_done()) {
    if (!wait_for(socket->get(), POLLIN, end)) return core::Error{std::strerror(errno), errno};
    const ssize_t got = ::recv(socket->get(), chunk.data(), chunk.size(), 0);
    if (got < 0) return core::Error{std::strerror(errno), errno};
    received.append(chunk.data(), static_cast<std::size_t>(got));
    if (received.size() > 2 * answer_bytes) return core::Error{"answers too much"};
    boost::system::error_code error;
    const std::size_t used = answer.put(boost::asio::buffer(received), error);
    received.erase(0, used);
    if (error == http::error::need_more) error = {};
    if (got == 0) answer.put_eof(error);
    if (error) return core::Error{"answers no HTTP: " + error.message()};
    if (got == 0 && !answer.is_done()) return core::Error{"ends in the middle of an answer"};
  }
  if (answer.get().result() != http::status::ok) {
    return core::Error{fmt::format("answers {}: {}", answer.get().result_int(),
                                   answer.get().body().substr(0, 200))};
  }
  into = answer.get().body();
  return {};
}

std::string in_base64(std::string_view text) {
  std::string out;
  core::append_base64(text, out);
  return out;
}

const json::value* at(const json::value& value, std::string_view pointer) {
  boost::system::error_code error;
  return value.find_pointer({pointer.data(), pointer.size()}, error);
}

std::string text_at(const json::value& value, std::string_view pointer) {
  const json::value* found = at(value, pointer);
  return found != nullptr && found->is_string() ? std::string{found->as_string()} : std::string{};
}

}  // namespace

bool split_url(std::string_view url, std::string& host, std::string& port) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme)) return false;
  url.remove_prefix(scheme.size());
  const auto colon = url.rfind(':');
  if (colon == url.npos) return false;
  std::string_view name = url.substr(0, colon);
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  port = url.substr(colon + 1);
  host = name;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !host.empty() && !port.empty() && port.size() <= 5 &&
         std::ranges::all_of(port, is_digit) && std::stoul(port) <= 65535;
}

EtcdWitness::EtcdWitness(std::vector<std::string> urls, std::string key, std::string node,
                         core::Duration lease)
    : urls_(std::move(urls)), key_(std::move(key)), node_(std::move(node)), lease_(lease) {}

core::Result<News> EtcdWitness::ask() {
  asked_at_ = os::instant_now();
  if (auto done = renew(); !done) return done.error();
  return News{since_, until_};
}

void EtcdWitness::rest() const {
  const core::Duration pause = std::min(lease_ / questions, owns_ ? lease_ : longest_rest);
  const core::Duration left = asked_at_ + pause - os::instant_now();
  if (left > core::Duration{}) std::this_thread::sleep_for(left);
}

core::Result<void> EtcdWitness::renew() {
  if (lease_id_.empty()) {
    if (auto done = grant(); !done) return done;
  } else if (auto done = keep_alive(); !done) {
    return done;
  }
  if (auto done = own(); !done) return done;
  if (owns_) until_ = asked_at_ + lease_ - lease_ / margin;
  return {};
}

void EtcdWitness::lose() {
  lease_id_.clear();
  owns_ = false;
}

core::Result<void> EtcdWitness::grant() {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(lease_).count();
  const auto answer = post("/v3/lease/grant", {{"TTL", std::to_string(seconds)}});
  if (!answer) return answer.error();
  lease_id_ = text_at(*answer, "/ID");
  if (lease_id_.empty()) return core::Error{"etcd grants no lease: " + json::serialize(*answer)};
  return {};
}

core::Result<void> EtcdWitness::keep_alive() {
  const auto answer = post("/v3/lease/keepalive", {{"ID", lease_id_}});
  if (!answer) return answer.error();
  // A lease that has ended is answered without a time to live.
  const std::string left = text_at(*answer, "/result/TTL");
  if (!left.empty() && left != "0") return {};
  lose();
  return grant();
}

/// The key is ours, or made ours if it is nobody's (or of an earlier life of this node).
core::Result<void> EtcdWitness::own() {
  const std::string key = in_base64(key_), value = in_base64(node_);
  const json::value put = {{"requestPut", {{"key", key}, {"value", value}, {"lease", lease_id_}}}};
  const json::value look = {{"requestRange", {{"key", key}}}};
  const auto answer = post("/v3/kv/txn", {
      {"compare", json::array{{{"target", "CREATE"}, {"key", key}, {"result", "EQUAL"},
                               {"createRevision", "0"}}}},
      {"success", json::array{put}}, {"failure", json::array{look}}});
  if (!answer) return answer.error();
  const json::value* succeeded = at(*answer, "/succeeded");
  if (succeeded != nullptr && succeeded->is_bool() && succeeded->as_bool()) {
    if (!owns_) since_ = asked_at_;
    owns_ = true;
    return {};
  }
  const std::string owner = text_at(*answer, "/responses/0/response_range/kvs/0/value");
  const std::string lease = text_at(*answer, "/responses/0/response_range/kvs/0/lease");
  const bool was_ours = owns_;
  owns_ = owner == value && lease == lease_id_;
  if (owns_ || owner != value) return {};
  // Left by this node's last life: the same node goes on, and since when is not known any more.
  const auto again = post("/v3/kv/txn", {
      {"compare", json::array{{{"target", "LEASE"}, {"key", key}, {"result", "EQUAL"},
                               {"lease", lease}}}},
      {"success", json::array{put}}});
  if (!again) return again.error();
  const json::value* taken = at(*again, "/succeeded");
  owns_ = taken != nullptr && taken->is_bool() && taken->as_bool();
  if (owns_ && !was_ours) since_ = core::Instant{};
  return {};
}

core::Result<json::value> EtcdWitness::post(std::string_view path, const json::value& body) {
  core::Error last{"no etcd is configured"};
  const core::Instant end = asked_at_ + lease_ / questions;
  for (std::size_t i = 0; i < urls_.size(); ++i) {
    const core::Duration left = end - os::instant_now();
    if (left <= core::Duration{}) break;
    const std::size_t which = (url_ + i) % urls_.size();
    std::string host, port;
    if (!split_url(urls_[which], host, port)) continue;
    // An etcd that hangs leaves time for the next one.
    const auto tries = static_cast<core::Duration::rep>(urls_.size() - i);
    std::string answer;
    const auto done = exchange(host, port, path, json::serialize(body), left / tries, answer);
    if (!done) {
      last = core::Error{fmt::format("{}: {}", urls_[which], done.error().text)};
      continue;
    }
    boost::system::error_code error;
    json::value parsed = json::parse(answer, error);
    if (error) {
      last = core::Error{fmt::format("{}: no JSON", urls_[which])};
      continue;
    }
    url_ = which;
    return parsed;
  }
  return last;
}

}  // namespace hb::clients::witness
