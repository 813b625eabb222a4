// health: own lateness; may we judge others now?
#pragma once

#include "core/types.hpp"

namespace hb::core {

/// What our own lateness means for judging others (design §1): time in which we did not run is
/// nobody else's silence.
class Health {
 public:
  /// `keepalive`: lateness from here on is excused; `dead_time`: from here on the others have
  /// probably declared *us* dead, so that we judge ourselves first.
  Health(Duration keepalive, Duration dead_time) : keepalive_(keepalive), dead_time_(dead_time) {}

  enum class Verdict : std::uint8_t { well, late, was_away };
  /// Once per Tick, before anybody is judged.
  [[nodiscard]] Verdict observe(Duration lateness);

  [[nodiscard]] Duration longest() const { return longest_; }

 private:
  Duration keepalive_, dead_time_;
  Duration longest_{};
};

}  // namespace hb::core
