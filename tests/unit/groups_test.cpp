// groups_test: order, judgement, failures and hanging scripts of resource groups
#include "tests/unit/groups_bench.hpp"

#include <doctest/doctest.h>

using namespace hb::test;

TEST_CASE("running is judged by the text, with 3.0.6's patterns") {
  for (const auto* text : {"running", "OK", "NOK", "notrunning", "running but unhealthy",
                           "is not\nrunning", "INFO:  Running OK", "Running", "OK\n"}) {
    CAPTURE(text);
    CHECK(says_running(text));
  }
  for (const auto* text : {"RUNNING", "ok", "active", "stopped", "was running, is not running",
                           "not ok\nrunning", "", "INFO:  Resource is stopped", "NOT Running"}) {
    CAPTURE(text);
    CHECK_FALSE(says_running(text));
  }
}

TEST_CASE("a group starts left to right, and what runs already is left alone") {
  Bench bench{{{"a", "b", "c"}}};
  CHECK(bench.order_start() == "status a");
  CHECK(bench.state() == GroupState::starting);
  CHECK(bench.end(3, "stopped") == "start a");
  CHECK(bench.end(0) == "status b");
  CHECK(bench.end(0, "running") == "status c");
  CHECK(bench.end(0, "") == "start c");  // exit code 0 without the word: not running
  CHECK(bench.end(0).empty());
  CHECK(bench.state() == GroupState::running);
  CHECK(bench.groups->next_outcome()->kind == Kind::started);
  CHECK_FALSE(bench.groups->next_outcome());
}

TEST_CASE("a group stops right to left, without asking for its status") {
  Bench bench{{{"a", "b"}}};
  bench.groups->adopt(bench.now, Bench::id(0));
  CHECK(bench.order_stop() == "stop b");
  CHECK(bench.end(0) == "stop a");
  CHECK(bench.groups->may_run(Bench::id(0)));  // held until the last stop is through
  CHECK(bench.end(0).empty());
  CHECK(bench.state() == GroupState::stopped);
  CHECK(bench.groups->next_outcome()->kind == Kind::stopped);
}

TEST_CASE("groups do not wait for each other") {
  Bench bench{{{"a"}, {"b"}, {"c"}}};
  for (std::size_t i = 0; i < 3; ++i) bench.groups->start(bench.now, Bench::id(i), bench);
  CHECK(bench.asked() == "status a, status b, status c");
}

TEST_CASE("a failed start stops the whole group and is tried once more") {
  Bench bench{{{"a", "b", "c"}}};
  bench.order_start();
  bench.end(3);
  bench.end(0);          // a runs
  bench.end(3);
  CHECK(bench.end(1) == "stop c");  // b failed: also c, which never started
  CHECK(bench.logged("Giving up resources due to failure of b"));
  CHECK(bench.end(0) == "stop b");
  CHECK(bench.end(0) == "stop a");
  CHECK(bench.end(0) == "status a");
  CHECK_FALSE(bench.groups->next_outcome());

  SUBCASE("the second try may succeed") {
    bench.end(3);
    bench.end(0);
    bench.end(3);
    bench.end(0);
    bench.end(3);
    CHECK(bench.end(0).empty());
    CHECK(bench.groups->next_outcome()->kind == Kind::started);
    CHECK(bench.groups->failures(Bench::id(0)) == 1);
  }
  SUBCASE("after the second failure the group is stopped, and has failed") {
    bench.end(3);
    CHECK(bench.end(1) == "stop c");
    bench.end(0);
    bench.end(0);
    CHECK(bench.end(0).empty());
    CHECK(bench.groups->next_outcome()->kind == Kind::start_failed);
    CHECK(bench.state() == GroupState::failed);
    CHECK_FALSE(bench.groups->may_run(Bench::id(0)));
    CHECK(bench.groups->failures(Bench::id(0)) == 2);
  }
}

TEST_CASE("a missing script is a failed start, and nothing to stop") {
  Bench bench{{{"nosuch"}}};
  CHECK(bench.order_start() == "status nosuch");
  CHECK(bench.end(0, {}, ActionEnd::missing) == "start nosuch");
  CHECK(bench.end(0, {}, ActionEnd::missing) == "stop nosuch");
  CHECK(bench.end(0, {}, ActionEnd::missing) == "status nosuch");  // the second try
  bench.end(0, {}, ActionEnd::missing);
  bench.end(0, {}, ActionEnd::missing);
  CHECK(bench.end(0, {}, ActionEnd::missing).empty());
  CHECK(bench.state() == GroupState::failed);
}

