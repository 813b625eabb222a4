// health: own lateness; may we judge others now?
#include "core/health.hpp"

#include <algorithm>

namespace hb::core {

Health::Verdict Health::observe(Duration lateness) {
  longest_ = std::max(longest_, lateness);
  if (lateness >= dead_time_) return Verdict::was_away;
  if (lateness >= keepalive_) return Verdict::late;
  return Verdict::well;
}

}  // namespace hb::core
