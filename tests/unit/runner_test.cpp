// runner_test: the real runner, driven over a real channel as the master does it
#include "os/file.hpp"
#include "status/hooks.hpp"
#include "status/ledger.hpp"
#include "status/script.hpp"

#include "tests/unit/runner_lab.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>

#include <algorithm>
#include <csignal>

using namespace hb;
using hb::test::content_of;
using hb::test::holds_within;
using hb::test::RunnerLab;
using ipc::RecordType;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr const char* sh = "#!/bin/sh\n";

/// A script that appends its words to the file "trace" of the lab.
void write_tracing(RunnerLab& lab, const std::string& name, const std::string& more = {}) {
  lab.folder.write(
      "resource.d/" + name,
      sh + std::string("echo ") + name + " \"$@\" >> " + lab.folder / "trace" + "\n" + more, 0755);
}
std::string trace_of(const RunnerLab& lab) {
  return content_of(lab.folder / "trace");
}

pid_t pid_in(const std::string& path) {
  REQUIRE(holds_within(seconds{10}, [&] { return content_of(path).ends_with('\n'); }));
  return std::stoi(content_of(path));
}
bool is_alive(pid_t pid) {
  return status::start_time_of(pid).has_value();
}

}  // namespace

// ---- what a script sees -----------------------------------------------------------------------

TEST_CASE("the runner says ready, then what it knows") {
  RunnerLab lab;
  lab.start_configured();
  REQUIRE(lab.wait_for([&] { return lab.received.size() >= 2; }));
  CHECK(lab.received[0].type == RecordType::ready);
  CHECK(lab.received[1].type == RecordType::runner_state);
  CHECK(lab.received[1].message.empty());
}

TEST_CASE("arguments come in order and the operation last") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.start_configured();
  CHECK(lab.run_to_end({1, "k", "a", "start", {"x", "y z", "*"}}) == "exited 0");
  CHECK(lab.run_to_end({2, "k", "a", "stop"}) == "exited 0");
  CHECK(trace_of(lab) == "a x y z * start\na stop\n");
}

TEST_CASE("scripts are looked for in resource.d, then in init.d") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.folder.write("init.d/a", sh + std::string("exit 9\n"), 0755);
  lab.folder.write("init.d/b", sh + std::string("exit 7\n"), 0755);
  lab.start_configured();
  CHECK(lab.run_to_end({1, "k", "a"}) == "exited 0");
  CHECK(lab.run_to_end({2, "k", "b"}) == "exited 7");
}

TEST_CASE("the environment is exactly the configured one") {
  RunnerLab lab;
  ::setenv("LEAKED", "yes", 1);
  lab.folder.write("resource.d/a", sh + std::string("exec cat /proc/$$/environ\n"), 0755);
  lab.environment = {"PATH=/usr/bin:/bin", "HA_CURHOST=n1", "HA_debug=0", "=bad", "bad"};
  lab.start_configured();
  REQUIRE(lab.run_to_end({1, "k", "a", "status"}) == "exited 0");
  std::string seen = lab.output_of(1);
  std::ranges::replace(seen, ' ', '\n');  // the runner turned NUL into a blank
  // dash adds PWD to what it executes; /proc/$$ after exec shows cat's: the script's plus PWD.
  CHECK(seen.find("PATH=/usr/bin:/bin\nHA_CURHOST=n1\nHA_debug=0\n") != seen.npos);
  CHECK(seen.find("LEAKED") == seen.npos);
  CHECK(seen.find("SYSTOLE") == seen.npos);
  CHECK(seen.find("bad") == seen.npos);
}

