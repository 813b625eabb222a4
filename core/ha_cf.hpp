// ha_cf: ha.cf text to Config, with line-exact diagnostics that name the cure
#pragma once

#include "core/compress.hpp"
#include "core/types.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

enum class Severity : std::uint8_t { warning, error };

/// One finding about a configuration text: "ha.cf:12:7: error: bcast eth7: no such interface; ..."
struct Finding {
  Severity severity;
  std::string file;      ///< as the user knows it, e.g. "ha.cf"
  std::size_t line = 0;  ///< from 1; 0 = the whole file
  std::size_t column = 0;
  std::string text;      ///< names the offending word and the cure
  /// habit: 3.0.6's own wording, which scripts grep for; may be empty. One or more lines, each at
  /// the level of `severity` unless it begins with "ERROR: ", "WARN: " or "info: ".
  std::string legacy;
};

enum class AutoFailback : std::uint8_t { on, off, legacy };
/// What to do when a dead node's service address still answers.
enum class AddressConflict : std::uint8_t { take, hold };
enum class MessageFormat : std::uint8_t { classic, netstring };
enum class Autojoin : std::uint8_t { none, other, any };
enum class UuidFrom : std::uint8_t { file, nodename };
enum class GenerationMethod : std::uint8_t { file, time };
enum class NodeType : std::uint8_t { normal, ping };

struct NodeConfig {
  std::string name;  ///< lower case; ping nodes exactly as written
  NodeType type = NodeType::normal;
};

enum class MediumType : std::uint8_t {
  bcast, ucast, mcast, ucast6, mcast6, serial, ping, ping6, ping_group
};
[[nodiscard]] std::string_view name_of(MediumType type);
/// Media that ask a host outside the cluster instead of carrying frames between nodes.
[[nodiscard]] constexpr bool is_ping(MediumType type) {
  return type == MediumType::ping || type == MediumType::ping6 || type == MediumType::ping_group;
}

/// One medium: a reader and a writer process.
struct MediumConfig {
  MediumType type = MediumType::bcast;
  std::string interface;          ///< interface or tty; link name of cluster media; "" for ping
  std::string address;            ///< ucast peer, mcast group, ping host
  std::vector<std::string> hosts; ///< ping_group members
  std::uint16_t port = 694;       ///< UDP port in force at this line (bcast, ucast, ucast6, mcast)
  int ttl = 1;                    ///< mcast TTL / hops
  bool loop = false;              ///< mcast loop
  unsigned baud = 19200;          ///< serial
  std::size_t line = 0;           ///< of ha.cf, for later messages
  /// The link's name in cl_status and the log: interface, tty or ping node name.
  [[nodiscard]] const std::string& link_name() const;
};

struct RespawnConfig {
  std::string user;
  std::string command;
  bool failfast = false;
};

struct ApiAuth {
  std::string client;
  std::vector<std::string> users;  ///< names or numbers as written, resolved when status starts
  std::vector<std::string> groups;
};

struct StonithConfig {
  std::string host;  ///< "*" or node, empty for the `stonith` directive
  std::string type;
  std::string parameters;
};

/// A program of the fence-agents kind for one node ("*": for any): an extension. Its parameters go
/// to its standard input.
struct FenceAgentConfig {
  std::string node;
  std::string program;  ///< full path
  std::vector<std::string> parameters;  ///< name=value
  std::size_t line = 0;
};

/// Who says, while nodes cannot hear each other, which of them may serve (core/witness).
enum class WitnessKind : std::uint8_t { none, ping, etcd };
struct WitnessConfig {
  WitnessKind kind = WitnessKind::none;
  std::vector<std::string> targets;  ///< hosts to ping, or URLs of one etcd cluster
  /// How long letting everything go may take; absent: a quarter of the lease.
  std::optional<Duration> release;
  /// For https: the authority's certificate, and then our own certificate and key, if etcd asks.
  std::vector<std::string> tls_files;
};

/// What ha.cf says, with the defaults applied (configuration §4, §5).
struct Config {
  std::string node_name;  ///< ours, lower case
  std::vector<NodeConfig> nodes;    ///< order of appearance, ping nodes where their line stands
  std::vector<MediumConfig> media;  ///< order of appearance

