// script_test: how a foreign program is found and what it is started with
#include "status/script.hpp"

#include "tests/unit/runner_lab.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>

using namespace hb;
using namespace hb::status;
using hb::test::content_of;
using hb::test::Folder;

namespace {

/// Runs to the end with output into `file`, and says how it ended.
ProcessEnd run_to_end(const Folder& folder, LaunchPlan plan) {
  const os::Fd null(::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10));
  const os::Fd out(
      ::open((folder / "out").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  const os::Fd high(::fcntl(out.get(), F_DUPFD_CLOEXEC, 10));
  plan.in = null.get();
  plan.out = plan.error = high.get();
  auto process = ForeignProcess::launch(plan);
  REQUIRE(process.has_value());
  std::optional<ProcessEnd> end;
  REQUIRE(test::holds_within(std::chrono::seconds{10}, [&] {
    end = process->reap();
    return end.has_value();
  }));
  return *end;
}

}  // namespace

TEST_CASE("a script is found in the first folder that has a regular executable file") {
  const Folder folder;
  folder.write("one/both", "", 0755);
  folder.write("two/both", "", 0755);
  folder.write("one/plain", "", 0644);
  folder.write("two/plain", "", 0755);
  std::filesystem::create_directory(folder / "one/folder");
  const std::vector folders = {folder / "one", folder / "two"};
  CHECK(find_script("both", folders) == folder / "one/both");
  CHECK(find_script("plain", folders) == folder / "two/plain");
  CHECK_FALSE(find_script("folder", folders));
  CHECK_FALSE(find_script("none", folders));
}

TEST_CASE("a script's name cannot leave the folders") {
  const Folder folder;
  folder.write("out", "", 0755);
  folder.write(".hidden", "", 0755);
  folder.write("in/in", "", 0755);
  const std::vector folders = {folder / "in", folder.path()};
  for (const std::string name : {"../out", "/bin/sh", "in/in", ".hidden", "..", ".", ""})
    CHECK_FALSE(find_script(name, folders));
  CHECK_FALSE(find_script(std::string("in\0", 3), folders));
}

TEST_CASE("a program gets its arguments in order and exactly the environment of its plan") {
  const Folder folder;
  ::setenv("LEAKED", "yes", 1);
  LaunchPlan plan;
  plan.path = folder.write("s", "#!/bin/sh\nfor a in \"$0\" \"$@\"; do echo \"[$a]\"; done\n"
                                "tr '\\0' '\\n' < /proc/self/environ\n", 0755);
  plan.arguments = {"one", "two three", "", "start"};
  plan.environment = {"A=1", "PATH=/usr/bin:/bin"};
  CHECK(run_to_end(folder, plan).code == 0);
  const std::string out = content_of(folder / "out");
  CHECK(out.starts_with("[" + plan.path + "]\n[one]\n[two three]\n[]\n[start]\n"));
  CHECK(out.find("A=1\n") != out.npos);
  CHECK(out.find("LEAKED") == out.npos);
}

TEST_CASE("a script without an interpreter line is a shell script") {
  const Folder folder;
  LaunchPlan plan;
  plan.path = folder.write("s", "echo plain $1\n", 0755);
  plan.arguments = {"start"};
  CHECK(run_to_end(folder, plan).code == 0);
  CHECK(content_of(folder / "out") == "plain start\n");
}

TEST_CASE("the working directory is the plan's, or / where that cannot be entered") {
  const Folder folder;
  LaunchPlan plan;
  plan.path = folder.write("s", "#!/bin/sh\npwd\n", 0755);
  plan.folder = folder.path();
  run_to_end(folder, plan);
  plan.folder = folder / "none";
  run_to_end(folder, plan);
  CHECK(content_of(folder / "out") == folder.path() + "\n/\n");
}

TEST_CASE("a program that cannot be executed is an error that names it and the step") {
  const Folder folder;
  const os::Fd null(::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10));
  LaunchPlan plan;
  plan.path = folder.write("s", "#!/no/such/interpreter\n", 0755);
  plan.in = plan.out = plan.error = null.get();
  const auto process = ForeignProcess::launch(plan);
  REQUIRE_FALSE(process.has_value());
  CHECK(process.error().os_error == ENOENT);
  CHECK(process.error().text.find(plan.path + ": execute: ") == 0);
}

TEST_CASE("an account's user, group and supplementary groups are taken on") {
  const Folder folder;
  const auto account = account_of("daemon");
  REQUIRE(account.has_value());
  LaunchPlan plan;
  plan.path =
      folder.write("s", "#!/bin/sh\n/usr/bin/id -u; /usr/bin/id -g; /usr/bin/id -G\n", 0755);
  plan.account = Account{account->user, account->group, {account->group, 12, 13}};
  run_to_end(folder, plan);
  CHECK(content_of(folder / "out") == "1\n1\n1 12 13\n");
  CHECK(account_of("no-such-user").error().text.find("no-such-user") != std::string::npos);
}

TEST_CASE("a whole group is ended at once") {
  const Folder folder;
  const os::Fd null(::fcntl(::open("/dev/null", O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, 10));
  LaunchPlan plan;
  plan.path = folder.write("s", "#!/bin/sh\nsleep 1000 & echo $! > " + (folder / "pid") +
                                    "\nwait\n", 0755);
  plan.environment = {"PATH=/usr/bin:/bin"};
  plan.in = plan.out = plan.error = null.get();
  auto process = ForeignProcess::launch(plan);
  REQUIRE(process.has_value());
  REQUIRE(test::holds_within(std::chrono::seconds{10},
                             [&] { return content_of(folder / "pid").ends_with('\n'); }));
  const pid_t child = std::stoi(content_of(folder / "pid"));
  CHECK(start_time_of(child).has_value());
  process->signal_group(SIGKILL);
  std::optional<ProcessEnd> end;
  REQUIRE(test::holds_within(std::chrono::seconds{10}, [&] {
    end = process->reap();
    return end.has_value();
  }));
  CHECK(end->how == ProcessEnd::How::signaled);
  CHECK(end->code == SIGKILL);
  CHECK(test::holds_within(std::chrono::seconds{10}, [&] { return !start_time_of(child); }));
}
