// record: names of the roles and the permit table
#include "ipc/record.hpp"

#include <array>

namespace hb::ipc {
namespace {

/// Small decimal fields, names and texts.
constexpr std::size_t small = 4096;
/// A log line may quote a whole script output.
constexpr std::size_t line = 16 << 10;
/// A cluster or client message with the few bytes that a raw record puts in front.
constexpr std::size_t message = core::limits::message_bytes + 256;
/// Configurations, state lists, what is persisted: bounded by the largest record.
constexpr std::size_t large = 96 << 10;

constexpr unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }
constexpr unsigned links = bit(Role::reader) | bit(Role::writer);
constexpr unsigned any = links | bit(Role::fifo) | bit(Role::status) | bit(Role::runner);

struct Permit {
  RecordType type;
  Direction direction;
  unsigned roles;
  std::size_t bytes;
};

/// Who may say what (design §2). An empty payload is always within its limit, so `ready` and the
/// like have limit 1: zero would mean "not permitted".
constexpr std::array permits = {
    Permit{RecordType::ready, Direction::up, any, 1},
    Permit{RecordType::log, Direction::up, any, line},
    Permit{RecordType::frame_in, Direction::up, bit(Role::reader), core::limits::datagram_bytes},
    Permit{RecordType::link_error, Direction::up, links | bit(Role::fifo), small},
    Permit{RecordType::fifo_message, Direction::up, bit(Role::fifo), message},
    Permit{RecordType::frame_out, Direction::down, bit(Role::writer), core::limits::datagram_bytes},
    Permit{RecordType::echo_targets, Direction::down, links, small},
    Permit{RecordType::link_sources, Direction::down, bit(Role::reader), line},
    Permit{RecordType::status_config, Direction::down, bit(Role::status), large},
    Permit{RecordType::client_event, Direction::down, bit(Role::status), message},
    Permit{RecordType::api_open, Direction::down, bit(Role::status), small},
    Permit{RecordType::log_line, Direction::down, bit(Role::status), line},
    Permit{RecordType::client_reply, Direction::down, bit(Role::status), message},
    Permit{RecordType::client_go, Direction::down, bit(Role::status), small},
    Permit{RecordType::clients_pause, Direction::down, bit(Role::status), small},
    Permit{RecordType::client_join, Direction::up, bit(Role::status), small},
    Permit{RecordType::client_leave, Direction::up, bit(Role::status), small},
    Permit{RecordType::client_message, Direction::up, bit(Role::status), message},
    Permit{RecordType::client_query, Direction::up, bit(Role::status), message},
    Permit{RecordType::clients_want, Direction::up, bit(Role::status), sizeof(std::uint32_t)},
    Permit{RecordType::runner_config, Direction::down, bit(Role::runner), large},
    Permit{RecordType::run_action, Direction::down, bit(Role::runner), large},
    Permit{RecordType::kill_action, Direction::down, bit(Role::runner), small},
    Permit{RecordType::start_client, Direction::down, bit(Role::runner), line},
    Permit{RecordType::stop_client, Direction::down, bit(Role::runner), small},
    Permit{RecordType::run_hook, Direction::down, bit(Role::runner), large},
    Permit{RecordType::persist, Direction::down, bit(Role::runner), large},
    Permit{RecordType::goodbye, Direction::down, any, small},
    Permit{RecordType::holdings, Direction::down, bit(Role::runner), large},
    Permit{RecordType::service_paths, Direction::down, bit(Role::runner), large},
    Permit{RecordType::probe_addresses, Direction::down, bit(Role::runner), line},
    Permit{RecordType::paths_seen, Direction::up, bit(Role::runner), line},
    Permit{RecordType::address_answered, Direction::up, bit(Role::runner), small},
    Permit{RecordType::fence, Direction::down, bit(Role::runner), line},
    Permit{RecordType::no_successor, Direction::down, bit(Role::runner), small},
    Permit{RecordType::action_done, Direction::up, bit(Role::runner), line},
    Permit{RecordType::client_done, Direction::up, bit(Role::runner), small},
    Permit{RecordType::address_lost, Direction::up, bit(Role::runner), small},
    Permit{RecordType::runner_state, Direction::up, bit(Role::runner), large},
};

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::master: return "master";
    case Role::reader: return "reader";
    case Role::writer: return "writer";
    case Role::fifo: return "fifo";
    case Role::status: return "status";
    case Role::runner: return "runner";
  }
  return "unknown";
}

std::size_t permitted_bytes(Role child, Direction direction, RecordType type) {
  for (const Permit& permit : permits) {
    if (permit.type == type && permit.direction == direction) {
      return (permit.roles & bit(child)) != 0 ? permit.bytes : 0;
    }
  }
  return 0;
}

}  // namespace hb::ipc