TEST_CASE("a script inherits no descriptor, no ignored and no blocked signal") {
  RunnerLab lab;
  lab.folder.write(
      "resource.d/a",
      sh + std::string("ls /proc/self/fd\ngrep -E '^Sig(Ign|Blk)' /proc/self/status\n"), 0755);
  lab.start_configured();
  REQUIRE(lab.run_to_end({1, "k", "a", "status"}) == "exited 0");
  // 3 is the folder that ls itself reads
  CHECK(lab.output_of(1) == "0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_CASE(
    "a script has its own group, ordinary scheduling, umask 022, the working folder, no input") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("set -- $(cat /proc/$$/stat)\n"
                                                    "test $1 = $5 && echo leader\n"
                                                    "echo policy ${41} nice ${19}\n"
                                                    "cat /proc/self/oom_score_adj\n"
                                                    "umask; pwd; readlink /proc/self/fd/0\n"
                                                    "echo session $6\n"),
                   0755);
  lab.start_configured();
  REQUIRE(lab.run_to_end({1, "k", "a", "status"}) == "exited 0");
  CHECK(lab.output_of(1) == "leader\npolicy 0 nice 0\n0\n0022\n" + lab.folder / "work" +
                                "\n/dev/null\nsession " + std::to_string(lab.runner()) + "\n");
}

// ---- output -----------------------------------------------------------------------------------

TEST_CASE("start: both outputs go to the debug log, and come back") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("echo said; echo wept >&2\n"), 0755);
  lab.folder.write("ha-debug", "before\n");
  lab.start_configured();
  REQUIRE(lab.run_to_end({1}) == "exited 0");
  CHECK(lab.output_of(1) == "said\nwept\n");
  CHECK(content_of(lab.debugfile) == "before\nsaid\nwept\n");
}

TEST_CASE("start: without a debug log the output still comes back") {
  RunnerLab lab;
  lab.debugfile = "/dev/null";
  lab.folder.write("resource.d/a", sh + std::string("echo said; echo wept >&2; exit 1\n"), 0755);
  lab.start_configured();
  CHECK(lab.run_to_end({1}) == "exited 1");
  CHECK(lab.output_of(1) == "said\nwept\n");
}

TEST_CASE("status: standard output comes back, errors go to the debug log") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("echo running; echo wept >&2; exit 3\n"), 0755);
  lab.start_configured();
  CHECK(lab.run_to_end({1, "k", "a", "status"}) == "exited 3");
  CHECK(lab.output_of(1) == "running\n");
  CHECK(content_of(lab.debugfile) == "wept\n");
}

TEST_CASE("of much output the last 4 KiB are kept") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("seq 1 50000; echo last\n"), 0755);
  lab.start_configured();
  for (const auto& [ticket, op] : {std::pair{1ULL, "status"}, {2ULL, "start"}}) {
    CHECK(lab.run_to_end({ticket, "k", "a", op}) == "exited 0");
    const std::string output = lab.output_of(ticket);
    CHECK(output.size() == 4096);
    CHECK(output.ends_with("49999\n50000\nlast\n"));
  }
}

TEST_CASE("a background child that keeps the output open delays nothing and goes on living") {
  RunnerLab lab;
  // Writes for as long as it may: a closed output would end it.
  lab.folder.write("resource.d/a",
                   sh + std::string("(while echo tick; do sleep 0.02; done) &\necho $! > ") +
                       lab.folder / "pid-$1" + "\necho running\n",
                   0755);
  lab.start_configured();
  for (const auto& [ticket, op] : {std::pair{1ULL, "status"}, {2ULL, "start"}}) {
    CHECK(lab.run_to_end({ticket, "k", "a", op}) == "exited 0");
    CHECK(lab.output_of(ticket).find("running\n") != std::string::npos);
    const pid_t child = pid_in(lab.folder / "pid-" + op);
    const auto end = os::instant_now() + milliseconds{300};
    lab.wait_for([&] { return os::instant_now() > end; });
    CHECK(is_alive(child));
  }
  // What a start script left behind is a service: it outlives even the runner.
  lab.kill_runner();
  const pid_t service = pid_in(lab.folder / "pid-start");
  const std::string before = content_of(lab.debugfile);
  CHECK(holds_within(seconds{5}, [&] { return content_of(lab.debugfile).size() > before.size(); }));
  CHECK(is_alive(service));
  ::kill(service, SIGKILL);
  ::kill(pid_in(lab.folder / "pid-status"), SIGKILL);
}

// ---- ends -------------------------------------------------------------------------------------

