// respawn_test: the life of a respawn client
#include "status/respawn.hpp"

#include "tests/unit/runner_lab.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>

using namespace hb;
using namespace hb::status;
using hb::test::content_of;
using hb::test::holds_within;
using hb::test::RunnerLab;
using ipc::RecordType;
using std::chrono::seconds;
using Verdict = RespawnPolicy::Verdict;

namespace {

constexpr ProcessEnd failed{ProcessEnd::How::exited, 1};

void start_client(RunnerLab& lab, std::uint64_t ticket, const std::string& command,
                  const std::string& user = "root", const std::string& failfast = "0") {
  core::Message message;
  message.add_decimal("ticket", ticket);
  message.add("user", user);
  message.add("command", command);
  message.add("failfast", failfast);
  lab.send(RecordType::start_client, message);
}

std::string end_of_client(RunnerLab& lab, std::uint64_t ticket) {
  const auto* done = lab.await(RecordType::client_done, "ticket", std::to_string(ticket));
  if (done == nullptr) return "none";
  return std::string(done->text_or_empty("end")) + ' ' + std::string(done->text_or_empty("code"));
}

std::size_t lines_in(const std::string& path) {
  const std::string text = content_of(path);
  return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

}  // namespace

TEST_CASE("a client that asks to stay down stays down") {
  RespawnPolicy policy;
  CHECK(policy.ended(seconds{1}, {ProcessEnd::How::exited, 100}).verdict == Verdict::finished);
  // A signal of that number would be another matter.
  CHECK(policy.ended(seconds{1}, {ProcessEnd::How::signaled, 100}).verdict == Verdict::restart);
}

TEST_CASE("a short life costs a second, the eleventh in a row ends it all, a long one forgives") {
  RespawnPolicy policy;
  for (int i = 0; i < 10; ++i) {
    const auto decision = policy.ended(seconds{29}, failed);
    CHECK(decision.verdict == Verdict::restart);
    CHECK(decision.after == seconds{1});
  }
  const auto long_life = policy.ended(seconds{30}, failed);
  CHECK(long_life.verdict == Verdict::restart);
  CHECK(long_life.after == seconds{0});
  for (int i = 0; i < 10; ++i) CHECK(policy.ended(seconds{0}, failed).verdict == Verdict::restart);
  CHECK(policy.ended(seconds{0}, failed).verdict == Verdict::too_fast);
}

TEST_CASE("a client runs as its user, in a group of its own, with nothing of ours") {
  RunnerLab lab;
  ::chmod((lab.folder / "work").c_str(), 0777);
  lab.folder.write("client", "#!/bin/sh\n{ id -un; id -gn; umask; ls /proc/self/fd; pwd\n"
                             "set -- $(cat /proc/$$/stat); test $1 = $5 && echo leader; } > out\n"
                             "exit 100\n", 0755);
  lab.start_configured();
  start_client(lab, 1, lab.folder / "client", "daemon");
  CHECK(end_of_client(lab, 1) == "exited 100");
  CHECK(content_of(lab.folder / "work/out") ==
        "daemon\ndaemon\n0022\n0\n1\n2\n3\n" + lab.folder / "work" + "\nleader\n");
}

TEST_CASE("a client that ends is started again, and the log says so") {
  RunnerLab lab;
  const std::string command = lab.folder.write(
      "client", "#!/bin/sh\necho $$ >> " + lab.folder / "lives" + "\ntest $(wc -l < " +
                    lab.folder / "lives" + ") -lt 3 && exit 7\nexit 100\n", 0755);
  lab.start_configured();
  start_client(lab, 1, command);
  start_client(lab, 1, command);  // repeated by a master that starts again
  CHECK(end_of_client(lab, 1) == "exited 100");
  CHECK(lines_in(lab.folder / "lives") == 3);
  const std::string pid = content_of(lab.folder / "lives").substr(
      0, content_of(lab.folder / "lives").find('\n'));
  CHECK(
      lab.logged("warn", "Managed " + command + " process " + pid + " exited with return code 7."));
  CHECK(lab.logged("error", "Respawning client \"" + command + "\":"));
}

TEST_CASE("a failfast client that fails is reported at once") {
  RunnerLab lab;
  lab.start_configured();
  start_client(lab, 1, "/bin/sh -c 'exit 3'", "root", "1");
  CHECK(end_of_client(lab, 1) == "exited 3");
  start_client(lab, 2, "/bin/sh -c 'kill -9 $$'", "root", "1");
  CHECK(end_of_client(lab, 2) == "signaled 9");
}

TEST_CASE("a failfast client that fails brings the machine down, by the program that stands in") {
  RunnerLab lab;
  const std::string fake = lab.folder.write(
      "reboot", "#!/bin/sh\necho \"$1\" >> " + lab.folder / "reboots" + "\n", 0755);
  lab.reboot = fake;
  lab.start_configured();
  start_client(lab, 1, "/bin/sh -c 'exit 0'", "root", "1");  // no failure: started again
  CHECK(lab.logged("error", "Respawning client \"/bin/sh -c 'exit 0'\":"));
  start_client(lab, 2, "/bin/sh -c 'exit 100'", "root", "1");
  CHECK(lab.logged("emerg", "Rebooting system.  Reason: /bin/sh -c 'exit 100'"));
  REQUIRE(holds_within(seconds{10}, [&] { return lines_in(lab.folder / "reboots") == 1; }));
  CHECK(content_of(lab.folder / "reboots") == "/bin/sh -c 'exit 100'\n");
  CHECK(lab.logged("emerg", fake + " was run in place of a reboot"));
}

TEST_CASE("a runner that was not told how to reboot does not") {
  RunnerLab lab;
  lab.start_configured();
  start_client(lab, 1, "/bin/sh -c 'exit 1'", "root", "1");
  CHECK(lab.logged("emerg", "Rebooting system.  Reason: /bin/sh -c 'exit 1'"));
  CHECK(lab.logged("error", "No reboot: this runner was told not to"));
}

TEST_CASE("a client of an unknown user is not run as somebody else") {
  RunnerLab lab;
  lab.start_configured();
  start_client(lab, 1, "/usr/bin/touch " + lab.folder / "ran", "no-such-user");
  CHECK(lab.logged("error", "Client \"/usr/bin/touch " + lab.folder / "ran" +
                                "\": user 'no-such-user' is unknown; create it or correct ha.cf"));
  CHECK_FALSE(std::filesystem::exists(lab.folder / "ran"));
}

TEST_CASE("clients are stopped one after the other, the last one first") {
  RunnerLab lab;
  lab.folder.write("client", "#!/bin/sh\ntrap 'sleep 0.1; echo stopped $1 >> " +
                                 lab.folder / "trace" + "; exit 0' TERM\necho up >> " +
                                 lab.folder / "trace" + "\nwhile :; do sleep 0.01; done\n", 0755);
  lab.start_configured();
  for (std::uint64_t i = 1; i <= 3; ++i)
    start_client(lab, i, lab.folder / "client " + std::to_string(i));
  REQUIRE(holds_within(seconds{10}, [&] { return lines_in(lab.folder / "trace") == 3; }));
  lab.send(RecordType::stop_client, {});
  for (std::uint64_t i = 1; i <= 3; ++i) CHECK(end_of_client(lab, i) == "exited 0");
  CHECK(content_of(lab.folder / "trace") == "up\nup\nup\nstopped 3\nstopped 2\nstopped 1\n");
}

TEST_CASE("a client that has given up does not hold up the stop of the others") {
  RunnerLab lab;
  lab.start_configured();
  start_client(lab, 1, "/bin/sleep 1000");
  start_client(lab, 2, "/bin/sh -c 'exit 100'");
  CHECK(end_of_client(lab, 2) == "exited 100");
  lab.send_raw(RecordType::goodbye, {});
  CHECK(end_of_client(lab, 1) == "signaled 15");
  CHECK(lab.exit_code() == 0);
}

TEST_CASE("when the runner is killed its clients end, for the next one starts them anew") {
  RunnerLab lab;
  lab.folder.write("client", "#!/bin/sh\necho $$ > " + lab.folder / "pid" + "\nexec sleep 1000\n",
                   0755);
  lab.start_configured();
  start_client(lab, 1, lab.folder / "client");
  REQUIRE(holds_within(seconds{10}, [&] { return lines_in(lab.folder / "pid") == 1; }));
  const pid_t client = std::stoi(content_of(lab.folder / "pid"));
  REQUIRE(start_time_of(client).has_value());
  lab.kill_runner();
  CHECK(holds_within(seconds{5}, [&] { return !start_time_of(client).has_value(); }));
}

TEST_CASE("W24: a client that ignores TERM is killed after half a minute, and the stop goes on") {
  RunnerLab lab;
  lab.folder.write("client", "#!/bin/sh\ntrap '' TERM\necho up >> " + lab.folder / "trace" +
                                 "\nwhile :; do sleep 0.1; done\n", 0755);
  os::Loop loop;
  Surroundings surroundings{loop, {}, {}, [](auto, const auto&) {}, [](auto, auto) {}};
  std::vector<int> codes;
  RespawnClients clients{surroundings, [&](std::uint64_t, const ProcessEnd& end) {
                           codes.push_back(end.code);
                           if (codes.size() == 2) loop.stop();
                         }};
  for (std::uint64_t ticket = 1; ticket <= 2; ++ticket) {
    core::Message record;
    record.add_decimal("ticket", ticket);
    record.add("user", "root");
    record.add("command", ticket == 1 ? "/bin/sleep 1000" : lab.folder / "client");
    record.add("failfast", "0");
    clients.start(record);
  }
  clients.tick(os::instant_now());
  REQUIRE(holds_within(seconds{10}, [&] { return lines_in(lab.folder / "trace") == 1; }));
  clients.stop_all();
  CHECK(clients.next_deadline() > os::instant_now() + RespawnClients::patience - seconds{20});
  clients.tick(os::instant_now() + RespawnClients::patience);  // as if so much time had passed
  const auto limit = os::instant_now() + seconds{20};
  loop.deadline(limit);
  loop.on_turn([&] {
    if (os::instant_now() >= limit) loop.stop();
  });
  loop.run();
  CHECK(codes == std::vector<int>{SIGKILL, SIGTERM});
  CHECK(clients.idle());
}
