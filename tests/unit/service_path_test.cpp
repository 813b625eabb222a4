// service_path_test: verdicts on the way to a group's users, and on addresses that still answer
#include "core/address_conflict.hpp"
#include "core/ha_cf.hpp"
#include "core/service_path.hpp"
#include "os/neighbours.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace hb::core;
using namespace std::chrono_literals;

namespace {

constexpr GroupId first{0}, second{1};

GroupSet set_of(std::initializer_list<GroupId> groups) {
  GroupSet set;
  for (const GroupId group : groups) set.set(group.value);
  return set;
}

Config parsed(const std::string& lines, std::size_t findings) {
  HostFacts host;
  host.node_name = "n1";
  const auto result = parse_ha_cf("node n1 n2\nbcast eth0\nlogfile /var/log/ha-log\n"
                                  "initdead 60\n" + lines, host);
  CHECK(result.findings.size() == findings);
  return result.config;
}

}  // namespace

TEST_CASE("a path that fails for a moment is no reason to move") {
  ServicePaths paths{2};
  Instant now{1h};
  paths.report(now, {});
  CHECK(paths.tick(now).none());
  CHECK(paths.next_deadline() == never);
  paths.report(now, set_of({second}));
  CHECK(paths.next_deadline() == now + path_limits::patience);
  now += path_limits::patience - 1ms;
  CHECK(paths.tick(now).none());
  paths.report(now, {});
  now += 1min;
  CHECK(paths.tick(now).none());
  CHECK(paths.bad().none());
}

TEST_CASE("a path that is seen to be bad can be condemned at once, a good one cannot") {
  ServicePaths paths{2};
  const Instant now{1h};
  paths.report(now, {});
  paths.condemn(now, first);
  CHECK(paths.tick(now).none());
  paths.report(now, set_of({first}));
  paths.condemn(now, first);
  CHECK(paths.tick(now) == set_of({first}));
  paths.report(now, {});
  CHECK(paths.next_deadline() == now + path_limits::first_trust);
}

TEST_CASE("each loss doubles the time until a path is trusted again, up to a bound") {
  ServicePaths paths{2};
  Instant now{1h};
  paths.report(now, {});
  Duration expected = path_limits::first_trust;
  for (int loss = 0; loss < 8; ++loss) {
    CAPTURE(loss);
    paths.report(now, set_of({first}));
    now += path_limits::patience;
    CHECK(paths.tick(now) == set_of({first}));
    CHECK(paths.bad() == set_of({first}));
    // It flaps: each return begins anew.
    paths.report(now += 1s, {});
    now += expected - 1ms;
    CHECK(paths.tick(now).none());
    paths.report(now, set_of({first}));
    paths.report(now += 1s, {});
    CHECK(paths.next_deadline() == now + expected);
    now += expected;
    CHECK(paths.tick(now) == set_of({first}));
    CHECK(paths.bad().none());
    expected = std::min(2 * expected, path_limits::longest_trust);
  }
  now += path_limits::memory;
  paths.report(now, set_of({first}));
  CHECK(paths.tick(now += path_limits::patience).any());
  paths.report(now, {});
  CHECK(paths.next_deadline() == now + path_limits::first_trust);
}

TEST_CASE("what is bad from the beginning counts at once, and is soon trusted") {
  ServicePaths paths{1};
  Instant now{1h};
  paths.report(now, set_of({first}));
  CHECK(paths.tick(now) == set_of({first}));
  paths.report(now, {});
  CHECK(paths.next_deadline() == now + path_limits::start_trust);
  CHECK(paths.tick(now + path_limits::start_trust) == set_of({first}));
}

TEST_CASE("the next master goes on with the verdict and the mistrust of the last one") {
  ServicePaths last{2}, next{2};
  Instant now{1h};
  last.report(now, {});
  last.report(now, set_of({first}));
  (void)last.tick(now += path_limits::patience);
  last.report(now, {});
  for (const GroupId group : {first, second}) next.remember(group, last.save(group));
  CHECK(next.bad() == last.bad());
  CHECK(next.next_deadline() == last.next_deadline());
  next.report(now, {});
  CHECK(next.tick(now + path_limits::first_trust - 1ms).none());
  CHECK(next.tick(now + path_limits::first_trust) == set_of({first}));
}