TEST_CASE("the log tells what runs and what fails in the words of old") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("test $1 = stop && exit 3; exit 0\n"), 0755);
  lab.start_configured();
  CHECK(lab.run_to_end({1, "k", "a", "start"}) == "exited 0");
  CHECK(lab.run_to_end({2, "k", "a", "start", {"x", "y"}}) == "exited 0");
  CHECK(lab.run_to_end({3, "k", "a", "stop"}) == "exited 3");
  const std::string path = lab.folder / "resource.d/a";
  CHECK(lab.logged("info", "Running " + path + "  start"));
  CHECK(lab.logged("info", "Running " + path + " x y start"));
  CHECK(lab.logged("error", "Return code 3 from " + path));
}

TEST_CASE("a script that does not exist is missing") {
  RunnerLab lab;
  lab.start_configured();
  CHECK(lab.run_to_end({1, "k", "none"}) == "missing 0");
  CHECK(lab.logged("error", "Cannot locate resource script none"));
  CHECK(lab.run_to_end({2, "k", "../resource.d/a", "stop"}) == "missing 0");
  CHECK(lab.ledger().find("entry") == std::string::npos);
}

TEST_CASE("a script with a missing interpreter fails like one that cannot be executed") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", "#!/no/such/thing\n", 0755);
  lab.start_configured();
  CHECK(lab.run_to_end({1}) == "exited 126");
}

TEST_CASE("a hanging script runs until it is killed, with its children") {
  RunnerLab lab;
  lab.folder.write("resource.d/a",
                   sh + std::string("sleep 1000 & echo $! > ") + lab.folder / "pid" + "\nwait\n",
                   0755);
  lab.start_configured();
  lab.run({1});
  const pid_t child = pid_in(lab.folder / "pid");
  lab.ticket_record(RecordType::kill_action, 77);  // no such ticket: nothing happens
  lab.pump();
  CHECK(lab.find(RecordType::action_done, "ticket", "1") == nullptr);
  lab.ticket_record(RecordType::kill_action, 1);
  CHECK(lab.end_of(1) == "signaled 15");
  CHECK(holds_within(seconds{5}, [&] { return !is_alive(child); }));
}

TEST_CASE("a script that ignores TERM is killed five seconds later") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("trap '' TERM\necho 1 > ") + lab.folder / "up" +
                                       "\nwhile :; do sleep 1; done\n", 0755);
  lab.start_configured();
  lab.run({1});
  REQUIRE(holds_within(seconds{5}, [&] { return !content_of(lab.folder / "up").empty(); }));
  const auto begin = os::instant_now();
  lab.ticket_record(RecordType::kill_action, 1);
  CHECK(lab.end_of(1) == "signaled 9");
  const auto taken = os::instant_now() - begin;
  CHECK(taken >= seconds{5});
  CHECK(taken < seconds{8});
}

TEST_CASE("a script that takes longer than its timeout is ended") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("exec sleep 1000\n"), 0755);
  lab.start_configured();
  const auto begin = os::instant_now();
  CHECK(lab.run_to_end({1, "k", "a", "start", {}, 200}) == "timed_out 15");
  CHECK(os::instant_now() - begin >= milliseconds{200});
}

TEST_CASE("a script that floods its output holds nobody up") {
  RunnerLab lab;
  lab.folder.write("resource.d/flood", sh + std::string("exec yes\n"), 0755);
  write_tracing(lab, "a");
  lab.start_configured();
  lab.run({1, "f", "flood", "status"});
  for (std::uint64_t ticket = 2; ticket < 12; ++ticket)
    CHECK(lab.run_to_end({ticket, "k", "a"}) == "exited 0");
  lab.ticket_record(RecordType::kill_action, 1);
  CHECK(lab.end_of(1) == "signaled 15");
}

