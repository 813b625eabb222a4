// config_files_test: the configuration files on disk: missing, unreadable, odd, and how it is shown
#include "master/config_files.hpp"
#include "master/host_facts.hpp"
#include "tests/unit/config_samples.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

using namespace hb;
using namespace hb::master;
using hb::test::has;
using hb::test::shown;

namespace {

/// A folder of its own with a good configuration for this host.
class Folder {
 public:
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "config_files_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    write("nodeinfo", "Alpha\nignored\n");
    write("ha.cf", "logfile /l\nnode alpha beta\nauto_failback on\nbcast lo\n");
    write("authkeys", "auth 1\n1 sha1 x\n", 0600);
    write("haresources", "beta IPaddr2::10.0.0.1\n");
    write("resource.d/IPaddr2", "#!/bin/sh\n", 0755);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& file, std::string_view text, mode_t mode = 0644) const {
    std::filesystem::create_directories((std::filesystem::path{path} / file).parent_path());
    std::ofstream{path + "/" + file, std::ios::binary} << text;
    REQUIRE(::chmod((path + "/" + file).c_str(), mode) == 0);
  }
  void remove(const std::string& file) const { std::filesystem::remove(path + "/" + file); }

  std::string path;
};

std::string printed(const LoadedConfig& loaded) {
  std::FILE* out = std::tmpfile();
  REQUIRE(out != nullptr);
  print_findings(loaded, out);
  std::rewind(out);
  std::string text;
  std::array<char, 4096> block{};
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), out)) {
    text.append(block.data(), got);
  }
  std::fclose(out);
  return text;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a good folder loads without a word") {
  const Folder folder;
  const auto loaded = load_config(folder.path);
  INFO(shown(loaded.findings));
  CHECK(loaded.usable());
  CHECK(loaded.findings.empty());
  CHECK(loaded.config.node_name == "alpha");
  REQUIRE(loaded.groups.size() == 1);
  CHECK(loaded.groups[0].home == core::NodeId{1});
  CHECK(loaded.keys.active() == core::KeyId{1});
  CHECK(printed(loaded).empty());
}

TEST_CASE("nodeinfo counts only with its newline") {
  const Folder folder;
  CHECK(own_node_name(folder.path) == "alpha");
  folder.remove("nodeinfo");
  const std::string host = own_node_name(folder.path);
  CHECK(host != "alpha");
  folder.write("nodeinfo", "Alpha");
  CHECK(own_node_name(folder.path) == host);
  folder.write("nodeinfo", "\n");
  CHECK(own_node_name(folder.path) == host);
  folder.write("nodeinfo", "  Gamma \r\n");
  CHECK(own_node_name(folder.path) == "gamma");
}

TEST_CASE("a missing file is an error that says which, and 3.0.6's words") {
  struct Row {
    const char *file, *legacy, *closing;
  };
  for (const Row& row :
       {Row{"ha.cf", "ERROR: Cannot open config file [/etc/ha.d//ha.cf]",
            "ERROR: Heartbeat not started: configuration error."},
        Row{"authkeys", "ERROR: Cannot open keyfile [/etc/ha.d//authkeys].  Stop.",
            "ERROR: Authentication configuration error."},
        Row{"haresources", "ERROR: Cannot open resources file [/etc/ha.d//haresources]",
            "info: An annotated sample /etc/ha.d//haresources file is provided in the "
            "documentation."}}) {
    const Folder folder;
    folder.remove(row.file);
    const auto loaded = load_config(folder.path);
    CHECK_FALSE(loaded.usable());
    CHECK(loaded.os_error == ENOENT);
    const std::string text = printed(loaded);
    INFO(text);
    CHECK(contains(text, std::string{row.file} + ": error: cannot open " + folder.path));
    CHECK(contains(text, row.legacy));
    CHECK(contains(text, row.closing));
    CHECK(contains(text, "ERROR: Configuration error, heartbeat not started.\n"));
  }
}

TEST_CASE("the mode of authkeys decides as in 3.0.6") {
  for (const mode_t good : {0600U, 0400U, 0620U}) {
    const Folder folder;
    folder.write("authkeys", "auth 1\n1 sha1 x\n", good);
    CHECK(load_config(folder.path).usable());
    CHECK(load_config(folder.path).findings.empty() == (good != 0620));
  }
  for (const mode_t bad : {0640U, 0604U, 0644U, 0777U}) {
    const Folder folder;
    folder.write("authkeys", "auth 1\n1 sha1 x\n", bad);
    const auto loaded = load_config(folder.path);
    CHECK_FALSE(loaded.usable());
    CHECK(has(loaded.findings, "run: chmod 600 " + folder.path + "/authkeys"));
    CHECK(contains(printed(loaded),
                   "Bad permissions on keyfile [/etc/ha.d//authkeys], 600 recommended."));
    CHECK(has(load_keys(folder.path).findings, "lets others read the keys"));
  }
}

