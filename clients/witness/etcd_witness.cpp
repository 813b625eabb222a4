// etcd_witness: one lease and one key in an existing etcd; whoever owns the key has the witness
#include "clients/witness/etcd_witness.hpp"

#include "core/base64.hpp"
#include "os/clock.hpp"

#include <boost/json/src.hpp>  // compiled in, for want of a shared library
#include <fmt/core.h>

#include <algorithm>
#include <thread>

namespace hb::clients::witness {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// Questions within a lease, and so the part of it that one may take.
constexpr int questions = 4;
/// While another node owns the key it is asked for this often: it may be free at any moment.
constexpr core::Duration longest_rest = 500ms;

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

EtcdWitness::EtcdWitness(EtcdSettings settings, std::optional<TlsContext> tls)
    : settings_(std::move(settings)), tls_(std::move(tls)) {}

core::Result<News> EtcdWitness::ask() {
  asked_at_ = os::instant_now();
  if (auto done = renew(); !done) return done.error();
  return News{since_, until_};
}

void EtcdWitness::rest() const {
  const core::Duration longest = owns_ ? settings_.lease : longest_rest;
  const core::Duration pause = std::min(settings_.lease / questions, longest);
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
  if (owns_) until_ = asked_at_ + settings_.lease - settings_.release;
  return {};
}

void EtcdWitness::lose() {
  lease_id_.clear();
  owns_ = false;
}

core::Result<void> EtcdWitness::grant() {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings_.lease).count();
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
  const std::string key = in_base64(settings_.key), value = in_base64(settings_.node);
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
  const std::vector<std::string>& urls = settings_.urls;
  core::Error last{"no etcd is configured"};
  const core::Instant end = asked_at_ + settings_.lease / questions;
  for (std::size_t i = 0; i < urls.size(); ++i) {
    const core::Duration left = end - os::instant_now();
    if (left <= core::Duration{}) break;
    const std::string& url = urls[(url_ + i) % urls.size()];
    const auto server = split_url(url);
    if (!server) continue;
    // An etcd that hangs leaves time for the next one.
    const auto tries = static_cast<core::Duration::rep>(urls.size() - i);
    const auto answer = post_to(*server, path, json::serialize(body), left / tries,
                                tls_ ? &*tls_ : nullptr);
    if (!answer) {
      last = core::Error{fmt::format("{}: {}", url, answer.error().text)};
      continue;
    }
    boost::system::error_code error;
    json::value parsed = json::parse(*answer, error);
    if (error) {
      last = core::Error{fmt::format("{}: no JSON", url)};
      continue;
    }
    url_ = (url_ + i) % urls.size();
    return parsed;
  }
  return last;
}

}  // namespace hb::clients::witness
