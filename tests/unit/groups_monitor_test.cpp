// groups_monitor_test: monitors, recovery in place, timeouts and stops that nobody knows the end of
#include "tests/unit/groups_bench.hpp"

#include <doctest/doctest.h>

using namespace hb::test;

namespace {

/// Three resources that run; b is monitored every 10 s.
struct WatchedBench : Bench {
  explicit WatchedBench(unsigned recoveries) : Bench{{{"a", "b", "c"}}} {
    list[0].resources[1].policy.monitor = 10s;
    list[0].policy.recoveries = recoveries;
    REQUIRE(order_start() == "status a");
    for (int i = 0; i < 3; ++i) end(0, "running");
    REQUIRE(state() == GroupState::running);
    REQUIRE(groups->next_outcome()->kind == Kind::started);
  }
};

/// All stops, from c to a.
void end_stops(Bench& bench) {
  CHECK(bench.end(0) == "stop b");
  CHECK(bench.end(0) == "stop a");
  CHECK(bench.end(0).empty());
}

}  // namespace

TEST_CASE("W12: whole words and the exit code tell whether a resource runs") {
  for (const auto* text : {"running", "OK", "running but unhealthy", "INFO:  Running OK",
                           "Running", "OK\n", "nginx (pid 12) is running..."}) {
    CAPTURE(text);
    CHECK(is_running(text, 0));
    CHECK(is_running(text, 4));  // a sloppy code takes nothing back that the text says
    for (const int code : {1, 2, 3, 7}) CHECK_FALSE(is_running(text, code));
  }
  for (const auto* text : {"NOK", "notrunning", "is not\nrunning", "is Not\trunning", "RUNNING",
                           "ok", "active", "stopped", "", "not", "was running, is not running",
                           "brunning"}) {
    CAPTURE(text);
    CHECK_FALSE(is_running(text, 0));
  }
}

TEST_CASE("W11: a resource that died is noticed at its next monitor and started in its place") {
  WatchedBench bench{1};
  CHECK(bench.groups->next_deadline() == bench.now.instant + 10s);
  CHECK(bench.wait(9'999ms).empty());
  CHECK(bench.wait(1ms) == "status b");
  CHECK(bench.end(0, "running").empty());
  CHECK(bench.wait(10s) == "status b");
  CHECK(bench.end(3, "b is stopped") == "stop c");  // what may need it goes first
  CHECK(bench.state() == GroupState::stopping);
  CHECK(bench.end(0) == "stop b");
  CHECK(bench.end(0) == "status b");  // a is left alone
  CHECK(bench.end(0, "stopped") == "start b");
  CHECK(bench.end(0) == "status c");
  CHECK(bench.end(0, "stopped") == "start c");
  CHECK(bench.end(0).empty());
  CHECK(bench.state() == GroupState::running);
  CHECK(bench.groups->failures(Bench::id(0)) == 1);
  CHECK(bench.groups->next_outcome()->kind == Kind::started);
  CHECK(bench.logged("b: does not run any more, says its monitor (exit code 3)"));
  CHECK(bench.wait(10s) == "status b");
}

TEST_CASE("a resource that dies again after its recoveries makes the group leave") {
  WatchedBench bench{0};
  CHECK(bench.wait(10s) == "status b");
  CHECK(bench.end(0, "", ActionEnd::timed_out) == "stop c");
  end_stops(bench);
  CHECK(bench.state() == GroupState::failed);
  CHECK(bench.groups->next_outcome()->kind == Kind::start_failed);
  CHECK(bench.logged("says its monitor (took too long)"));
  CHECK(bench.logged("Giving up resources due to failure of b"));
}

TEST_CASE("recoveries are counted within the failure window only") {
  WatchedBench bench{1};
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.wait(2h) == "status b");
    CHECK(bench.end(3) == "stop c");
    CHECK(bench.end(0) == "stop b");
    CHECK(bench.end(0) == "status b");
    CHECK(bench.end(0, "running") == "status c");
    CHECK(bench.end(0, "running").empty());
    CHECK(bench.state() == GroupState::running);
  }
}

TEST_CASE("a stop does not wait for a monitor: it ends it, and one script runs at a time") {
  WatchedBench bench{1};
  CHECK(bench.wait(10s) == "status b");
  CHECK(bench.order_stop() == "kill b");
  CHECK(bench.running.size() == 1);
  CHECK(bench.end(15, "", ActionEnd::signaled) == "stop c");
  end_stops(bench);
  CHECK(bench.state() == GroupState::stopped);
}