TEST_CASE("an answer is a conflict only at a death, and only if it is fresh") {
  AddressConflicts conflicts{2};
  Instant now{1h};
  conflicts.answered(now, first, "10.0.0.1 from 02:00:00:00:00:01 on eth0");
  CHECK_FALSE(conflicts.stands(first));
  CHECK(conflicts.judge(now + conflict_limits::memory + 1ms, set_of({first, second})).none());
  now += 1min;
  conflicts.answered(now, first, "10.0.0.1 from 02:00:00:00:00:02 on eth0");
  CHECK(conflicts.judge(now + 200ms, set_of({first, second})) == set_of({first}));
  CHECK(conflicts.stands(first));
  CHECK(conflicts.who(first) == "10.0.0.1 from 02:00:00:00:00:02 on eth0");
  CHECK(conflicts.judge(now + 201ms, set_of({first})).none());  // told once
}

TEST_CASE("a conflict is asked after until nobody answers any more") {
  AddressConflicts conflicts{1};
  Instant now{1h};
  conflicts.answered(now, first, "x");
  (void)conflicts.judge(now, set_of({first}));
  for (int i = 0; i < 5; ++i) {
    now += conflict_limits::pause;
    CHECK(conflicts.due(now) == set_of({first}));
    CHECK(conflicts.due(now).none());
    conflicts.answered(now, first, "x");
    CHECK(conflicts.expire(now).none());
  }
  CHECK(conflicts.expire(now + conflict_limits::silence - 1ms).none());
  CHECK(conflicts.expire(now + conflict_limits::silence) == set_of({first}));
  CHECK_FALSE(conflicts.stands(first));
  CHECK(conflicts.next_deadline() == never);
}

TEST_CASE("who claims an address is read from ARP packets and neighbour advertisements") {
  using hb::os::claimant_in;
  const auto ours = *hb::os::parse_ip("10.0.0.1"), other = *hb::os::parse_ip("10.0.0.2");
  std::string arp{"\0\1\x08\0\6\4\0\2\2\0\0\0\0\1\x0a\0\0\1\0\0\0\0\0\0\x0a\0\0\1", 28};
  const auto claimed = claimant_in(as_bytes(arp), ours);
  REQUIRE(claimed.has_value());
  CHECK(hb::os::text_of(*claimed) == "02:00:00:00:00:01");
  CHECK_FALSE(claimant_in(as_bytes(arp), other).has_value());
  CHECK_FALSE(claimant_in(as_bytes(arp.substr(0, 27)), ours).has_value());
  arp[1] = 6;  // not Ethernet
  CHECK_FALSE(claimant_in(as_bytes(arp), ours).has_value());
  const auto v6 = *hb::os::parse_ip("fd00::1");
  std::string advertisement = "\x88" + std::string(7, '\0') + "\xfd" + std::string(14, '\0') +
                              "\1\2\1" + std::string{"\2\0\0\0\0\2", 6};
  REQUIRE(advertisement.size() == 32);
  CHECK(hb::os::text_of(*claimant_in(as_bytes(advertisement), v6)) == "02:00:00:00:00:02");
  CHECK(claimant_in(as_bytes(advertisement.substr(0, 24)), v6).has_value());
  CHECK_FALSE(claimant_in(as_bytes(advertisement.substr(0, 23)), v6).has_value());
  CHECK_FALSE(claimant_in(as_bytes(advertisement), ours).has_value());
  advertisement[0] = '\x87';  // a solicitation
  CHECK_FALSE(claimant_in(as_bytes(advertisement), v6).has_value());
}

TEST_CASE("the three directives of the service network, and when groups leave a dead interface") {
  CHECK(parsed("auto_failback on\n", 0).service_link_failover);
  CHECK(parsed("auto_failback off\n", 0).service_link_failover);
  CHECK_FALSE(parsed("auto_failback off\nservice_link_failover off\n", 0).service_link_failover);
  CHECK_FALSE(parsed("", 1).service_link_failover);                       // legacy: a warning
  CHECK_FALSE(parsed("auto_failback legacy\n", 1).service_link_failover);
  CHECK_FALSE(parsed("auto_failback legacy\nservice_link_failover on\n", 2).service_link_failover);
  CHECK(parsed("auto_failback on\n", 0).address_conflict == AddressConflict::take);
  CHECK(parsed("auto_failback on\naddress_conflict hold\n", 0).address_conflict ==
        AddressConflict::hold);
  CHECK(parsed("auto_failback on\naddress_conflict fight\n", 1).address_conflict ==
        AddressConflict::take);
  CHECK(parsed("auto_failback on\nannounce_interval 5\n", 0).announce_interval == 5s);
  CHECK(parsed("auto_failback on\nannounce_interval 0\n", 0).announce_interval == 0s);
  CHECK(parsed("auto_failback on\nannounce_interval 10ms\n", 1).announce_interval == 60s);
}
