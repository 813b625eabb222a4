// paths: every file and folder that the programs share, as Debian's heartbeat has them
#pragma once

namespace hb::os::paths {

inline constexpr const char* program = "/usr/libexec/heartbeat/heartbeat";
inline constexpr const char* ha_dir = "/etc/ha.d";
inline constexpr const char* resource_dir = "/etc/ha.d/resource.d";
inline constexpr const char* init_dir = "/etc/init.d";
inline constexpr const char* rc_dir = "/etc/ha.d/rc.d";
inline constexpr const char* harc = "/etc/ha.d/harc";
inline constexpr const char* state_dir = "/var/lib/heartbeat";
inline constexpr const char* witness = "/usr/libexec/heartbeat/witness";
inline constexpr const char* fifo = "/var/lib/heartbeat/fifo";
inline constexpr const char* generation = "/var/lib/heartbeat/hb_generation";
inline constexpr const char* uuid = "/var/lib/heartbeat/hb_uuid";
inline constexpr const char* peers = "/var/lib/heartbeat/systole_peers";
inline constexpr const char* workdir = "/var/lib/heartbeat/cores/root";
inline constexpr const char* run_dir = "/run/heartbeat";
inline constexpr const char* register_socket = "/run/heartbeat/register";
inline constexpr const char* resource_temp = "/run/heartbeat/rsctmp";
inline constexpr const char* empty_dir = "/run/heartbeat.empty";  // root-owned; children's chroot
inline constexpr const char* line_locks = "/var/lock";  // of all programs that use serial lines
inline constexpr const char* pid_file = "/run/heartbeat.pid";
// In /run itself: /run/heartbeat belongs to hacluster, who could swap them (design §2).
inline constexpr const char* board = "/run/heartbeat.board";
inline constexpr const char* ledger = "/run/heartbeat.ledger";
inline constexpr const char* outcomes = "/run/heartbeat.outcomes";
inline constexpr const char* runner_socket = "/run/heartbeat.runner";

}  // namespace hb::os::paths