TEST_CASE("a stop during a recovery goes on to the whole group") {
  WatchedBench bench{1};
  CHECK(bench.wait(10s) == "status b");
  CHECK(bench.end(3) == "stop c");
  CHECK(bench.order_stop().empty());
  end_stops(bench);
  CHECK(bench.state() == GroupState::stopped);
}

TEST_CASE("a recovery whose start fails is a failed start of the group") {
  WatchedBench bench{1};
  bench.list[0].policy.start_retries = 0;
  CHECK(bench.wait(10s) == "status b");
  CHECK(bench.end(3) == "stop c");
  CHECK(bench.end(0) == "stop b");
  CHECK(bench.end(0) == "status b");
  CHECK(bench.end(0, "stopped") == "start b");
  CHECK(bench.end(1) == "stop c");
  end_stops(bench);
  CHECK(bench.state() == GroupState::failed);
}

TEST_CASE("what is asked for while a monitor runs is done after it") {
  WatchedBench bench{1};
  CHECK(bench.wait(10s) == "status b");
  bench.groups->verify(bench.now, Bench::id(0), bench);
  CHECK(bench.asked().empty());
  CHECK(bench.end(0, "running") == "status a");
}

TEST_CASE("in maintenance nothing is monitored, and afterwards everything is looked at anew") {
  WatchedBench bench{1};
  bench.groups->rest_monitors(bench.now, true);
  CHECK(bench.groups->next_deadline() == never);
  CHECK(bench.wait(1h).empty());
  bench.groups->rest_monitors(bench.now, false);
  CHECK(bench.wait(9s).empty());
  CHECK(bench.wait(1s) == "status b");
}

TEST_CASE("the runner that dies during a monitor says nothing of the resource") {
  WatchedBench bench{0};
  CHECK(bench.wait(10s) == "status b");
  bench.running.clear();
  bench.groups->runner_ready(bench.now, {}, bench);
  CHECK(bench.asked().empty());
  CHECK(bench.state() == GroupState::running);
  CHECK(bench.wait(10s) == "status b");
}

TEST_CASE("each script gets its own timeout, else that of ha.cf") {
  Bench bench{{{"a"}}};
  bench.config.resource_timeout = 40s;
  ResourcePolicy& policy = bench.list[0].resources[0].policy;
  policy.start_timeout = 7s;
  policy.stop_timeout = Duration{};
  policy.monitor = 5s;
  bench.order_start();
  CHECK(bench.running.back().timeout == 40s);
  bench.end(0, "stopped");
  CHECK(bench.running.back().timeout == 7s);
  bench.end(0);
  CHECK(bench.wait(5s) == "status a");
  CHECK(bench.running.back().timeout == 40s);
  bench.end(0, "OK");
  policy.monitor_timeout = 2s;
  CHECK(bench.wait(5s) == "status a");
  CHECK(bench.running.back().timeout == 2s);
  bench.end(0, "OK");
  bench.order_stop();
  CHECK(bench.running.back().timeout == Duration{});
}

TEST_CASE("a start that takes too long has failed: stopped, tried again, given up") {
  Bench bench{{{"a"}}};
  bench.list[0].policy.start_retries = 2;
  bench.order_start();
  for (int i = 0; i < 3; ++i) {
    CHECK(bench.end(0, "stopped") == "start a");
    CHECK(bench.end(0, "", ActionEnd::timed_out) == "stop a");
    CHECK(bench.end(0) == (i < 2 ? "status a" : ""));
  }
  CHECK(bench.state() == GroupState::failed);
}

TEST_CASE("W18: a stop that takes too long is unknown, unless the resource says it is stopped") {
  for (const char* said : {"stopped", "running", ""}) {
    CAPTURE(said);
    Bench bench{{{"a"}}};
    bench.order_start();
    bench.end(0, "running");
    CHECK(bench.order_stop() == "stop a");
    CHECK(bench.end(15, "", ActionEnd::timed_out) == "status a");  // not ten times as long
    CHECK(bench.groups->is_unknown(Bench::id(0)));
    CHECK(bench.end(0, said).empty());
    const bool stopped = std::string_view{said} == "stopped";
    CHECK(bench.state() == (stopped ? GroupState::stopped : GroupState::unknown));
    CHECK(bench.groups->may_run(Bench::id(0)) == !stopped);
    if (stopped) continue;
    CHECK(bench.logged("a: cannot be stopped; it stays booked here"));
    CHECK(bench.wait(29s).empty());
    bench.groups->forget_failures(bench.now, Bench::id(0), bench);  // somebody mended it
    CHECK(bench.wait(0s) == "stop a");
    CHECK(bench.end(0).empty());
    CHECK(bench.state() == GroupState::stopped);
  }
}
