// respawn: the clients of `respawn` and `failfast`: started in order, restarted, stopped backwards
#pragma once

#include "core/engine_io.hpp"
#include "core/message.hpp"
#include "status/reboot.hpp"
#include "status/script.hpp"
#include "status/surroundings.hpp"

#include <functional>
#include <list>
#include <optional>
#include <string>

namespace hb::status {

/// When a client that ended is started again (configuration §4.5.1).
class RespawnPolicy {
 public:
  /// Exit code of a client that wants no restart.
  static constexpr int stay_down = 100;
  static constexpr core::Duration short_life = std::chrono::seconds{30};
  static constexpr core::Duration pause = std::chrono::seconds{1};
  static constexpr unsigned short_lives = 11;

  enum class Verdict : std::uint8_t { restart, finished, too_fast };
  struct Decision {
    Verdict verdict;
    core::Duration after{};  ///< for restart
  };
  [[nodiscard]] Decision ended(core::Duration life, const ProcessEnd& end);

 private:
  unsigned short_in_a_row_ = 0;
};

class RespawnClients {
 public:
  /// `done` once a client will not run again: stopped, finished, or given up.
  using Done = std::function<void(std::uint64_t ticket, const ProcessEnd& end)>;
  RespawnClients(Surroundings& surroundings, Done done);
  ~RespawnClients();
  RespawnClients(const RespawnClients&) = delete;
  RespawnClients& operator=(const RespawnClients&) = delete;

  /// A start_client record. A ticket that is known already is left as it is: the master repeats
  /// its list when it starts again.
  void start(const core::Message& record);
  /// Stops one.
  void stop(std::uint64_t ticket);
  /// Stops all, one after the other, the last one first.
  void stop_all();

  void tick(core::Instant now);
  [[nodiscard]] core::Instant next_deadline() const;
  [[nodiscard]] bool idle() const { return clients_.empty(); }

  /// habit, ended: a client that ignored TERM blocked the shutdown for an hour (resources W24).
  static constexpr core::Duration patience = std::chrono::seconds{30};

 private:
  enum class State : std::uint8_t { running, pausing, stopping, given_up };
  struct Client {
    std::uint64_t ticket = 0;
    std::string user, command;
    bool is_failfast = false;
    RespawnPolicy policy;
    State state = State::pausing;
    std::optional<ForeignProcess> process;
    core::Instant started{}, start_at = core::never, kill_at = core::never;
    ProcessEnd last_end{};
  };
  using Place = std::list<Client>::iterator;

  void launch(Place client);
  void ended(Place client);
  void go_on_after(Place client, const ProcessEnd& end);
  void stop(Place client);
  void remove(Place client, const ProcessEnd& end);
  void stop_next();

  Surroundings& surroundings_;
  Done done_;
  Reboot reboot_;
  std::list<Client> clients_;  // in the order of ha.cf; stable places
  bool is_stopping_all_ = false;
};

}  // namespace hb::status
