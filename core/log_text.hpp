// log_text: the log lines of membership and transport that people and logcheck grep for
#pragma once

#include <string_view>

/// Formats for fmt::format. Wording, blanks and case are habits (configuration §10.3): people and
/// logcheck grep for them. Lines of our own wording stand where they are used.
namespace hb::core::log_text {

// start and status
inline constexpr std::string_view local_status = "Local status now set to: '{}'";
inline constexpr std::string_view comm_now_up = "Comm_now_up(): updating status to active";
inline constexpr std::string_view link_up = "Link {}:{} up.";
inline constexpr std::string_view link_dead = "Link {}:{} dead.";
inline constexpr std::string_view status_update = "Status update for node {}: status {}";
inline constexpr std::string_view heartbeat_restart = "Heartbeat restart on node {}";
inline constexpr std::string_view node_dead = "node {}: is dead";
inline constexpr std::string_view late_heartbeat = "Late heartbeat: Node {}: interval {} ms";
inline constexpr std::string_view late_over_deadtime =
    "Late heartbeat: Node {}: interval {} ms (> deadtime)";
inline constexpr std::string_view returning = "Cluster node {} returning after partition.";
inline constexpr std::string_view deadtime_too_small = "Deadtime value may be too small.";
inline constexpr std::string_view uuid_changed = "node {} changed its uuid to {}";

// transport
inline constexpr std::string_view lost_packets = "{} lost packet(s) for [{}] [{}:{}]";
inline constexpr std::string_view none_missing = "No pkts missing from {}!";
inline constexpr std::string_view lost_a_lot = "lost a lot of packets!";
inline constexpr std::string_view replay =
    "should_drop_message: attempted replay attack [{}]? [gen = {}, curgen = {}]";
inline constexpr std::string_view bad_node =
    "process_status_message: bad node [{}] in message";
inline constexpr std::string_view irretrievable = "Irretrievably lost packet: node {} seq {}";
inline constexpr std::string_view rexmit_too_high = "Rexmit of seq {} requested. {} is max.";
inline constexpr std::string_view corrupted_ackseq = "corrupted ackseq: {} from {}, sent {}";
inline constexpr std::string_view clients_paused = "all clients are now paused";
inline constexpr std::string_view clients_resumed = "all clients are now resumed";

// shutdown; the lines of takeover and standby stand in core/resource_log_text
inline constexpr std::string_view shutdown_complete = "{} Heartbeat shutdown complete.";

}  // namespace hb::core::log_text