TEST_CASE("twenty scripts at once run side by side, each started within a millisecond") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("exec sleep 0.5\n"), 0755);
  lab.start_configured();
  lab.wait_for([&] { return !lab.received.empty(); });
  const auto cpu_before =
      std::stoll(content_of("/proc/" + std::to_string(lab.runner()) + "/schedstat"));
  const auto begin = os::instant_now();
  constexpr std::uint64_t count = 20;
  for (std::uint64_t i = 1; i <= count; ++i) lab.run({i, "k" + std::to_string(i)});
  const auto all_running = [&] {
    const std::string text = lab.ledger();
    std::uint64_t running = 0;
    for (auto at = text.find("starting\t"); at != text.npos; at = text.find("starting\t", at + 1))
      if (text[at + 9] != '0') ++running;
    return running == count;
  };
  REQUIRE(holds_within(seconds{2}, all_running));
  const auto started = os::instant_now() - begin;
  const auto cpu = std::stoll(content_of("/proc/" + std::to_string(lab.runner()) + "/schedstat"));
  MESSAGE("20 scripts were started in ",
          std::chrono::duration_cast<std::chrono::microseconds>(started).count(), " us, with ",
          (cpu - cpu_before) / 1000, " us of the runner's time");
  CHECK(cpu - cpu_before < 20'000'000);
  for (std::uint64_t i = 1; i <= count; ++i) CHECK(lab.end_of(i) == "exited 0");
  const auto taken = os::instant_now() - begin;
  CHECK(taken >= milliseconds{500});
  CHECK(taken < seconds{5});  // one after the other: ten
}

// ---- ledger -----------------------------------------------------------------------------------

TEST_CASE("the ledger has a resource from before its start until after its stop") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("cp ") + lab.folder / "ledger " +
                                       lab.folder / "seen-$2\n", 0755);
  lab.start_configured();
  REQUIRE(lab.run_to_end({1, "10.0.0.1", "a", "start", {"x"}}) == "exited 0");
  CHECK(content_of(lab.folder / "seen-start").find("entry\tstarting\t") != std::string::npos);
  CHECK(lab.ledger().find("entry\theld\t0\t0\t0\t10.0.0.1\ta\tx\n") != std::string::npos);
  REQUIRE(lab.run_to_end({2, "10.0.0.1", "a", "stop", {"x"}}) == "exited 0");
  CHECK(content_of(lab.folder / "seen-stop").find("entry\tstopping\t") != std::string::npos);
  CHECK(lab.ledger().find("entry") == std::string::npos);
}

TEST_CASE("what fails to start or to stop is unknown, what status finds running is held") {
  RunnerLab lab;
  lab.folder.write("resource.d/bad", sh + std::string("exit 1\n"), 0755);
  lab.folder.write("resource.d/up", sh + std::string("echo running\n"), 0755);
  lab.folder.write("resource.d/down", sh + std::string("echo not running\n"), 0755);
  lab.start_configured();
  lab.run_to_end({1, "k1", "bad", "start"});
  lab.run_to_end({2, "k1", "bad", "stop"});
  lab.run_to_end({3, "k2", "up", "status"});
  lab.run_to_end({4, "k3", "down", "status"});
  lab.run_to_end({5, "k4", "bad", "stop"});  // never ours
  CHECK(lab.ledger().find("entry\tunknown\t0\t0\t0\tk1\tbad\n") != std::string::npos);
  CHECK(lab.ledger().find("entry\theld\t0\t0\t0\tk2\tup\n") != std::string::npos);
  CHECK(lab.ledger().find("k3") == std::string::npos);
  CHECK(lab.ledger().find("k4") == std::string::npos);
}

TEST_CASE("a new runner knows what the old one held, and waits for its scripts") {
  RunnerLab lab;
  write_tracing(lab, "a", "test $1 = start && sleep 0.6\necho done >> " + lab.folder / "trace" +
                              "\n");
  write_tracing(lab, "b");
  lab.start_configured();
  REQUIRE(lab.run_to_end({1, "other", "b"}) == "exited 0");
  lab.run({2, "k", "a"});
  REQUIRE(holds_within(seconds{5},
                       [&] { return trace_of(lab).find("a start\n") != std::string::npos; }));
  // The process id is noted in the same turn.
  REQUIRE(holds_within(seconds{5}, [&] {
    return lab.ledger().find("starting\t") != std::string::npos &&
           lab.ledger().find("starting\t0") == std::string::npos;
  }));
  lab.kill_runner();
  lab.received.clear();
  lab.start_configured();
  REQUIRE(lab.await(RecordType::runner_state, "held", "other 0 held") != nullptr);
  CHECK(lab.run_to_end({3, "k", "a", "stop"}) == "exited 0");
  CHECK(trace_of(lab) == "b start\na start\ndone\na stop\ndone\n");
}

