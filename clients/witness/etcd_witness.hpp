// etcd_witness: one lease and one key in an existing etcd; whoever owns the key has the witness
#pragma once

#include "clients/tls.hpp"
#include "clients/witness/news.hpp"
#include "clients/witness/web_request.hpp"

#include <boost/json/value.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::clients::witness {

struct EtcdSettings {
  std::vector<std::string> urls;
  std::string key;   ///< the same on all nodes of a cluster
  std::string node;  ///< who we are, as the key's value
  core::Duration lease;
  /// Our time ends so much before etcd's, so that what runs here is down when the next one begins.
  core::Duration release;
};

/// The logic of the lease is etcd's: it ends by itself when nobody keeps it alive, and with it the
/// key. We only ask, by etcd's JSON gateway (etcd 3.4 and later), and count our own time from the
/// moment before the question.
class EtcdWitness {
 public:
  /// With `tls` for https.
  EtcdWitness(EtcdSettings settings, std::optional<TlsContext> tls);
  /// Keeps the lease alive, or tries to get the key. Takes a quarter of the lease at most. An Error
  /// tells why there is no news.
  [[nodiscard]] core::Result<News> ask();
  /// Until the next question is due.
  void rest() const;

 private:
  [[nodiscard]] core::Result<void> renew();
  [[nodiscard]] core::Result<void> grant();
  [[nodiscard]] core::Result<void> keep_alive();
  [[nodiscard]] core::Result<void> own();
  [[nodiscard]] core::Result<boost::json::value> post(std::string_view path,
                                                      const boost::json::value& body);
  void lose();

  const EtcdSettings settings_;
  const std::optional<TlsContext> tls_;
  std::size_t url_ = 0;       ///< the one that answered last
  std::string lease_id_;      ///< empty: none
  bool owns_ = false;
  core::Instant asked_at_{}, since_{}, until_{};
};

}  // namespace hb::clients::witness
