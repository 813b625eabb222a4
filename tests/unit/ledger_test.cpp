// ledger_test: what is held survives its writer, and nothing else is believed
#include "os/file.hpp"
#include "status/ledger.hpp"

#include "tests/unit/runner_lab.hpp"

#include <doctest/doctest.h>

using namespace hb;
using namespace hb::status;
using hb::test::content_of;
using hb::test::Folder;

namespace {

const Holding web{"10.0.0.1", 0, HoldState::held, {}, "IPaddr", {"10.0.0.1/24/eth0", ""}};
const Holding disk{"10.0.0.1", 1, HoldState::starting, {4711, 99}, "Filesystem", {"/dev/x", "/y"}};

}  // namespace

TEST_CASE("a ledger is read back as it was written") {
  const Folder folder;
  Ledger written(folder / "ledger", "boot-1", {10, 20});
  REQUIRE(written.note(web).has_value());
  REQUIRE(written.note(disk).has_value());
  REQUIRE(written.save().has_value());
  struct stat facts {};
  REQUIRE(::stat((folder / "ledger").c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777) == 0600);

  Ledger read(folder / "ledger", "boot-1", {11, 21});
  CHECK(read.load().value() == 0);
  REQUIRE(read.entries().size() == 2);
  CHECK(read.entries()[0].arguments == web.arguments);
  CHECK(read.entries()[1].key == "10.0.0.1");
  CHECK(read.entries()[1].resource == 1);
  CHECK(read.entries()[1].state == HoldState::starting);
  CHECK(read.entries()[1].script == ProcessId{4711, 99});
  CHECK(read.entries()[1].name == "Filesystem");
}

TEST_CASE("after a reboot a ledger is empty") {
  const Folder folder;
  Ledger written(folder / "ledger", "boot-1", {10, 20});
  REQUIRE(written.note(web).has_value());
  REQUIRE(written.save().has_value());
  Ledger read(folder / "ledger", "boot-2", {10, 20});
  CHECK(read.load().has_value());
  CHECK(read.entries().empty());
}

TEST_CASE("a ledger belongs to the runner that wrote it last") {
  const Folder folder;
  Ledger old(folder / "ledger", "boot-1", {10, 20});
  CHECK(old.is_ours());  // no file: nobody else's
  REQUIRE(old.note(web).has_value());
  REQUIRE(old.save().has_value());
  CHECK(old.is_ours());
  old.share();

  Ledger next(folder / "ledger", "boot-1", {11, 21});
  REQUIRE(next.load().has_value());
  REQUIRE(next.save().has_value());
  CHECK_FALSE(old.is_ours());
  old.remove(web.key, web.resource);
  REQUIRE(old.save().has_value());
  CHECK(next.is_ours());  // the old one wrote nothing
  CHECK(content_of(folder / "ledger").find("IPaddr") != std::string::npos);
}

TEST_CASE("entries keep their place when they change") {
  Ledger ledger("/nowhere", "boot-1", {10, 20});
  REQUIRE(ledger.note(web).has_value());
  REQUIRE(ledger.note(disk).has_value());
  ledger.set(web.key, web.resource, HoldState::stopping, {5, 6});
  CHECK(ledger.entries()[0].state == HoldState::stopping);
  CHECK(ledger.find(web.key, 0)->script == ProcessId{5, 6});
  ledger.remove(web.key, web.resource);
  CHECK(ledger.entries().size() == 1);
  CHECK(ledger.find(web.key, 0) == nullptr);
  ledger.set("none", 3, HoldState::held, {});
  ledger.remove("none", 3);
  CHECK(ledger.entries().size() == 1);
}

TEST_CASE("a word that could forge a line is refused") {
  Ledger ledger("/nowhere", "boot-1", {10, 20});
  for (const char* bad : {"a\tb", "a\nb", "a\x7f"}) {
    CHECK_FALSE(ledger.note({bad, 0, HoldState::held, {}, "s", {}}).has_value());
    CHECK_FALSE(ledger.note({"k", 0, HoldState::held, {}, bad, {}}).has_value());
    CHECK_FALSE(ledger.note({"k", 0, HoldState::held, {}, "s", {bad}}).has_value());
  }
  CHECK(ledger.entries().empty());
}

TEST_CASE("lines that make no sense are counted and left out, the others are kept") {
  const Folder folder;
  const std::string head = "systole ledger 1\nboot\tboot-1\nowner\t1\t2\n";
  folder.write("ledger", head + "entry\theld\t0\t0\t0\tkey\tscript\targ\n"
                                "entry\theld\t0\t0\t0\tkey\n"
                                "entry\tlost\t0\t0\t0\tkey\tscript\n"
                                "entry\theld\t-5\t0\t0\tkey\tscript\n"
                                "entry\theld\t0\t0\t70000\tkey\tscript\n"
                                "entry\theld\t0x1\t0\t0\tkey\tscript\n"
                                "entry\theld\t0\t0\t0\t\tscript\n"
                                "entry\theld\t0\t0\t0\tkey\tscr\x01pt\n"
                                "thing\theld\t0\t0\t0\tkey\tscript\n"
                                "\n"
                                "entry\tunknown\t0\t0\t1\tkey\tscript");
  Ledger ledger(folder / "ledger", "boot-1", {10, 20});
  CHECK(ledger.load().value() == 9);
  REQUIRE(ledger.entries().size() == 2);
  CHECK(ledger.entries()[0].arguments == std::vector<std::string>{"arg"});
  CHECK(ledger.entries()[1].state == HoldState::unknown);
}

TEST_CASE("a file that is no ledger is an error that names it, and holds nothing") {
  const Folder folder;
  for (const std::string content : {"", "something else\n", "systole ledger 1\n",
                                    "systole ledger 1\nboot\tboot-1\nowner\tx\ty\n",
                                    "systole ledger 2\nboot\tboot-1\nowner\t1\t2\n"}) {
    folder.write("ledger", content);
    Ledger ledger(folder / "ledger", "boot-1", {10, 20});
    const auto loaded = ledger.load();
    REQUIRE_FALSE(loaded.has_value());
    CHECK(loaded.error().text.find(folder / "ledger") != std::string::npos);
    CHECK(ledger.entries().empty());
  }
  Ledger none(folder / "none", "boot-1", {10, 20});
  CHECK(none.load().value() == 0);
}

TEST_CASE("the kernel's boot id is a word") {
  CHECK(hb::os::boot_id().size() == 36);
  CHECK(hb::os::boot_id().find('\n') == std::string::npos);
}