TEST_CASE(
    "a script that an earlier runner left hanging is ended when its ticket's turn is killed") {
  RunnerLab lab;
  lab.folder.write("resource.d/a", sh + std::string("echo $$ > ") + lab.folder / "pid" +
                                       "\ntest $1 = start && exec sleep 1000\nexit 0\n", 0755);
  lab.start_configured();
  lab.run({1});
  const pid_t stray = pid_in(lab.folder / "pid");
  REQUIRE(holds_within(seconds{5}, [&] {
    return lab.ledger().find("starting\t" + std::to_string(stray)) != std::string::npos;
  }));
  lab.kill_runner();
  lab.received.clear();
  lab.start_configured();
  lab.run({2, "a", "a", "status"});
  lab.wait_for(
      [&] { return lab.find(RecordType::runner_state, "held", "a 0 starting") != nullptr; });
  CHECK(is_alive(stray));
  lab.ticket_record(RecordType::kill_action, 2);
  CHECK(lab.end_of(2) == "signaled 15");
  CHECK(lab.run_to_end({3, "a", "a", "stop"}) == "exited 0");
  CHECK_FALSE(is_alive(stray));
}

// ---- the master goes --------------------------------------------------------------------------

TEST_CASE("when the master is lost, everything held is released backwards and the runner ends") {
  RunnerLab lab;
  for (const char* name : {"a", "b", "c"}) write_tracing(lab, name);
  lab.start_configured();
  lab.run_to_end({1, "k", "a", "start", {"1"}, 0, 0});
  lab.run_to_end({2, "k", "b", "start", {"2"}, 0, 1});
  lab.run_to_end({3, "k", "c", "start", {"3"}, 0, 2});
  lab.run_to_end({4, "k", "c", "stop", {"3"}, 0, 2});
  const auto begin = os::instant_now();
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(os::instant_now() - begin >= milliseconds{200});  // half the deadtime: one may come back
  CHECK(trace_of(lab) == "a 1 start\nb 2 start\nc 3 start\nc 3 stop\nb 2 stop\na 1 stop\n");
  CHECK(lab.ledger().find("entry") == std::string::npos);
}

TEST_CASE("kill -9 of a master releases what its runner holds") {
  test::Folder outside;
  const pid_t master = ::fork();
  if (master == 0) {
    RunnerLab lab;  // its folder outlives it: the process ends by SIGKILL
    outside.write("lab", lab.folder.path());
    write_tracing(lab, "a");
    lab.start_configured();
    if (lab.run_to_end({1}) != "exited 0") ::_exit(1);
    outside.write("runner", std::to_string(lab.runner()) + "\n");
    for (;;) ::pause();
  }
  const pid_t runner = pid_in(outside / "runner");
  const std::string folder = content_of(outside / "lab");
  REQUIRE(::kill(master, SIGKILL) == 0);
  ::waitpid(master, nullptr, 0);
  CHECK(holds_within(seconds{10}, [&] { return !is_alive(runner); }));
  CHECK(content_of(folder + "/trace") == "a start\na stop\n");
  std::filesystem::remove_all(folder);
}

TEST_CASE("a start that runs when the master is lost may finish, then it is undone") {
  RunnerLab lab;
  lab.deadtime = 2000;
  write_tracing(lab, "a", "test $1 = start && sleep 0.3\necho done >> " + lab.folder / "trace" +
                              "\n");
  lab.start_configured();
  lab.run({1});
  REQUIRE(holds_within(seconds{5}, [&] { return !trace_of(lab).empty(); }));
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\ndone\na stop\ndone\n");
}

TEST_CASE("a start that hangs when the master is lost is ended, then stopped") {
  RunnerLab lab;
  write_tracing(lab, "a", "test $1 = start && exec sleep 1000\nexit 0\n");
  lab.start_configured();
  lab.run({1});
  REQUIRE(holds_within(seconds{5}, [&] { return !trace_of(lab).empty(); }));
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\na stop\n");
}