TEST_CASE("a failing stop is repeated ten times, a second apart") {
  Bench bench{{{"a"}}};
  bench.groups->adopt(bench.now, Bench::id(0));
  CHECK(bench.order_stop() == "stop a");
  for (int i = 0; i < 10; ++i) {
    CHECK(bench.end(1).empty());
    CHECK(bench.groups->next_deadline() == bench.now.instant + 1s);
    CHECK(bench.wait(999ms).empty());
    CHECK(bench.wait(1ms) == "stop a");
  }
  CHECK(bench.logged("Retrying failed stop operation [a]"));
  CHECK(bench.end(1) == "status a");

  SUBCASE("not running after all: it goes on as stopped") {
    CHECK(bench.end(3, "stopped").empty());
    CHECK(bench.logged("Resource script for a probably not LSB-compliant."));
    CHECK(bench.logged("Machine reboot narrowly avoided!"));
    CHECK(bench.groups->next_outcome()->kind == Kind::stopped);
  }
  SUBCASE("still running: unknown, held, tried again for as long as it is to stop") {
    CHECK(bench.end(0, "running").empty());
    CHECK(bench.groups->next_outcome()->kind == Kind::stop_failed);
    CHECK(bench.state() == GroupState::unknown);
    CHECK(bench.groups->may_run(Bench::id(0)));
    CHECK(bench.wait(30s) == "stop a");
    CHECK(bench.end(1) == "status a");
    bench.end(0, "running");
    CHECK_FALSE(bench.groups->next_outcome());  // told once
    CHECK(bench.wait(30s) == "stop a");
    bench.end(0);
    CHECK(bench.groups->next_outcome()->kind == Kind::stopped);
    CHECK(bench.state() == GroupState::stopped);
  }
  SUBCASE("a status that was killed proves nothing") {
    bench.end(9, "stopped", ActionEnd::signaled);
    CHECK(bench.state() == GroupState::unknown);
  }
  SUBCASE("an unknown group that is wanted again starts, whatever of it runs") {
    bench.end(0, "running");
    CHECK(bench.order_start() == "status a");
    bench.end(0, "running");
    CHECK(bench.state() == GroupState::running);
  }
}

TEST_CASE("a stop waits for the start that runs, then stops what was started") {
  Bench bench{{{"a", "b"}}};
  bench.order_start();
  CHECK(bench.end(3) == "start a");
  CHECK(bench.order_stop().empty());
  CHECK(bench.groups->is_leaving(Bench::id(0)));
  CHECK(bench.end(0) == "stop b");
  CHECK(bench.end(0) == "stop a");
  bench.end(0);
  CHECK(bench.groups->next_outcome()->kind == Kind::stopped);
}

TEST_CASE("a start that hangs is killed a minute after the stop was asked for") {
  Bench bench{{{"a"}}};
  bench.order_start();
  CHECK(bench.end(3) == "start a");
  CHECK(bench.wait(1h).empty());  // habit: no timeout of a start as such
  CHECK(bench.order_stop().empty());
  CHECK(bench.wait(59s).empty());
  CHECK(bench.wait(1s) == "kill a");
  CHECK(bench.end(15, {}, ActionEnd::signaled) == "stop a");
}

TEST_CASE("a stop that was revoked in time changes nothing") {
  Bench bench{{{"a", "b"}}};
  bench.order_start();
  bench.end(3);
  bench.order_stop();
  CHECK(bench.order_start().empty());
  CHECK(bench.wait(2min).empty());
  CHECK(bench.end(0) == "status b");
  CHECK(bench.end(0, "running").empty());
  CHECK(bench.state() == GroupState::running);
}

TEST_CASE("a start during a stop begins when the stop script has ended") {
  Bench bench{{{"a", "b"}}};
  bench.groups->adopt(bench.now, Bench::id(0));
  CHECK(bench.order_stop() == "stop b");
  CHECK(bench.order_start().empty());
  CHECK(bench.end(0) == "status a");
  CHECK(bench.end(0, "running") == "status b");
  CHECK(bench.end(3) == "start b");
}

TEST_CASE("when the runner dies, what it ran is asked for again") {
  Bench bench{{{"a"}, {"b"}, {"c"}}};
  bench.groups->adopt(bench.now, Bench::id(2));
  bench.order_start(0);
  bench.end(3);      // a is starting
  bench.order_start(1);
  bench.order_stop(2);
  const Ticket kept = bench.running[1].ticket;  // status b still runs in the new runner
  const std::vector<Ticket> running{kept};
  bench.groups->runner_ready(bench.now, running, bench);
  CHECK(bench.asked() == "status a, stop c");
  // The old tickets mean nothing any more.
  bench.groups->done(bench.now, ActionDone{Ticket{2}, ActionEnd::exited, 0, {}}, bench);
  CHECK(bench.asked().empty());
}

TEST_CASE("an adopted group is looked through quietly, and what does not run is started") {
  Bench bench{{{"a", "b"}}};
  bench.groups->adopt(bench.now, Bench::id(0));
  bench.groups->verify(bench.now, Bench::id(0), bench);
  CHECK(bench.asked() == "status a");
  CHECK(bench.state() == GroupState::running);
  CHECK(bench.end(0, "running") == "status b");
  CHECK(bench.end(3, "stopped") == "start b");
  CHECK(bench.state() == GroupState::starting);
  bench.end(0);
  CHECK(bench.state() == GroupState::running);
}

TEST_CASE("refresh starts the service addresses again, and nothing else") {
  Bench bench{{{"IPaddr2", "Filesystem", "IPaddr"}}};
  bench.groups->adopt(bench.now, Bench::id(0));
  bench.groups->refresh(bench.now, Bench::id(0), bench);
  CHECK(bench.asked() == "start IPaddr2");
  CHECK(bench.end(0) == "start IPaddr");
  CHECK(bench.end(0).empty());
  CHECK(bench.state() == GroupState::running);
}

TEST_CASE("a start that is asked for twice is told twice") {
  Bench bench{{{"a"}}};
  bench.groups->adopt(bench.now, Bench::id(0));
  CHECK(bench.order_start().empty());
  CHECK(bench.groups->next_outcome()->kind == Kind::started);
  CHECK(bench.order_stop() == "stop a");
  bench.end(0);
  CHECK(bench.groups->next_outcome()->kind == Kind::stopped);
  CHECK(bench.order_stop().empty());
  CHECK(bench.groups->next_outcome()->kind == Kind::stopped);
}
