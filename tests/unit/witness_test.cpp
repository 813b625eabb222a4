// witness_test: who may serve while nodes are silent, as one and as both sides of a partition
#include "core/witness.hpp"
#include "tests/unit/resources_lab.hpp"

#include <doctest/doctest.h>

using namespace hb::test;

namespace {

Config with(WitnessKind kind, Duration deadtime = 4s) {
  Config config;
  config.witness.kind = kind;
  config.deadtime = deadtime;
  return config;
}

constexpr Instant silent{100s};

void give_witness(Lab& lab, std::size_t node, Instant since, Instant until) {
  lab.ours(node).handle(WitnessTold{since, until});
  lab.run();
}

Lab pair_with(WitnessKind kind) {
  Lab lab{2, {"n1 a", "n2 b"}};
  lab.config.witness.kind = kind;
  lab.config.deadtime = 4s;
  lab.add_ours(0);
  lab.add_ours(1);
  lab.start_all();
  return lab;
}

}  // namespace

TEST_CASE("a lease is a dead time in whole seconds, and two at least") {
  CHECK(Witness::lease(with(WitnessKind::etcd, 300ms)) == 2s);
  CHECK(Witness::lease(with(WitnessKind::etcd, 4001ms)) == 5s);
}

TEST_CASE("without a witness nothing waits for one") {
  const Witness none{with(WitnessKind::none)};
  CHECK_FALSE(none.is_configured());
  CHECK(none.may_take_at(silent) == silent);
  CHECK(none.must_release_at(silent) == never);
}

TEST_CASE("etcd: who has the lease waits until the other side has let go") {
  Witness owner{with(WitnessKind::etcd)};
  owner.told(silent - 60s, silent + 3s, silent);
  CHECK(owner.is_held(silent + 2s));
  CHECK(owner.may_take_at(silent) == silent + 5s);      // a lease, and a second for its scripts
  CHECK(owner.must_release_at(silent) == silent + 3s);  // if nothing newer comes
  Witness other{with(WitnessKind::etcd)};
  CHECK(other.may_take_at(silent) == never);
  CHECK(other.must_release_at(silent) == silent + 4s);  // before the owner takes
  other.told(silent + 2s, silent + 5s, silent + 2s);
  CHECK(other.may_take_at(silent) == silent + 5s);  // a third one may have had it until then
  other.told(silent + 6s, silent + 9s, silent + 6s);
  CHECK(other.may_take_at(silent) == silent + 6s);
  CHECK(other.must_release_at(silent) == silent + 9s);
}

TEST_CASE("etcd: the lease leaves the time that releasing may take") {
  Config config = with(WitnessKind::etcd);
  CHECK(Witness::release(config) == 1s);
  config.witness.release = 10s;
  CHECK(Witness::lease(config) == 13s);  // three quarters of four seconds, and ten
  CHECK(Witness::release(config) == 10s);
  Witness owner{config};
  owner.told(silent - 60s, silent + 13s, silent);
  CHECK(owner.may_take_at(silent) == silent + 23s);
  Witness other{config};
  CHECK(other.must_release_at(silent) == silent + 13s);
  config.witness.release = 100ms;
  CHECK(Witness::lease(config) == 4s);  // never shorter than without the line
}

TEST_CASE("ping: who is not answered releases at once, who is waits a little") {
  Witness lost{with(WitnessKind::ping)};
  lost.told(silent - 60s, silent - 100ms, silent - 200ms);
  CHECK(lost.must_release_at(silent) == silent);
  CHECK(lost.may_take_at(silent) == never);
  Witness answered{with(WitnessKind::ping)};
  answered.told(silent - 60s, silent + 1s, silent);
  CHECK(answered.may_take_at(silent) == silent + 1200ms);
}

TEST_CASE("ping: the side with the witness waits until the other one can have let go") {
  Config config = with(WitnessKind::ping);
  config.witness.release = 10s;
  Witness answered{config};
  answered.told(silent - 60s, silent + 60s, silent);
  CHECK(answered.may_take_at(silent) == silent + 11s);
}

TEST_CASE("numbers of a mad witness program are bounded") {
  Witness mad{with(WitnessKind::etcd)};
  mad.told(never, never, silent);
  CHECK(mad.until() < silent + 60s);
  CHECK(mad.since() == silent);
}

TEST_CASE("partition with etcd: the owner of the lease takes all, the other lets go before") {
  Lab lab = pair_with(WitnessKind::etcd);
  const Instant cut = lab.now.instant;
  const auto renew = [&] { give_witness(lab, 0, cut - 60s, lab.now.instant + 20s); };
  renew();
  lab.cut(0, 1);
  CHECK(lab.where(1) == "n2");  // n1 waits
  const Duration lease = Witness::lease(lab.config);
  lab.advance(lease - 100ms);
  renew();
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n2");
  lab.advance(200ms);
  CHECK(lab.where(1) == "");
  lab.advance(1s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
  CHECK_FALSE(lab.double_seen);
  lab.heal(0, 1);
  lab.advance(5s);
  CHECK_FALSE(lab.double_seen);
  CHECK(lab.where(0) == "n1");
}

TEST_CASE("the owner of the lease dies: the other one takes over when it has it, and could know") {
  Lab lab = pair_with(WitnessKind::etcd);
  give_witness(lab, 0, lab.now.instant - 60s, lab.now.instant + 3s);
  lab.kill(0);
  CHECK(lab.where(0) == "");
  lab.advance(1500ms);
  give_witness(lab, 1, lab.now.instant, lab.now.instant + 30s);
  CHECK(lab.where(0) == "");
  lab.advance(Witness::lease(lab.config));
  CHECK(lab.where(0) == "n2");
  CHECK(lab.where(1) == "n2");
}

TEST_CASE("a node that leaves in good order is followed without a witness") {
  Lab lab = pair_with(WitnessKind::etcd);
  lab.ours(0).stop();
  lab.run();
  CHECK(lab.where(0) == "n2");
}

TEST_CASE("a cold start beside a silent node needs the witness too") {
  Lab lab{2, {"n1 a", "n2 b"}};
  lab.config.witness.kind = WitnessKind::etcd;
  lab.add_ours(0);
  lab.start_all();
  lab.advance(1min);
  CHECK(lab.where(0) == "");
  give_witness(lab, 0, lab.now.instant, lab.now.instant + 3s);
  CHECK(lab.where(0) == "n1");
  CHECK(lab.where(1) == "n1");
}

TEST_CASE("who is held for dead is told so again and again, ever more rarely") {
  Lab lab = pair_with(WitnessKind::etcd);
  give_witness(lab, 0, lab.now.instant - 60s, lab.now.instant + 3s);
  lab.kill(1);
  const auto told_within = [&](Duration time) {
    const std::size_t before = lab.wire.size();
    lab.advance(time);
    return lab.wire.size() - before;
  };
  CHECK(told_within(2s) >= 5);
  lab.advance(1min);
  const std::size_t later = told_within(1min);
  CHECK(later >= 5);
  CHECK(later <= 10);
}