TEST_CASE("a stop that fails is repeated while everything is released") {
  RunnerLab lab;
  write_tracing(lab, "a", "test $1 = start && exit 0\ntest -e " + lab.folder / "tried" +
                              " && exit 0\n: > " + lab.folder / "tried" + "\nexit 1\n");
  lab.start_configured();
  lab.run_to_end({1});
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\na stop\na stop\n");
}

TEST_CASE("an orphaned runner releases nothing that a new runner has taken over") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.start_configured();
  lab.run_to_end({1});
  status::Ledger next(lab.folder / "ledger", hb::os::boot_id(), {1, 1});
  REQUIRE(next.load().has_value());
  REQUIRE(next.save().has_value());
  const std::string theirs = lab.ledger();
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\n");
  CHECK(lab.ledger() == theirs);
}

TEST_CASE("a release ends where a new runner takes over") {
  RunnerLab lab;
  write_tracing(lab, "a", "test $1 = stop && sleep 0.5\nexit 0\n");
  lab.start_configured();
  for (std::uint64_t i = 0; i < 3; ++i) lab.run_to_end({i + 1, "k", "a", "start", {}, 0, i});
  lab.lose_master();
  REQUIRE(holds_within(seconds{5},
                       [&] { return trace_of(lab).find("a stop\n") != std::string::npos; }));
  status::Ledger next(lab.folder / "ledger", hb::os::boot_id(), {1, 1});
  REQUIRE(next.load().has_value());
  REQUIRE(next.save().has_value());
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\na start\na start\na stop\n");
  CHECK(next.is_ours());
}

TEST_CASE("a lost master is followed by another one, at once; all waits for it") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.successor = lab.folder.write(
      "master", sh + std::string("echo master $* $(env | grep -c HA_) >> ") +
                    lab.folder / "trace" + "\nexit 0\n", 0755);
  lab.deadtime = 40'000;  // without a successor it would wait for 20 s
  lab.start_configured();
  lab.run_to_end({1});
  lab.lose_master();
  REQUIRE(holds_within(seconds{10}, [&] {
    return trace_of(lab).find("master -d 0\n") != std::string::npos;
  }));
  status::Ledger next(lab.folder / "ledger", hb::os::boot_id(), {1, 1});
  REQUIRE(next.load().has_value());
  REQUIRE(next.save().has_value());
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\nmaster -d 0\n");
}

TEST_CASE("a new master that does not start: everything is released at once") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.successor = lab.folder.write("master", sh + std::string("exit 6\n"), 0755);
  lab.deadtime = 40'000;
  lab.start_configured();
  lab.run_to_end({1});
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\na stop\n");
}

TEST_CASE("a master that is being stopped has no successor") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.successor = lab.folder.write("master", sh + std::string("echo master >> ") +
                                                 lab.folder / "trace" + "\n", 0755);
  lab.deadtime = 40'000;
  lab.start_configured();
  lab.run_to_end({1});
  lab.send(RecordType::no_successor, {});
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\na stop\n");
}

TEST_CASE("a goodbye releases nothing") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.start_configured();
  lab.run_to_end({1});
  lab.send_raw(RecordType::goodbye, {});
  lab.lose_master();
  CHECK(lab.exit_code() == 0);
  CHECK(trace_of(lab) == "a start\n");
}

TEST_CASE("TERM ends no runner that has a master") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.start_configured();
  lab.wait_for([&] { return !lab.received.empty(); });
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE}) ::kill(lab.runner(), signal);
  CHECK(lab.run_to_end({1}) == "exited 0");
}

// ---- hooks, state files, logs -----------------------------------------------------------------

TEST_CASE("only known fields reach a hook's environment") {
  core::Message record;
  for (const char* name : {"f_src", "f_st", "f_FUNCS", "f_DIR", "f_auth", "f_PATH", "f_LD_PRELOAD",
                           "st", "f_"})
    record.add(name, "v");
  record.add("f_info", "two\nlines");
  record.add("f_node", "n2");
  CHECK(status::hook_environment(record) ==
        std::vector<std::string>{"HA_src=v", "HA_st=v", "HA_node=n2"});
}