TEST_CASE("no regular file, or a huge one, is refused without waiting") {
  for (const char* file : {"ha.cf", "authkeys", "haresources"}) {
    const Folder folder;
    folder.remove(file);
    REQUIRE(::mkfifo((folder.path + "/" + file).c_str(), 0600) == 0);
    CHECK(has(load_config(folder.path).findings, "is not a regular file"));
    folder.remove(file);
    REQUIRE(::mkdir((folder.path + "/" + file).c_str(), 0700) == 0);
    CHECK(has(load_config(folder.path).findings, "is not a regular file"));
    folder.remove(file);
    folder.write(file, std::string((1 << 20) + 1, '\n'), 0600);
    CHECK(has(load_config(folder.path).findings, "is longer than 1048576 bytes"));
  }
  const Folder folder;
  folder.remove("nodeinfo");
  REQUIRE(::mkfifo((folder.path + "/nodeinfo").c_str(), 0600) == 0);
  CHECK_FALSE(own_node_name(folder.path).empty());
}

TEST_CASE("errors of all files are shown together") {
  const Folder folder;
  folder.write("ha.cf", "logfile /l\nnode alpha\nauto_failback on\nbcast lo nosuch0\n");
  folder.write("authkeys", "1 sha1 x\n", 0600);
  folder.write("haresources", "nobody x\n");
  const std::string text = printed(load_config(folder.path));
  INFO(text);
  CHECK(contains(text, "ha.cf:4:10: error: bcast nosuch0: no such interface; this host has lo"));
  CHECK(contains(text, "ERROR: glib: IP interface [nosuch0] does not exist\n"));
  CHECK(contains(text, "ERROR: Illegal bcast [UDP/IP broadcast] in config file [nosuch0]\n"));
  CHECK(contains(text, "authkeys: error: no line 'auth number'"));
  CHECK(contains(text, "haresources:1:1: error: nobody: is no node of ha.cf"));
  // Only if ha.cf does not tell the nodes, nothing can be said of haresources.
  folder.write("ha.cf", "logfile /l\nnode alpha " + std::string(200, 'x') + "\nbcast lo\n");
  CHECK_FALSE(contains(printed(load_config(folder.path)), "haresources"));
}

TEST_CASE("scripts that cannot be run are named once, with their place") {
  const Folder folder;
  folder.write("haresources", "# groups\nalpha Good::x Broken::1 \\\n  NoSuchScript1::a::b\n"
                              "beta NoSuchScript1::c OCF::heartbeat:NoSuchAgent::p=1 OCF "
                              "OCF::Folder/..::x IPaddr2::10.0.0.9\n");
  folder.write("resource.d/Good", "", 0755);
  folder.write("resource.d/Broken", "", 0644);
  const auto loaded = load_config(folder.path);
  std::vector<std::string> lines;
  for (const auto& finding : loaded.findings) lines.push_back(text_of(finding));
  INFO(shown(loaded.findings));
  CHECK(loaded.usable());
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == "haresources:2:15: warning: Broken::1: " + folder.path +
                        "/resource.d/Broken is not executable; run: chmod +x " + folder.path +
                        "/resource.d/Broken");
  CHECK(lines[1] == "haresources:3:3: warning: NoSuchScript1::a::b: no script NoSuchScript1 in " +
                        folder.path + "/resource.d or /etc/ha.d/resource.d or /etc/init.d; "
                        "install it, or correct the name");
  CHECK(lines[2].starts_with("haresources:4:23: warning: OCF::heartbeat:NoSuchAgent::p=1: unknown "
                             "OCF agent: there is no /usr/lib/ocf/resource.d/heartbeat/"));
  CHECK(contains(lines[3], "OCF: the agent's name is missing"));
  CHECK(contains(lines[4], "unknown OCF agent"));
  // A start after a crash looks at nothing that it does not need.
  CHECK(load_config(folder.path, Devices::may_be_away).findings.empty());
}