  Duration keepalive = std::chrono::seconds{1};
  Duration deadtime = std::chrono::seconds{30};
  Duration warntime = std::chrono::seconds{15};
  Duration initdead = std::chrono::seconds{30};
  Duration deadping = std::chrono::seconds{30};
  Duration max_rexmit_delay = std::chrono::milliseconds{250};
  unsigned hopfudge = 1;

  AutoFailback auto_failback = AutoFailback::legacy;
  /// Groups leave a node whose service interface does not work. Extension.
  /// ucast links listen to any sender, not only to the addresses of ucast lines. Extension.
  bool ucast_any_source = false;
  bool service_link_failover = false;
  AddressConflict address_conflict = AddressConflict::take;  ///< extension
  /// How often held addresses are announced to the neighbours; zero: only at events. Extension.
  Duration announce_interval = std::chrono::seconds{60};
  MessageFormat msgfmt = MessageFormat::classic;
  Autojoin autojoin = Autojoin::none;
  UuidFrom uuidfrom = UuidFrom::file;
  GenerationMethod hbgenmethod = GenerationMethod::file;
  Compression compression = Compression::zlib;
  std::size_t compression_threshold = 2048;  ///< bytes
  bool traditional_compression = false;

  /// Of every resource script that has none of its own; zero: none, as in 3.0.6. Extension.
  Duration resource_timeout{};
  bool manages_resources = true;  ///< false with pacemaker/crm other than off
  std::string pacemaker = "false";

  std::vector<StonithConfig> stonith;          ///< the last line that is for us: one, or none
  std::vector<FenceAgentConfig> fence_agents;  ///< tried before it, in their order
  Duration fence_timeout = std::chrono::seconds{60};  ///< of one attempt with one device
  std::vector<std::pair<std::string, Duration>> fence_delays;  ///< by node
  WitnessConfig witness;
  std::vector<RespawnConfig> clients;
  std::vector<ApiAuth> api_auth;  ///< explicit lines and the built-in entries they do not replace
  std::vector<std::pair<std::string, std::string>> environment;  ///< env NAME=value (without HA_)

  std::string logfile, debugfile;    ///< empty = none
  std::optional<int> logfacility;    ///< syslog facility code (LOG_LOCAL0 = 128), none if unset
  std::optional<bool> use_logd;
  bool syslogmsgfmt = true;
  unsigned debug = 0;
  bool log_badpack = true;

  bool realtime = true;
  unsigned rtprio = 1;
  std::size_t memreserve_kib = 6500;
  std::string watchdog;
  bool coredumps = true;
  std::string coreroot = "/var/lib/heartbeat/cores";

  /// getparm and HA_<name>: recorded directives, verbatim or defaulted (client-api §2.3).
  std::map<std::string, std::string, std::less<>> parameters;

  [[nodiscard]] std::optional<NodeId> node(std::string_view name) const;  ///< case-insensitive
  [[nodiscard]] NodeId self() const;
};

/// Facts of the host that parsing needs, gathered by the caller so that core stays pure.
struct HostFacts {
  std::string node_name;                   ///< nodeinfo or uname -n, lower case
  std::vector<std::string> interfaces;     ///< existing interface names; empty = unknown
  std::uint16_t default_port = 694;        ///< services(5) ha-cluster/udp, else 694
  /// Asked for names in ucast/ping lines, paths of respawn programs, ttys, users and groups.
  struct Lookup {
    bool (*resolves)(std::string_view host) = nullptr;
    bool (*is_executable)(std::string_view path) = nullptr;
    bool (*is_tty)(std::string_view path) = nullptr;
    bool (*user_exists)(std::string_view user) = nullptr;
    bool (*group_exists)(std::string_view group) = nullptr;
    bool (*exists)(std::string_view path) = nullptr;
    bool (*is_char_device)(std::string_view path) = nullptr;
    bool (*knows_stonith)(std::string_view type) = nullptr;  ///< a plugin of this name is installed
    /// The name that services(5) gives this UDP port, "" if none.
    std::string (*service_of)(std::uint16_t port) = nullptr;
  } lookup;  ///< a null function = assume yes
};

struct ParsedConfig {
  Config config;
  std::vector<Finding> findings;  ///< all of them, in order of line; start only if no error
  [[nodiscard]] bool has_errors() const;
};

/// Parses the whole text, reports all findings in one pass, applies defaults and cross checks.
[[nodiscard]] ParsedConfig parse_ha_cf(std::string_view text, const HostFacts& host);

}  // namespace hb::core
