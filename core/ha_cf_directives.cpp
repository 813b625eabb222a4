// ha_cf_directives: the directives that set one value: timing, policy, logging, process
#include "core/ha_cf_parser.hpp"
#include "core/resource_policy.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::core::ha_cf {

namespace {

constexpr std::string_view time_cure =
    "is no time; write seconds as digits (1, 0.5), or 500ms, 500us without a blank between, "
    "ten years at most";
constexpr std::string_view boolean_cure = "write on or off";

// ---- one function for each kind of value; each says what it refuses

std::optional<Duration> time_of(State& state, const Line& line, Word value) {
  const auto time = parse_time(value.text);
  if (!time) state.refuse(line, value, time_cure);
  return time;
}

std::optional<bool> boolean_of(State& state, const Line& line, Word value,
                               std::string legacy = {}) {
  const auto choice = parse_boolean(value.text);
  if (!choice) state.refuse(line, value, boolean_cure, std::move(legacy));
  return choice;
}

struct Range {
  int low, high;
};

/// habit: atoi, so "12x" is 12; but it is said.
std::optional<int> integer_of(State& state, const Line& line, Word value, Range range,
                              std::string legacy = {}) {
  const int number = leading_integer(value.text);
  if (number < range.low || number > range.high) {
    state.refuse(line, value, fmt::format("must be {} to {}", range.low, range.high),
                 std::move(legacy));
    return std::nullopt;
  }
  if (!is_integer(value.text)) {
    state.advise(line, value, fmt::format("is no whole number; read as {}", number));
  }
  return number;
}

template <class Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

/// One of the names, as written.
template <class Enum, std::size_t N>
std::optional<Enum> choice_of(State& state, const Line& line, Word value,
                              const Choice<Enum> (&choices)[N], std::string legacy = {}) {
  std::vector<std::string> names;
  for (const auto& choice : choices) {
    if (choice.name == value.text) return choice.value;
    names.emplace_back(choice.name);
  }
  state.refuse(line, value, "must be " + join(names, " or "), std::move(legacy));
  return std::nullopt;
}

// ---- timing

template <Duration Config::*member>
void set_time(State& state, const Line& line, Word value) {
  if (const auto time = time_of(state, line, value)) state.config.*member = *time;
}

void set_keepalive(State& state, const Line& line, Word value) {
  const auto time = time_of(state, line, value);
  if (!time) return;
  if (*time <= Duration::zero()) {
    state.refuse(line, value, "must be at least 1ms");
    return;
  }
  state.config.keepalive = *time;
}

void set_warntime(State& state, const Line& line, Word value) {
  const auto time = parse_time(value.text);
  if (!time || *time <= Duration::zero()) {
    state.refuse(line, value, time ? "must be at least 1ms" : time_cure,
                 fmt::format("Warn time [{}] is invalid.", printable(value.text)));
    return;
  }
  state.config.warntime = *time;
}

void set_max_rexmit_delay(State& state, const Line& line, Word value) {
  constexpr Range delay{1, 3'600'000};  // an hour is no delay any more
  const auto number = integer_of(
      state, line, value, delay,
      fmt::format("Invalid max_rexmit_delay time({})", printable(value.text)));
  if (number) state.config.max_rexmit_delay = std::chrono::milliseconds{*number};
}

void set_hopfudge(State& state, const Line& line, Word value) {
  const auto number = integer_of(state, line, value, {0, 255});
  if (number) state.config.hopfudge = static_cast<unsigned>(*number);
}

// ---- nodes and identity

void add_node(State& state, const Line& line, Word value) {
  if (value.text.size() > limits::node_name_bytes) {
    state.refuse(line, value,
                 fmt::format("a node name has at most {} bytes", limits::node_name_bytes));
    return;
  }
  std::string name = lower(value.text);
  if (const auto known = state.config.node(name)) {
    if (state.config.nodes[known->value].type == NodeType::ping) {
      state.refuse(line, value, "is a ping node already; a name can be only one of both");
    } else {
      state.advise(line, value, "is listed twice; the second one is ignored");
    }
    return;
  }
  if (state.config.nodes.size() >= limits::nodes) {
    state.refuse(line, value, fmt::format("at most {} nodes, ping nodes included", limits::nodes));
    return;
  }
  state.config.nodes.push_back({std::move(name), NodeType::normal});
}

void set_autojoin(State& state, const Line& line, Word value) {
  constexpr Choice<Autojoin> choices[]{
      {"none", Autojoin::none}, {"other", Autojoin::other}, {"any", Autojoin::any}};
  const std::string word = lower(value.text);
  const auto choice =
      choice_of(state, line, {word, value.column}, choices,
                fmt::format("Invalid autojoin directive [{}]", printable(value.text)));
  if (choice) state.config.autojoin = *choice;
}

void set_uuidfrom(State& state, const Line& line, Word value) {
  constexpr Choice<UuidFrom> choices[]{{"file", UuidFrom::file}, {"nodename", UuidFrom::nodename}};
  const auto choice =
      choice_of(state, line, value, choices,
                fmt::format("Invalid uuidfrom directive [{}]", printable(value.text)));
  if (choice) state.config.uuidfrom = *choice;
}

void set_hbgenmethod(State& state, const Line& line, Word value) {
  constexpr Choice<GenerationMethod> choices[]{{"file", GenerationMethod::file},
                                               {"time", GenerationMethod::time}};
  const auto choice =
      choice_of(state, line, value, choices,
                fmt::format("Illegal hb generation method [{}]", printable(value.text)));
  if (choice) state.config.hbgenmethod = *choice;
}

void keep_text(State&, const Line&, Word) {}  // only recorded: getparm and HA_<name>

// ---- resource policy

void set_auto_failback(State& state, const Line& line, Word value) {
  if (lower(value.text) == "legacy") {
    state.auto_failback = AutoFailback::legacy;
  } else if (const auto choice = parse_boolean(value.text)) {
    state.auto_failback = *choice ? AutoFailback::on : AutoFailback::off;
  } else {
    state.refuse(line, value, "write on, off or legacy");
  }
}

/// habit: its own value is looked at only for being a boolean; what counts is an auto_failback
/// line before it (configuration §0.1).
void set_nice_failback(State& state, const Line& line, Word value) {
  std::string legacy =
      "ERROR: nice_failback flag is obsolete.. Use auto_failback {on, off, legacy} instead.";
  if (!boolean_of(state, line, value, legacy)) return;
  const bool becomes_off =
      state.auto_failback && *state.auto_failback != AutoFailback::legacy;
  const std::string shown = printable(value.text);
  legacy += becomes_off
      ? fmt::format("\nERROR: 'nice_failback {}' has been changed to 'auto_failback off'", shown)
      : fmt::format("\nERROR: nice_failback {} has been strictly interpreted as "
                    "'auto_failback legacy'", shown);
  state.auto_failback = becomes_off ? AutoFailback::off : AutoFailback::legacy;
  const std::string_view result = becomes_off ? "off" : "legacy";
  state.config.parameters.insert_or_assign("auto_failback", std::string{result});
  state.advise(line, value,
               fmt::format("obsolete, taken as 'auto_failback {}'; write an auto_failback line "
                           "instead", result),
               std::move(legacy));
}

void set_ucast_any_source(State& state, const Line& line, Word value) {
  if (const auto choice = boolean_of(state, line, value)) state.config.ucast_any_source = *choice;
}

void set_service_link_failover(State& state, const Line& line, Word value) {
  if (const auto choice = boolean_of(state, line, value)) state.service_link_failover = *choice;
}

void set_address_conflict(State& state, const Line& line, Word value) {
  constexpr Choice<AddressConflict> choices[]{{"take", AddressConflict::take},
                                              {"hold", AddressConflict::hold}};
  if (const auto choice = choice_of(state, line, value, choices)) {
    state.config.address_conflict = *choice;
  }
}

void set_announce_interval(State& state, const Line& line, Word value) {
  const auto time = time_of(state, line, value);
  if (!time) return;
  if (*time != Duration::zero() && *time < std::chrono::seconds{1}) {
    return state.refuse(line, value, "must be 0 (never) or at least 1 second");
  }
  state.config.announce_interval = *time;
}

void set_resource_timeout(State& state, const Line& line, Word value) {
  const auto time = time_of(state, line, value);
  if (!time) return;
  if (*time > policy_limits::longest_timeout) {
    return state.refuse(line, value, "must be at most 86400 (a day), or 0 for none");
  }
  state.config.resource_timeout = *time;
}

// ---- logging

/// /dev/null is how a configuration says "none".
std::string log_path(std::string_view path) {
  return path == "/dev/null" ? std::string{} : std::string{path};
}

template <std::string Config::*member>
void set_log_file(State& state, const Line& line, Word value) {
  state.any_log = true;
  if (value.text.front() != '/') {
    state.advise(line, value, "is no full path; it is taken from the daemon's working directory");
  }
  state.config.*member = log_path(value.text);
}

void set_logfacility(State& state, const Line& line, Word value) {
  // The codes of syslog(3), which <syslog.h> defines the same on every Linux.
  constexpr int step = 8;
  constexpr Choice<int> facilities[]{
      {"kern", 0},          {"user", 1 * step},    {"mail", 2 * step},    {"daemon", 3 * step},
      {"auth", 4 * step},   {"syslog", 5 * step},  {"lpr", 6 * step},     {"news", 7 * step},
      {"uucp", 8 * step},   {"cron", 9 * step},    {"authpriv", 10 * step}, {"ftp", 11 * step},
      {"local0", 16 * step}, {"local1", 17 * step}, {"local2", 18 * step}, {"local3", 19 * step},
      {"local4", 20 * step}, {"local5", 21 * step}, {"local6", 22 * step}, {"local7", 23 * step},
      {"security", 4 * step}, {"none", -1}};
  state.any_log = true;
  const auto facility =
      choice_of(state, line, value, facilities,
                fmt::format("Log facility({}) not valid", printable(value.text)));
  if (!facility) return;
  state.config.logfacility = *facility < 0 ? std::nullopt : std::optional{*facility};
}

void set_use_logd(State& state, const Line& line, Word value) {
  if (const auto choice = boolean_of(state, line, value)) state.config.use_logd = *choice;
}

void check_conn_logd_time(State& state, const Line& line, Word value) {
  const auto time = time_of(state, line, value);
  if (time && *time <= Duration::zero()) state.refuse(line, value, "must be at least 1ms");
}

void set_debug(State& state, const Line& line, Word value) {
  const auto number = integer_of(state, line, value, {0, 255});
  if (number) state.config.debug = static_cast<unsigned>(*number);
}

// ---- process

template <bool Config::*member>
void set_boolean(State& state, const Line& line, Word value) {
  if (const auto choice = boolean_of(state, line, value)) state.config.*member = *choice;
}

void set_rtprio(State& state, const Line& line, Word value) {
  const auto number =
      integer_of(state, line, value, {1, 99},
                 fmt::format("Illegal realtime priority [{}]", printable(value.text)));
  if (number) state.config.rtprio = static_cast<unsigned>(*number);
}

void set_memreserve(State& state, const Line& line, Word value) {
  constexpr Range kib{1, 1 << 20};  // a GiB is above what any host would lock for this
  const auto number = integer_of(state, line, value, kib);
  if (number) state.config.memreserve_kib = static_cast<std::size_t>(*number);
}

void set_watchdog(State& state, const Line& line, Word value) {
  if (!state.config.watchdog.empty()) {
    state.refuse(line, value, "a watchdog was named before; keep one of both",
                 "Watchdog device multiply specified.");
    return;
  }
  state.config.watchdog = value.text;
}

void set_coreroot(State& state, const Line&, Word value) {
  state.config.coreroot = value.text;
}

void set_compression(State& state, const Line& line, Word value) {
  constexpr Choice<Compression> choices[]{{"zlib", Compression::zlib}, {"bz2", Compression::bz2}};
  const auto choice =
      choice_of(state, line, value, choices,
                fmt::format("Compression module({}) not found", printable(value.text)));
  if (choice) state.config.compression = *choice;
}

void set_compression_threshold(State& state, const Line& line, Word value) {
  constexpr Range kib{1, 1 << 20};  // above 256 KiB nothing is ever sent, so nothing compressed
  const auto number = integer_of(state, line, value, kib,
                                 fmt::format("set_compression_threshold: compress_threshhold({}) "
                                             "invalid", printable(value.text)));
  if (number) state.config.compression_threshold = static_cast<std::size_t>(*number) * 1024;
}

void set_traditional_compression(State& state, const Line& line, Word value) {
  const auto choice = boolean_of(
      state, line, value,
      "set_traditional_compression:Invalid directive value " + printable(value.text));
  if (choice) state.config.traditional_compression = *choice;
}

void set_msgfmt(State& state, const Line& line, Word value) {
  constexpr Choice<MessageFormat> choices[]{{"classic", MessageFormat::classic},
                                            {"netstring", MessageFormat::netstring}};
  if (const auto choice = choice_of(state, line, value, choices)) state.config.msgfmt = *choice;
}

void check_use_apphbd(State& state, const Line& line, Word value) {
  if (boolean_of(state, line, value).value_or(false)) {
    state.advise(line, value, "there is no apphbd to register with; the line has no effect");
  }
}

void check_pacemaker_boolean(State& state, const Line& line, Word value) {
  (void)boolean_of(state, line, value,
                   "ha_config_check_boolean:Invalid directive value " + printable(value.text));
}

// ---- the table

constexpr auto list = Style::list;
constexpr auto one = Values::one;
constexpr auto kept = Record::parameter;
constexpr auto not_kept = Record::nothing;

constexpr Directive table[]{
    {"keepalive", list, one, kept, set_keepalive},
    {"deadtime", list, one, kept, set_time<&Config::deadtime>},
    {"warntime", list, one, kept, set_warntime},
    {"initdead", list, one, kept, set_time<&Config::initdead>},
    {"deadping", list, one, kept, set_time<&Config::deadping>},
    {"max_rexmit_delay", list, one, kept, set_max_rexmit_delay},
    {"hopfudge", list, one, kept, set_hopfudge},
    {"node", list, Values::many, not_kept, add_node},
    {"autojoin", list, one, kept, set_autojoin},
    {"uuidfrom", list, one, kept, set_uuidfrom},
    {"hbgenmethod", list, one, kept, set_hbgenmethod},
    {"cluster", list, one, kept, keep_text},
    {"quorum_server", list, one, kept, keep_text},
    {"auto_failback", list, one, kept, set_auto_failback},
    {"nice_failback", list, one, not_kept, set_nice_failback},
    {"ucast_any_source", list, one, kept, set_ucast_any_source},
    {"service_link_failover", list, one, kept, set_service_link_failover},
    {"address_conflict", list, one, kept, set_address_conflict},
    {"announce_interval", list, one, kept, set_announce_interval},
    {"resource_timeout", list, one, kept, set_resource_timeout},
    {"logfile", list, one, kept, set_log_file<&Config::logfile>},
    {"debugfile", list, one, kept, set_log_file<&Config::debugfile>},
    {"logfacility", list, one, kept, set_logfacility},
    {"use_logd", list, one, kept, set_use_logd},
    {"conn_logd_time", list, one, kept, check_conn_logd_time},
    {"syslogmsgfmt", list, one, kept, set_boolean<&Config::syslogmsgfmt>},
    {"debug", list, one, kept, set_debug},
    {"log_badpack", list, one, kept, set_boolean<&Config::log_badpack>},
    {"realtime", list, one, kept, set_boolean<&Config::realtime>},
    {"rtprio", list, one, kept, set_rtprio},
    {"memreserve", list, one, kept, set_memreserve},
    {"watchdog", list, one, kept, set_watchdog},
    {"coredumps", list, one, kept, set_boolean<&Config::coredumps>},
    {"coreroot", list, one, kept, set_coreroot},
    {"compression", list, one, kept, set_compression},
    {"compression_threshold", list, one, kept, set_compression_threshold},
    {"traditional_compression", list, one, kept, set_traditional_compression},
    {"msgfmt", list, one, kept, set_msgfmt},
    {"use_apphbd", list, one, not_kept, check_use_apphbd},
    {"crm_daemon_dir", list, one, kept, keep_text},
    {"crmd_spawns_pengine", list, one, kept, check_pacemaker_boolean},
    {"record_config_changes", list, one, kept, check_pacemaker_boolean},
    {"record_pengine_inputs", list, one, kept, check_pacemaker_boolean},
    {"enable_config_writes", list, one, kept, check_pacemaker_boolean},
};

}  // namespace

std::span<const Directive> setting_directives() {
  return table;
}

}  // namespace hb::core::ha_cf
