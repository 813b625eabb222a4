// ha_cf_parser: what the parts of the ha.cf parser share: state, findings, the directive table
#pragma once

#include "core/config_text.hpp"
#include "core/ha_cf.hpp"

#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

/// Inside core/ha_cf*.cpp only; everyone else includes core/ha_cf.hpp.
namespace hb::core::ha_cf {

/// The path that 3.0.6 prints, double slash and all (configuration §0.10).
inline constexpr std::string_view legacy_path = "/etc/ha.d//ha.cf";

/// One line with a directive on it.
struct Line {
  std::size_t number;
  Word directive;
  Word rest;  ///< without comment and blanks at the ends
};

/// How a directive takes its arguments (configuration §2).
enum class Style : std::uint8_t {
  list,        ///< applied once for each word; blanks and commas separate
  whole_line,  ///< applied once with the rest of the line
};
/// What becomes of the text as written.
enum class Record : std::uint8_t {
  parameter,  ///< getparm and HA_<name> answer it
  nothing,
};
/// How many values make sense; 3.0.6 takes any number and keeps the last.
enum class Values : std::uint8_t { one, many };

struct State;

struct Directive {
  std::string_view name;
  Style style;
  Values values;
  Record record;
  void (*apply)(State& state, const Line& line, Word value);
};

/// The parser at work: what was read so far.
struct State {
  explicit State(const HostFacts& facts) : host(facts), port(facts.default_port) {}

  const HostFacts& host;
  Config config;
  std::vector<Finding> findings;

  /// The line of the last use of each directive; those with an error, whose value is not ours to
  /// compare with others.
  std::map<std::string_view, std::size_t> seen;
  std::set<std::string_view> refused;
  /// configuration §4.3: a type's port is the one in force at its first medium.
  std::map<MediumType, std::uint16_t> port_of_type;
  std::uint16_t port;
  std::optional<unsigned> baud;
  std::optional<AutoFailback> auto_failback;
  std::optional<bool> service_link_failover;
  bool any_log = false;  ///< a logfile, debugfile or logfacility line, be it /dev/null or none

  void error(std::size_t line, Word at, std::string text, std::string legacy = {});
  void warn(std::size_t line, Word at, std::string text, std::string legacy = {});
  /// "directive value: text", at the value.
  void refuse(const Line& line, Word value, std::string_view text, std::string legacy = {});
  void advise(const Line& line, Word value, std::string_view text, std::string legacy = {});

  [[nodiscard]] std::size_t line_of(std::string_view directive) const;
};

/// A lookup of HostFacts; a null function says yes.
[[nodiscard]] inline bool ask(bool (*lookup)(std::string_view), std::string_view what) {
  return lookup == nullptr || lookup(what);
}

[[nodiscard]] std::span<const Directive> setting_directives();  ///< ha_cf_directives.cpp
[[nodiscard]] std::span<const Directive> medium_directives();   ///< ha_cf_media.cpp
[[nodiscard]] std::span<const Directive> ping_directives();     ///< ha_cf_ping.cpp
[[nodiscard]] std::span<const Directive> client_directives();   ///< ha_cf_clients.cpp
[[nodiscard]] std::span<const Directive> fencing_directives();  ///< ha_cf_fencing.cpp
[[nodiscard]] std::span<const Directive> witness_directives();  ///< ha_cf_witness.cpp

/// False, with an error, when no further medium may be added.
[[nodiscard]] bool has_room(State& state, const Line& line, Word value);
[[nodiscard]] MediumConfig medium_at(const Line& line, MediumType type);

/// Defaults that depend on other values, and the checks of configuration §5: ha_cf_checks.cpp.
void apply_defaults(State& state);
void cross_check(State& state);
void check_fencing(State& state);  ///< names of nodes in fencing lines: ha_cf_fencing.cpp
/// Built-in api authorizations that no apiauth line replaced: ha_cf_clients.cpp.
void add_builtin_api_auth(State& state);

}  // namespace hb::core::ha_cf