TEST_CASE("--check prints each finding once, and a verdict") {
  const auto checked = [](const Folder& folder) {
    std::FILE* out = std::tmpfile();
    REQUIRE(out != nullptr);
    print_check(load_config(folder.path), out);
    std::rewind(out);
    std::array<char, 4096> block{};
    const std::string text{block.data(), std::fread(block.data(), 1, block.size(), out)};
    std::fclose(out);
    return text;
  };
  const Folder folder;
  CHECK(checked(folder) == "0 errors, 0 warnings: heartbeat can start with this\n");
  folder.write("authkeys", "auth 1\n1 sha1 x\n", 0644);
  folder.write("resource.d/IPaddr2", "", 0644);
  const std::string text = checked(folder);
  INFO(text);
  CHECK(contains(text, "authkeys: error: mode 0644 lets others read the keys"));
  CHECK(contains(text, "haresources:1:6: warning: IPaddr2::10.0.0.1: "));
  CHECK(text.ends_with("1 errors, 1 warnings: heartbeat would not start with this\n"));
  CHECK_FALSE(contains(text, "heartbeat not started"));
}

TEST_CASE("haresources is left alone without the resource manager") {
  const Folder folder;
  folder.write("ha.cf", "logfile /l\nnode alpha\nbcast lo\npacemaker ccm-only\n");
  folder.write("haresources", "nobody x\n");
  const auto loaded = load_config(folder.path);
  INFO(shown(loaded.findings));
  CHECK(loaded.usable());
  CHECK(loaded.groups.empty());
  CHECK(has(loaded.findings, "not used"));
  folder.remove("haresources");
  CHECK(load_config(folder.path).usable());
  CHECK_FALSE(has(load_config(folder.path).findings, "not used"));
}

TEST_CASE("haresources.options is optional, and with an error in it nothing is used") {
  const Folder folder;
  folder.write("haresources.options", "resource IPaddr2::10.0.0.1 monitor 10s\n");
  const auto good = load_config(folder.path);
  INFO(shown(good.findings));
  REQUIRE(good.usable());
  CHECK(good.groups[0].resources[0].policy.monitor == std::chrono::seconds{10});
  folder.write("haresources.options", "\nresource IPaddr2::10.0.0.2 monitor 10s\n");
  const auto bad = load_config(folder.path);
  CHECK_FALSE(bad.usable());
  CHECK(contains(printed(bad), "haresources.options:2:10: error: IPaddr2::10.0.0.2: is no resource "
                               "of haresources, which has IPaddr2::10.0.0.1\n"));
  folder.remove("haresources.options");
  REQUIRE(::mkdir((folder.path + "/haresources.options").c_str(), 0700) == 0);
  CHECK_FALSE(load_config(folder.path).usable());
}

TEST_CASE("the words of 3.0.6 keep their levels") {
  const core::Finding finding{core::Severity::warning, "ha.cf", 3, 0, "text",
                              "first\ninfo: second\nERROR: third"};
  CHECK(text_of(finding) == "ha.cf:3: warning: text");
  const auto lines = legacy_lines(finding);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].level == core::LogLevel::warn);
  CHECK(lines[0].text == "first");
  CHECK(lines[1].level == core::LogLevel::info);
  CHECK(lines[1].text == "second");
  CHECK(lines[2].level == core::LogLevel::error);
}

TEST_CASE("facts of this host") {
  const auto facts = gather_host_facts("x");
  CHECK(std::find(facts.interfaces.begin(), facts.interfaces.end(), "lo") !=
        facts.interfaces.end());
  CHECK(facts.default_port != 0);
  CHECK(facts.lookup.is_executable("/bin/sh"));
  CHECK_FALSE(facts.lookup.is_executable("/etc/passwd"));
  CHECK_FALSE(facts.lookup.is_executable("/bin"));
  CHECK(facts.lookup.is_char_device("/dev/null"));
  CHECK_FALSE(facts.lookup.is_tty("/dev/null"));
  CHECK_FALSE(facts.lookup.is_tty("/dev/nosuch"));
  CHECK(facts.lookup.exists("/etc/passwd"));
  CHECK(facts.lookup.user_exists("root"));
  CHECK_FALSE(facts.lookup.user_exists("no such user"));
  CHECK(facts.lookup.group_exists("root"));
  CHECK(facts.lookup.resolves("127.0.0.1"));
  CHECK_FALSE(facts.lookup.knows_stonith("../../x"));
}