TEST_CASE("hooks run through harc, one at a time, in order") {
  RunnerLab lab;
  lab.folder.write("harc", sh + std::string("echo begin $* $HA_src >> ") + lab.folder / "trace" +
                               "\nsleep 0.1\necho end $* >> " + lab.folder / "trace" + "\nexit 4\n",
                   0755);
  lab.folder.write("rc.d/mine", sh, 0755);
  lab.start_configured();
  const auto hook = [&](std::uint64_t ticket, const std::string& type) {
    core::Message message;
    message.add_decimal("ticket", ticket);
    message.add("type", type);
    message.add("f_src", "n2");
    lab.send(RecordType::run_hook, message);
  };
  hook(1, "MINE");
  hook(2, "none");
  hook(3, "../rc.d/mine");
  hook(4, "mine");
  CHECK(lab.end_of(1) == "exited 4");
  CHECK(lab.end_of(2) == "missing 0");
  CHECK(lab.end_of(3) == "missing 0");
  CHECK(lab.end_of(4) == "exited 4");
  CHECK(trace_of(lab) == "begin mine n2\nend mine\nbegin mine n2\nend mine\n");
}

TEST_CASE("state files are written whole, and only in their folder") {
  RunnerLab lab;
  lab.start_configured();
  const auto persist = [&](const std::string& file, const std::string& content) {
    core::Message message;
    message.add("file", file);
    message.add("content", content);
    lab.send(RecordType::persist, message);
  };
  persist("../escaped", "x");
  persist("peers", "one\n");
  persist("peers", "two\n");
  persist("other", "three\n");
  CHECK(lab.wait_for([&] { return content_of(lab.folder / "state/peers") == "two\n" &&
                                  content_of(lab.folder / "state/other") == "three\n"; }));
  CHECK_FALSE(std::filesystem::exists(lab.folder / "escaped"));
  std::filesystem::remove_all(lab.folder / "state");
  persist("peers", "lost\n");
  CHECK(lab.logged("error",
                   lab.folder / "state/peers could not be written: No such file or directory"));
}

TEST_CASE("log files are opened for the master, and again after a rotation") {
  RunnerLab lab;
  lab.logfile = lab.folder / "ha-log";
  lab.start_configured();
  REQUIRE(lab.wait_for([&] { return lab.descriptors.size() == 2; }));
  CHECK(lab.descriptors[0].tag == 'l');
  CHECK(lab.descriptors[1].tag == 'd');
  REQUIRE(::write(lab.descriptors[0].fd.get(), "old\n", 4) == 4);
  std::filesystem::rename(lab.logfile, lab.folder / "ha-log.1");
  REQUIRE(lab.wait_for([&] { return lab.descriptors.size() == 3; }));
  CHECK(lab.descriptors[2].tag == 'l');
  REQUIRE(::write(lab.descriptors[2].fd.get(), "new\n", 4) == 4);
  CHECK(content_of(lab.logfile) == "new\n");
  CHECK(content_of(lab.folder / "ha-log.1") == "old\n");
}

TEST_CASE("a log file that cannot be opened is told once") {
  RunnerLab lab;
  lab.logfile = lab.folder / "none/ha-log";
  lab.debugfile = lab.folder / "work";
  lab.start_configured();
  CHECK(lab.logged("error", lab.logfile + ": cannot be opened: No such file or directory"));
  CHECK(lab.logged("error", lab.debugfile + ": cannot be opened: Is a directory"));
}

// ---- a master that makes mistakes -------------------------------------------------------------

TEST_CASE("records that make no sense are refused, and the runner works on") {
  RunnerLab lab;
  write_tracing(lab, "a");
  lab.start();
  lab.run({1});  // before any configuration
  CHECK(lab.end_of(1) == "missing 0");
  lab.send_raw(RecordType::run_action, "no message at all");
  lab.send(RecordType::runner_config, {});
  lab.configure();
  lab.run({2, "k", "a", "restart"});
  CHECK(lab.end_of(2) == "missing 0");
  lab.run({3, "k", "a", "start", {}, 0, 70000});
  CHECK(lab.end_of(3) == "missing 0");
  lab.run({4, "k\tx", "a"});
  CHECK(lab.end_of(4) == "exited 0");
  CHECK(lab.logged("error", "resource k\tx: control bytes in its words"));
  CHECK(lab.run_to_end({5}) == "exited 0");
}
