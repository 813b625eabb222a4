// ha_cf_witness: the directives of the witness: a third party that says who serves in a partition
#include "core/ha_cf_parser.hpp"

#include <algorithm>
#include <chrono>

namespace hb::core::ha_cf {

namespace {

using namespace std::chrono_literals;

/// Longer than any stop script that somebody would wait for in a partition.
constexpr Duration longest_release = 1h;

/// "http://host:port" or "https://host:port", as the witness program takes it apart.
bool is_etcd_url(std::string_view url) {
  constexpr std::string_view plain = "http://", secured = "https://";
  if (!url.starts_with(plain) && !url.starts_with(secured)) return false;
  url.remove_prefix(url.starts_with(plain) ? plain.size() : secured.size());
  const auto colon = url.rfind(':');
  if (colon == url.npos || colon == 0) return false;
  const std::string_view port = url.substr(colon + 1);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  // What goes on a command line holds nothing that could mean something there.
  const auto is_plain = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']';
  };
  return !port.empty() && port.size() <= 5 && std::ranges::all_of(port, is_digit) &&
         std::ranges::all_of(url, is_plain);
}

void set_witness(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  const std::string_view kind = words.empty() ? std::string_view{} : words[0].text;
  if (words.size() < 2 || (kind != "ping" && kind != "etcd")) {
    state.refuse(line, line.rest,
                 "write: witness ping ADDRESS..., or witness etcd http://ADDRESS:PORT...");
    return;
  }
  WitnessConfig& witness = state.config.witness;
  witness.targets.clear();
  witness.kind = kind == "ping" ? WitnessKind::ping : WitnessKind::etcd;
  for (const Word target : std::span{words}.subspan(1)) {
    const bool numeric = is_ipv4(target.text) || is_ipv6(target.text);
    if (witness.kind == WitnessKind::ping && !numeric) {
      // It is asked when the network is broken: a name could not be looked up then.
      state.refuse(line, target, "is no address; a witness is pinged by its address");
      return;
    }
    if (witness.kind == WitnessKind::etcd && !is_etcd_url(target.text)) {
      state.refuse(line, target, "is no URL of an etcd; write http://HOST:PORT or "
                                 "https://HOST:PORT, e.g. http://192.0.2.7:2379");
      return;
    }
    witness.targets.emplace_back(target.text);
  }
}

void set_witness_release(State& state, const Line& line, Word value) {
  const auto time = parse_time(value.text);
  if (!time || *time < 100ms || *time > longest_release) {
    return state.refuse(line, value, "must be a time from 100ms to 3600 (seconds)");
  }
  state.config.witness.release = *time;
}

/// Files with odd characters could not be told from something else on the program's command line.
bool is_plain_path(std::string_view path) {
  return path.starts_with('/') && std::ranges::all_of(path, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '/' || c == '.' || c == '-' || c == '_' || c == '+';
  });
}

void set_witness_tls(State& state, const Line& line, Word) {
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.size() != 1 && words.size() != 3) {
    state.refuse(line, line.rest, "write: witness_tls CAFILE, or witness_tls CAFILE CERTFILE "
                                  "KEYFILE");
    return;
  }
  for (const Word file : words) {
    if (is_plain_path(file.text)) continue;
    state.refuse(line, file, "must be a full path of letters, digits and /._+-");
    return;
  }
  WitnessConfig& witness = state.config.witness;
  witness.tls_files.clear();
  for (const Word file : words) witness.tls_files.emplace_back(file.text);
}

constexpr auto not_kept = Record::nothing;

constexpr Directive table[]{
    {"witness", Style::whole_line, Values::one, not_kept, set_witness},
    {"witness_release", Style::list, Values::one, not_kept, set_witness_release},
    {"witness_tls", Style::whole_line, Values::one, not_kept, set_witness_tls},
};

}  // namespace

std::span<const Directive> witness_directives() {
  return table;
}

}  // namespace hb::core::ha_cf
