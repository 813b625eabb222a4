// health_test: what our own lateness means
#include "core/health.hpp"

#include <doctest/doctest.h>

using namespace hb::core;
using namespace std::chrono_literals;

TEST_CASE("a little lateness is normal, a keepalive of it is excused, a dead time is an absence") {
  Health health{1s, 6s};
  CHECK(health.observe(0ms) == Health::Verdict::well);
  CHECK(health.observe(999ms) == Health::Verdict::well);
  CHECK(health.observe(1s) == Health::Verdict::late);
  CHECK(health.observe(6s - 1ns) == Health::Verdict::late);
  CHECK(health.observe(6s) == Health::Verdict::was_away);
  CHECK(health.longest() == 6s);
}
