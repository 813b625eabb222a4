// ha_cf_checks: defaults that depend on other values, and checks of values against each other
#include "core/ha_cf_parser.hpp"
#include "core/version.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::core::ha_cf {

namespace {

std::int64_t milliseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

std::string in_milliseconds(Duration time) {
  return fmt::format("{}ms", milliseconds(time));
}

bool given(const State& state, std::string_view name) {
  return state.config.parameters.find(name) != state.config.parameters.end();
}

/// configuration §4.1
Duration default_initdead(Duration deadtime) {
  using namespace std::chrono_literals;
  if (deadtime > 10s) return deadtime;
  if (deadtime < 6s) return 12s;
  return 2 * deadtime;
}

void default_times(State& state) {
  Config& config = state.config;
  if (!given(state, "warntime")) config.warntime = config.deadtime / 2;
  if (!given(state, "initdead")) config.initdead = default_initdead(config.deadtime);
  if (!given(state, "deadping")) config.deadping = config.deadtime;
}

/// configuration §4.6: a destination that is not set while the facility is counts as /dev/null.
void default_logs(State& state) {
  auto& parameters = state.config.parameters;
  if (given(state, "logfacility")) {
    parameters.try_emplace("logfile", "/dev/null");
    parameters.try_emplace("debugfile", "/dev/null");
  }
}

void default_parameters(State& state) {
  const Config& config = state.config;
  const std::pair<std::string_view, std::string> defaults[]{
      {"cluster", "linux-ha"},
      {"hopfudge", "1"},
      {"keepalive", "1000ms"},
      {"deadtime", "30000ms"},
      {"warntime", in_milliseconds(config.warntime)},
      {"initdead", in_milliseconds(config.initdead)},
      {"deadping", in_milliseconds(config.deadping)},
      {"baud", "19200"},
      {"udpport", fmt::format("{}", state.host.default_port)},
      {"auto_failback", "legacy"},
      {"hbgenmethod", "file"},
      {"realtime", "true"},
      {"debug", "0"},
      {"msgfmt", "classic"},
      {"conn_logd_time", "60"},
      {"log_badpack", "true"},
      {"syslogmsgfmt", "true"},
      {"coredumps", "true"},
      {"pacemaker", "false"},
      {"autojoin", "none"},
      {"uuidfrom", "file"},
      {"compression", "zlib"},
      {"compression_threshold", "2"},
      {"traditional_compression", "no"},
      {"max_rexmit_delay", "250"},
      {"record_config_changes", "on"},
      {"record_pengine_inputs", "on"},
      {"enable_config_writes", "on"},
      {"memreserve", "6500"},
      {"hbversion", std::string{heartbeat_version}},
  };
  for (const auto& [name, value] : defaults) {
    state.config.parameters.try_emplace(std::string{name}, value);
  }
}

/// An error about a value, at the line that set it, or about the whole file.
void refuse_value(State& state, std::string_view directive, std::string text,
                  std::string legacy) {
  state.error(state.line_of(directive), {}, std::move(text), std::move(legacy));
}

void check_media(State& state) {
  if (!state.config.media.empty()) return;
  // A medium line that was refused has its own message.
  for (const auto table : {medium_directives(), ping_directives()}) {
    for (const Directive& directive : table) {
      const bool is_setting = directive.record == Record::parameter;  // udpport, baud
      if (!is_setting && state.line_of(directive.name) != 0) return;
    }
  }
  state.error(0, {}, "no medium: add a line such as 'ucast eth0 address-of-the-peer' or "
                     "'bcast eth0'",
              "No heartbeat media defined");
}

void check_nodes(State& state) {
  Config& config = state.config;
  const bool any_node =
      std::any_of(config.nodes.begin(), config.nodes.end(),
                  [](const NodeConfig& node) { return node.type == NodeType::normal; });
  const bool may_join = config.autojoin == Autojoin::any;
  if (!any_node && !may_join) {
    state.error(0, {}, "no node: add a line 'node' with the names that uname -n prints on each "
                       "node",
                "no nodes defined");
    return;
  }
  const auto self = config.node(config.node_name);
  if (self && config.nodes[self->value].type == NodeType::normal) return;
  const std::string shown = printable(config.node_name);
  if (self) {
    state.error(0, {}, fmt::format("this node, {}, is listed as a ping node", shown));
  } else if (may_join && config.nodes.size() < limits::nodes) {
    state.warn(0, {}, fmt::format("this node, {}, is in no node line; added (autojoin any)",
                                  shown),
               fmt::format("info: Current node [{}] added to configuration.", shown));
    config.nodes.push_back({config.node_name, NodeType::normal});
  } else {
    state.error(state.line_of("node"), {},
                fmt::format("this node, {}, is in no node line; add 'node {}', or put the name "
                            "meant into nodeinfo",
                            shown, shown),
                fmt::format("Current node [{}] not in configuration!\n"
                            "info: By default, cluster nodes are named by `uname -n` and must be "
                            "declared with a 'node' directive in the ha.cf file.\n"
                            "info: See also: http://linux-ha.org/wiki/Ha.cf#node_directive",
                            shown));
  }
}

void check_initdead(State& state) {
  using namespace std::chrono_literals;
  const Config& config = state.config;
  if (config.initdead < config.deadtime) {
    refuse_value(state, "initdead",
                 fmt::format("initdead {} is less than deadtime {}; make it at least twice the "
                             "deadtime",
                             in_milliseconds(config.initdead), in_milliseconds(config.deadtime)),
                 fmt::format("Initial dead time [{}] is smaller than deadtime [{}]",
                             milliseconds(config.initdead), milliseconds(config.deadtime)));
  } else if (config.initdead < 10s) {
    state.warn(state.line_of("initdead"), {},
               fmt::format("initdead {} is short: network and peer may need longer to come up, "
                           "and a node that is not heard by then counts as dead",
                           in_milliseconds(config.initdead)),
               fmt::format("Initial dead time [{} ms] may be too small!",
                           milliseconds(config.initdead)));
  }
}

bool any_refused(const State& state, std::initializer_list<std::string_view> directives) {
  return std::any_of(directives.begin(), directives.end(), [&](std::string_view name) {
    return state.refused.contains(name);
  });
}

void check_times(State& state) {
  const Config& config = state.config;
  if (any_refused(state, {"keepalive", "deadtime", "initdead", "deadping", "warntime"})) return;
  if (config.deadtime <= 2 * config.keepalive) {
    refuse_value(state, "deadtime",
                 fmt::format("deadtime {} must be more than twice keepalive {}",
                             in_milliseconds(config.deadtime), in_milliseconds(config.keepalive)),
                 fmt::format("Dead time [{}] is too small compared to keeplive [{}]",
                             milliseconds(config.deadtime), milliseconds(config.keepalive)));
  }
  check_initdead(state);
  if (state.line_of("deadping") != 0 && config.deadping <= 2 * config.keepalive) {
    refuse_value(state, "deadping",
                 fmt::format("deadping {} must be more than twice keepalive {}",
                             in_milliseconds(config.deadping), in_milliseconds(config.keepalive)),
                 fmt::format("Ping dead time [{}] is too small compared to keeplive [{}]",
                             milliseconds(config.deadping), milliseconds(config.keepalive)));
  }
  if (state.line_of("warntime") != 0 && config.warntime >= config.deadtime) {
    state.warn(state.line_of("warntime"), {},
               fmt::format("warntime {} is not below deadtime {}: late heartbeats will not be "
                           "reported",
                           in_milliseconds(config.warntime), in_milliseconds(config.deadtime)));
  }
}

void check_policy(State& state) {
  Config& config = state.config;
  config.auto_failback = state.auto_failback.value_or(AutoFailback::legacy);
  // On, unless the file has nothing to say but (explicitly or by default) the old mode, in which no
  // group can be given to a live node.
  const bool is_legacy = config.auto_failback == AutoFailback::legacy;
  config.service_link_failover = state.service_link_failover.value_or(true) && !is_legacy;
  if (is_legacy && state.service_link_failover.value_or(false)) {
    state.warn(state.line_of("service_link_failover"), {},
               "service_link_failover on has no effect with auto_failback legacy, which knows no "
               "planned moves; write 'auto_failback on' or 'off'");
  }
  if (config.autojoin != Autojoin::none && config.manages_resources &&
      !any_refused(state, {"pacemaker", "crm"})) {
    refuse_value(state, "autojoin",
                 "autojoin needs 'pacemaker ccm-only': with haresources all nodes must be listed; "
                 "write 'autojoin none'",
                 "R1 style resource management conflicts with  autojoin set\n"
                 "You need either unset autojoin or enable crm");
  }
  // nice_failback has said it already.
  if (config.auto_failback == AutoFailback::legacy && config.manages_resources &&
      state.line_of("nice_failback") == 0 && !state.refused.contains("auto_failback")) {
    state.warn(state.line_of("auto_failback"), {},
               state.auto_failback
                   ? "auto_failback legacy: deprecated; write on or off"
                   : "no auto_failback line, so it is 'legacy', which is deprecated; write "
                     "'auto_failback on' or 'off'",
               "Deprecated 'legacy' auto_failback option selected.\n"
               "Please convert to 'auto_failback on'.\n"
               "See documentation for conversion details.");
  }
}

/// The logging daemon may not run (with 3.0.6 on Debian it is never found), so it must not be the
/// only place where messages go.
void check_logs(State& state) {
  Config& config = state.config;
  if (state.any_log) {
    if (config.use_logd == true) {
      state.warn(state.line_of("use_logd"), {},
                 "use_logd yes: while ha_logd runs it gets all messages; logfile, debugfile and "
                 "logfacility are used only when it does not answer",
                 fmt::format("logd is enabled but logfile/debugfile{} is still configured in "
                             "ha.cf",
                             config.logfacility ? "/logfacility" : ""));
    }
    return;
  }
  if (config.use_logd == false) {
    refuse_value(state, "use_logd",
                 "no logfile, debugfile or logfacility, and not the logging daemon; add "
                 "'logfile /var/log/ha-log' or 'logfacility daemon'",
                 "No log entry found in ha.cf and use_logd is set to off");
    return;
  }
  constexpr int facility_daemon = 3 * 8;  // LOG_DAEMON
  config.use_logd = true;
  config.logfacility = facility_daemon;
  state.warn(state.line_of("use_logd"), {},
             "no logfile, debugfile or logfacility: messages go to the logging daemon (as with "
             "use_logd yes), and to syslog, facility daemon, while ha_logd does not answer",
             "info: No log entry found in ha.cf -- use logd");
}

}  // namespace

void apply_defaults(State& state) {
  default_times(state);
  default_logs(state);
  default_parameters(state);
}

void cross_check(State& state) {
  check_fencing(state);
  check_media(state);
  check_nodes(state);
  check_times(state);
  check_policy(state);
  check_logs(state);
}

}  // namespace hb::core::ha_cf
