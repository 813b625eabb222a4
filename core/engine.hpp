// engine: joins protocol, membership and resources; step(now, input) gives outputs
#pragma once

#include "core/auth.hpp"
#include "core/continuity.hpp"
#include "core/counters.hpp"
#include "core/engine_io.hpp"
#include "core/ha_cf.hpp"
#include "core/haresources.hpp"
#include "core/snapshot.hpp"
#include "core/types.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hb::core {

/// Who we are in this life. After a crash of the master only (same boot), generation is kept and
/// `first_seqno` is above every number sent; at a start generation is a new one and it is 1.
struct Identity {
  Uuid uuid;
  Generation generation;
  Seqno first_seqno{1};
};

/// What survives from the master before us (crash, -R -C): the groups that are running here.
struct Inheritance {
  /// Groups that run here, by their place in EngineSetup::groups.
  std::vector<GroupId> running;
  bool continues = false;  ///< same generation: go on as active member, no start-up exchange
  /// `-R -C HELD`: new generation, but keep what we hold (wire-protocol §6.4).
  std::optional<Holding> held;
  /// The same as `running`, as Engine::running_keys() of the image before us told it: haresources
  /// may have changed since, so that groups have other places. Without either, and with `held`,
  /// they are derived from that, which is exact with two nodes only.
  std::optional<std::string> running_keys{};
  /// The master before us crashed while communication was up: its memory, for which check() is
  /// good. Nothing else of this struct is needed then. Identity is of the same generation, with
  /// first_seqno at or above next_seqno; the next inputs should be a RunnerReady with the tickets
  /// that still run.
  std::shared_ptr<const Continuity> memory{};
  /// With `held`: the memory of the image that handed over, for which check() is good: failures and
  /// maintenance, which people have to clear, outlive it.
  std::shared_ptr<const Continuity> past{};
};

struct EngineSetup {
  Config config;
  std::vector<Group> groups;
  KeyRing keys;
  Identity identity;
  Inheritance inheritance;
  std::uint64_t seed = 0;            ///< jitter, random delays; the only source of randomness
  std::string peers;                 ///< what Persist{"peers"} wrote last time; "" = nothing known
  std::vector<std::string> hooks;    ///< names in rc.d, read once at start (resources §1)
};

/// Pure and deterministic: the same setup and inputs give the same outputs. Never blocks, reads no
/// clock, owns no descriptor. One engine is one node's master.
class Engine {
 public:
  Engine(EngineSetup setup, Now now);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// The outputs of construction: first status messages, log lines. Valid until step().
  [[nodiscard]] const Outputs& start();
  [[nodiscard]] const Outputs& step(Now now, const Input& input);

  /// The earliest instant at which a Tick has something to do; `never` if none.
  [[nodiscard]] Instant next_deadline() const;

  [[nodiscard]] const Snapshot& snapshot() const;
  [[nodiscard]] const Counters& counters() const;
  [[nodiscard]] const Config& config() const;
  [[nodiscard]] const std::vector<Group>& groups() const;
  /// What a master that comes after a crash of this one has to know. To be called after the last
  /// step of a turn, and made safe before any output of that turn leaves the process. Rows beyond
  /// the counts are left as they are.
  void save(Continuity& into) const;
  /// Keys of the groups that may run here, blank separated: what the next image has to be told.
  [[nodiscard]] std::string running_keys() const;
  /// Exchanged by a reload of authkeys before ConfigReloaded.
  void exchange_keys(KeyRing keys);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace hb::core
