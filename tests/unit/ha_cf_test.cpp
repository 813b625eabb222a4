// ha_cf_test: every directive of ha.cf, its defaults, its errors and their places
#include "tests/unit/config_samples.hpp"

using namespace hb::core;
using namespace hb::test;
using namespace std::chrono_literals;

namespace {

/// A file that is right but for `more`, which begins in line 5.
ParsedConfig with(std::string_view more) {
  const std::string text =
      "logfile /var/log/ha-log\nnode n1 n2\nauto_failback on\nbcast eth0\n" + std::string{more};
  auto parsed = parse_ha_cf(text, lab_host());
  check_places(parsed.findings, text);
  return parsed;
}

const std::string& parameter(const ParsedConfig& parsed, std::string_view name) {
  const auto found = parsed.config.parameters.find(name);
  REQUIRE_MESSAGE(found != parsed.config.parameters.end(), name);
  return found->second;
}

}  // namespace

TEST_CASE("each faulty sample gets its class and 3.0.6's wording") {
  const auto rows = samples_of("ha.cf");
  CHECK(rows.size() == 98);
  for (const Sample& sample : rows) {
    const std::string text = text_of_file(samples + sample.file);
    check_sample(sample, parse_ha_cf(text, lab_host()).findings, text);
  }
}

TEST_CASE("good samples are accepted, and warn only where they should") {
  struct Row {
    const char* folder;
    std::size_t warnings;
  };
  for (const Row& row : {Row{"two-node-ucast", 0}, Row{"two-node-bcast-serial", 0},
                         Row{"two-node-mcast", 0}, Row{"three-node-bcast", 0},
                         Row{"membership-only", 1},         // this node was added
                         Row{"two-node-legacy-stonith", 1}}) {  // legacy
    const auto parsed = parse_ha_cf(text_of_file(samples + row.folder + "/ha.cf"), lab_host());
    INFO(row.folder << "\n" << shown(parsed.findings));
    CHECK_FALSE(parsed.has_errors());
    CHECK(parsed.findings.size() == row.warnings);
    REQUIRE(parsed.config.self() != no_node);
    CHECK(parsed.config.nodes[parsed.config.self().value].name == "n1");
  }
}

TEST_CASE("a whole configuration is stored as written") {
  const auto parsed = parse_ha_cf(text_of_file(samples + "two-node-bcast-serial/ha.cf"),
                                  lab_host());
  const Config& config = parsed.config;
  CHECK(config.keepalive == 500ms);
  CHECK(config.warntime == 1500ms);
  CHECK(config.deadtime == 4s);
  CHECK(config.initdead == 20s);
  CHECK(config.deadping == 4s);
  CHECK(config.auto_failback == AutoFailback::off);
  CHECK(config.use_logd == false);
  REQUIRE(config.media.size() == 3);
  CHECK(config.media[0].type == MediumType::serial);
  CHECK(config.media[0].link_name() == "/dev/ttyS0");
  CHECK(config.media[0].baud == 19200);
  CHECK(config.media[1].type == MediumType::bcast);
  CHECK(config.media[1].link_name() == "eth0");
  CHECK(config.media[2].link_name() == "eth1");
  REQUIRE(config.nodes.size() == 2);
  CHECK(config.node("N2") == NodeId{1});
  CHECK_FALSE(config.node("n3"));
}

TEST_CASE("getparm's answers are those of 3.0.6 for a full file") {
  const std::string folder = samples + "parameters/";
  const auto parsed = parse_ha_cf(text_of_file(folder + "ha.cf"), lab_host());
  INFO(shown(parsed.findings));
  REQUIRE_FALSE(parsed.has_errors());
  std::istringstream lines{text_of_file(folder + "ANSWERS.tsv")};
  std::size_t asked = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    ++asked;
    std::istringstream cells{line};
    std::string name, code, value;
    std::getline(cells, name, '\t');
    std::getline(cells, code, '\t');
    std::getline(cells, value);
    INFO(name);
    if (name == "crm") name = "pacemaker";  // an alias of the query
    const auto found = parsed.config.parameters.find(name);
    const bool known = found != parsed.config.parameters.end();
    CHECK(known == (code == "0"));
    if (!known || name == "hbversion") continue;  // cl_status prints the sign-on's longer form
    CHECK(found->second == value);
  }
  CHECK(asked == 56);
}

TEST_CASE("defaults of getparm") {
  const auto parsed = with("");
  CHECK(parsed.findings.empty());
  struct Row {
    const char *name, *value;
  };
  for (const Row& row : {
           Row{"cluster", "linux-ha"}, {"hopfudge", "1"}, {"keepalive", "1000ms"},
           {"deadtime", "30000ms"}, {"warntime", "15000ms"}, {"initdead", "30000ms"},
           {"deadping", "30000ms"}, {"baud", "19200"}, {"udpport", "694"},
           {"auto_failback", "on"}, {"hbgenmethod", "file"}, {"realtime", "true"},
           {"msgfmt", "classic"}, {"conn_logd_time", "60"}, {"log_badpack", "true"},
           {"syslogmsgfmt", "true"}, {"coredumps", "true"}, {"pacemaker", "false"},
           {"autojoin", "none"}, {"uuidfrom", "file"}, {"compression", "zlib"},
           {"compression_threshold", "2"}, {"traditional_compression", "no"},
           {"max_rexmit_delay", "250"}, {"record_config_changes", "on"},
           {"record_pengine_inputs", "on"}, {"enable_config_writes", "on"},
           {"memreserve", "6500"}, {"debug", "0"}, {"hbversion", "3.0.6"}}) {
    CHECK_MESSAGE(parameter(parsed, row.name) == row.value, row.name);
  }
  for (const char* unset : {"node", "watchdog", "logfacility", "debugfile", "rtprio", "use_logd",
                            "coreroot", "crm_daemon_dir", "crmd_spawns_pengine", "quorum_server",
                            "bcast", "apiauth", "env", "nice_failback"}) {
    CHECK_MESSAGE(!parsed.config.parameters.contains(unset), unset);
  }
}

TEST_CASE("times that follow from deadtime") {
  struct Row {
    const char *deadtime, *initdead;
  };
  for (const Row& row : {Row{"11", "11000ms"}, Row{"10", "20000ms"}, Row{"6", "12000ms"},
                         Row{"5999ms", "12000ms"}, Row{"300ms", "12000ms"}}) {
    const auto parsed = with(std::string{"keepalive 100ms\ndeadtime "} + row.deadtime);
    INFO(row.deadtime << "\n" << shown(parsed.findings));
    CHECK(parsed.findings.empty());
    CHECK(parameter(parsed, "initdead") == row.initdead);
  }
  const auto parsed = with("keepalive 10ms\ndeadtime 30ms\nwarntime 20ms\ninitdead 15");
  CHECK(parsed.findings.empty());
  CHECK(parsed.config.deadtime == 30ms);
  CHECK(parsed.config.deadping == 30ms);
}

TEST_CASE("the cross checks of times") {
  CHECK(has(with("keepalive 1\ndeadtime 2").findings, "must be more than twice keepalive"));
  CHECK_FALSE(with("keepalive 1\ndeadtime 2001ms").has_errors());
  CHECK(has(with("deadtime 6\ninitdead 5999ms").findings, "is less than deadtime"));
  const auto short_initdead = with("deadtime 6\ninitdead 9");
  CHECK(only(short_initdead.findings).severity == Severity::warning);
  CHECK(short_initdead.findings[0].line == 6);
  CHECK(has(with("deadping 2").findings, "deadping 2000ms must be more than twice keepalive"));
  CHECK_FALSE(with("deadping 2001ms").has_errors());
  // 3.0.6 does not check it; we only say that it makes no sense
  CHECK(only(with("deadtime 6\nwarntime 20").findings).severity == Severity::warning);
  CHECK(with("deadtime 6\nwarntime 20").config.warntime == 20s);
}

TEST_CASE("an error names line, column, word and cure") {
  const auto parsed = parse_ha_cf("# comment\n\n  bcast eth0, eth7\n", lab_host());
  REQUIRE_FALSE(parsed.findings.empty());
  const Finding& first = parsed.findings.front();
  CHECK(first.file == "ha.cf");
  CHECK(first.line == 3);
  CHECK(first.column == 15);
  CHECK(first.text == "bcast eth7: no such interface; this host has lo, eth0, eth1");
}

TEST_CASE("one mistake is one finding") {
  for (const char* line : {"auto_failback maybe", "deadtime 60s\nkeepalive 20", "keepalive 0",
                           "logfacility LOCAL0\nuse_logd off", "bcast eth9", "initdead 1m",
                           "pacemaker maybe", "deadtime 6000 ms", "node " }) {
    INFO(line);
    const auto parsed = parse_ha_cf("node n1\nbcast eth0\nlogfile /l\nauto_failback on\n" +
                                        std::string{line} + "\n",
                                    lab_host());
    only(parsed.findings);
  }
  only(parse_ha_cf("node n1\nbcast eth0\nlogfile /l\nauto_failback maybe\n", lab_host())
           .findings);
  only(parse_ha_cf("node n1\nbcast eth9\nlogfile /l\nauto_failback on\n", lab_host()).findings);
  only(parse_ha_cf("node n1\nbcast eth0\nlogfacility x\nuse_logd no\nauto_failback on\n",
                   lab_host()).findings);
}

TEST_CASE("all findings of a file are reported, by line, those of the whole file last") {
  const auto parsed = parse_ha_cf("keepalive x\nfoo\ndeadtime 1\nkeepalive 5\n", lab_host());
  std::vector<std::size_t> lines;
  for (const auto& finding : parsed.findings) lines.push_back(finding.line);
  CHECK(lines == std::vector<std::size_t>{1, 2, 0, 0, 0, 0});  // medium, nodes, failback, log
}

TEST_CASE("words are split as in 3.0.6") {
  const auto parsed = parse_ha_cf(
      "\t logfile /l\r\n#c\nnode N1,n2 n3 # more\r\nauto_failback on\nbcast eth0,eth1\n"
      "respawn root /bin/a b, c  # d\nnode n4", lab_host());
  INFO(shown(parsed.findings));
  CHECK(parsed.findings.empty());
  CHECK(parsed.config.nodes.size() == 4);
  CHECK(parsed.config.nodes[0].name == "n1");
  CHECK(parsed.config.media.size() == 2);
  REQUIRE(parsed.config.clients.size() == 1);
  CHECK(parsed.config.clients[0].command == "/bin/a b, c");
}

TEST_CASE("the last value of a line wins, and it is said") {
  const auto parsed = with("keepalive 1 2 3");
  CHECK(parsed.config.keepalive == 3s);
  CHECK(parameter(parsed, "keepalive") == "3");
  CHECK(only(parsed.findings).severity == Severity::warning);
  CHECK(only(with("keepalive").findings).severity == Severity::warning);
  CHECK(with("keepalive").config.keepalive == 1s);
}

TEST_CASE("hostile lines are refused and harm nothing") {
  CHECK(has(with(std::string_view{"keepalive 1\0", 12}).findings, "control byte 0x00"));
  CHECK(has(with("node " + std::string(6000, 'x')).findings, "line of 6005 bytes"));
  CHECK_FALSE(with("# " + std::string(6000, 'x')).has_errors());
  CHECK(has(with("node " + std::string(100, 'x')).findings, "at most 99 bytes"));
  CHECK_FALSE(with("node " + std::string(99, 'x')).has_errors());
  const auto shown_safely = with("foo\x80\nkeepalive \x7f");
  CHECK(has(shown_safely.findings, "control byte 0x7f"));
}

TEST_CASE("a wrong directive gets a hint") {
  CHECK(has(with("Keepalive 1").findings, "did you mean 'keepalive'? (directives are lower case)"));
  CHECK(has(with("keepalvie 1").findings, "did you mean 'keepalive'?"));
  CHECK(has(with("keepalive=1").findings, "write a blank, not '='"));
  CHECK(has(with("qqqq 1").findings, "unknown directive"));
  for (const char* medium : {"hbaping a b", "rds eth0", "tipc eth0", "openais eth0"}) {
    CHECK_MESSAGE(has(with(medium).findings, "not supported"), medium);
    CHECK(with(medium).has_errors());
  }
}

TEST_CASE("auto_failback and its predecessor") {
  struct Row {
    const char* text;
    AutoFailback result;
    const char* parameter;
    std::size_t findings;
  };
  for (const Row& row : {
           Row{"auto_failback on\n", AutoFailback::on, "on", 0},
           Row{"auto_failback Off\n", AutoFailback::off, "Off", 0},
           Row{"auto_failback LEGACY\n", AutoFailback::legacy, "LEGACY", 1},
           Row{"", AutoFailback::legacy, "legacy", 1},
           Row{"nice_failback on\n", AutoFailback::legacy, "legacy", 1},
           Row{"nice_failback off\n", AutoFailback::legacy, "legacy", 1},
           Row{"auto_failback on\nnice_failback on\n", AutoFailback::off, "off", 1},
           Row{"auto_failback on\nnice_failback off\n", AutoFailback::off, "off", 1},
           Row{"nice_failback on\nauto_failback on\n", AutoFailback::on, "on", 1}}) {
    const auto parsed = parse_ha_cf(
        "logfile /l\nnode n1 n2\nbcast eth0\n" + std::string{row.text}, lab_host());
    INFO(row.text << shown(parsed.findings));
    CHECK(parsed.config.auto_failback == row.result);
    CHECK(parameter(parsed, "auto_failback") == row.parameter);
    CHECK(parsed.findings.size() == row.findings);
    CHECK_FALSE(parsed.has_errors());
  }
}

TEST_CASE("a type of medium keeps the port of its first line") {
  const auto parsed = parse_ha_cf(
      "logfile /l\nnode n1 n2\nauto_failback on\nucast eth0 10.77.0.2\nudpport 700\nbcast eth1\n"
      "ucast eth1 10.77.1.2\nmcast eth0 239.1.1.1 800 1 1\n", lab_host());
  REQUIRE(parsed.config.media.size() == 4);
  CHECK(parsed.config.media[0].port == 694);
  CHECK(parsed.config.media[1].port == 700);
  CHECK(parsed.config.media[2].port == 694);
  CHECK(parsed.config.media[3].port == 800);
  CHECK(parsed.config.media[3].loop);
  CHECK(parameter(parsed, "udpport") == "700");
  CHECK(only(parsed.findings).line == 7);

  auto host = lab_host();
  host.default_port = 1694;
  const auto other = parse_ha_cf("logfile /l\nnode n1\nauto_failback on\nbcast eth0\n", host);
  CHECK(other.config.media[0].port == 1694);
  CHECK(parameter(other, "udpport") == "1694");
  CHECK(with("udpport 65536").has_errors());
}

TEST_CASE("media of every type") {
  const auto parsed = with(
      "mcast6 eth1 ff05::694 694 -1 0\nucast6 eth1 fe80::2\nping 10.77.0.254 Router\n"
      "ping6 2001:db8::1\nping_group Gate 10.0.0.1 nosuchhost 10.0.0.2\nserial /dev/ttyS1\n"
      "baud 9600\n");
  INFO(shown(parsed.findings));
  CHECK_FALSE(parsed.has_errors());
  const auto& media = parsed.config.media;
  REQUIRE(media.size() == 8);
  CHECK(media[1].type == MediumType::mcast6);
  CHECK(media[1].ttl == -1);
  CHECK(media[1].line == 5);
  CHECK(media[2].address == "fe80::2");
  CHECK(media[2].link_name() == "eth1");
  CHECK(media[3].link_name() == "10.77.0.254");
  CHECK(media[4].link_name() == "Router");
  CHECK(media[5].type == MediumType::ping6);
  CHECK(media[6].link_name() == "Gate");
  CHECK(media[6].hosts == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
  CHECK(media[7].baud == 19200);  // baud stands too late
  const auto& nodes = parsed.config.nodes;
  REQUIRE(nodes.size() == 6);
  CHECK(nodes[3].name == "Router");
  CHECK(nodes[3].type == NodeType::ping);
  CHECK(nodes[5].name == "Gate");
  CHECK(parsed.findings.size() == 2);  // nosuchhost, baud
  for (MediumType type : {MediumType::bcast, MediumType::ping_group}) {
    CHECK(name_of(type) == (type == MediumType::bcast ? "bcast" : "ping_group"));
  }
}

TEST_CASE("every line of a medium without arguments is a clean error") {
  // 3.0.6 crashes on two of them
  for (const char* line : {"ucast", "mcast", "ucast6", "mcast6", "ping_group"}) {
    CHECK_MESSAGE(class_of(with(line).findings) == "error", line);
  }
  const auto junk = with("mcast eth1 225.0.0.1 694x 1 0 more");
  CHECK(junk.findings.size() == 2);
  CHECK(junk.config.media.back().port == 694);
  CHECK(with("mcast eth1 225.0.0.1 70000 1 0").has_errors());
  CHECK(with("baud 9600 9600").has_errors());
  CHECK(with("watchdog /dev/a /dev/b").has_errors());
}

TEST_CASE("limits of media and nodes") {
  std::string lines;
  for (int i = 0; i < 63; ++i) lines += "ucast eth0 10.0.0.1\n";
  CHECK_FALSE(with(lines).has_errors());
  const auto full = with(lines + "ucast eth0 10.0.0.1\n");
  CHECK(has(full.findings, "at most 64 media"));
  CHECK(full.config.media.size() == 64);

  std::string nodes;
  for (int i = 0; i < 98; ++i) nodes += " x" + std::to_string(i);
  CHECK_FALSE(with("node" + nodes).has_errors());
  CHECK(has(with("node" + nodes + " y").findings, "at most 100 nodes"));
  CHECK(has(with("node" + nodes + "\nping 10.0.0.9").findings, "at most 100 nodes"));
  CHECK(only(with("node n2").findings).severity == Severity::warning);
  CHECK(with("node n2").config.nodes.size() == 2);
  CHECK(has(with("ping n2").findings, "is a node already"));
  const auto twice = with("ping r\nping r\nping_group r 10.0.0.1");
  CHECK(twice.findings.size() == 2);
  CHECK_FALSE(twice.has_errors());
  CHECK(twice.config.nodes.size() == 3);
  CHECK(twice.config.media.size() == 2);
  CHECK(has(with("ping r\nnode R").findings, "is a ping node already"));
}

TEST_CASE("who we are") {
  auto host = lab_host();
  host.node_name = "N9";
  const std::string_view file = "logfile /l\nnode n1\nauto_failback on\nbcast eth0\n";
  CHECK(has(parse_ha_cf(file, host).findings, "this node, n9, is in no node line"));
  host.node_name = "";
  CHECK(parse_ha_cf(file, host).has_errors());
  host.node_name = "n9";
  const auto joined =
      parse_ha_cf("logfile /l\nbcast eth0\nautojoin any\npacemaker ccm-only\n", host);
  CHECK_FALSE(joined.has_errors());
  CHECK(joined.config.self() == NodeId{0});
  CHECK_FALSE(joined.config.manages_resources);
  CHECK(joined.config.pacemaker == "ccm-only");
  host.node_name = "router";
  CHECK(has(parse_ha_cf(std::string{file} + "ping router\n", host).findings,
            "listed as a ping node"));
}

TEST_CASE("clients, authorizations and environment") {
  const auto parsed = with(
      "respawn hacluster /usr/libexec/heartbeat/ipfail\nfailfast root /sbin/x -a\n"
      "apiauth default uid=root,0 gid=haclient\napiauth ipfail uid=root\napiauth empty uid=\n"
      "env FOO=bar,STOPRETRYMAX=2 FOO=baz LONE\n");
  INFO(shown(parsed.findings));
  CHECK_FALSE(parsed.has_errors());
  CHECK(parsed.findings.size() == 2);  // the empty list, LONE
  const Config& config = parsed.config;
  REQUIRE(config.clients.size() == 2);
  CHECK(config.clients[0].user == "hacluster");
  CHECK_FALSE(config.clients[0].failfast);
  CHECK(config.clients[1].command == "/sbin/x -a");
  CHECK(config.clients[1].failfast);
  std::string names;
  for (const auto& entry : config.api_auth) names += entry.client + " ";
  CHECK(names == "default ipfail empty ccm ping lha-snmpagent anon ");
  CHECK(config.api_auth[0].users == std::vector<std::string>{"root", "0"});
  CHECK(config.api_auth[0].groups == std::vector<std::string>{"haclient"});
  CHECK(config.api_auth[1].users == std::vector<std::string>{"root"});
  using Variables = std::vector<std::pair<std::string, std::string>>;
  CHECK(config.environment == Variables{{"FOO", "baz"}, {"STOPRETRYMAX", "2"}, {"LONE", ""}});
}

TEST_CASE("logging, process and policy settings") {
  const auto parsed = with(
      "debugfile /dev/null\nlogfacility local3\nsyslogmsgfmt off\ndebug 2\nlog_badpack no\n"
      "realtime n\nrtprio 50\nmemreserve 100\nwatchdog /dev/watchdog\ncoredumps 0\n"
      "coreroot /tmp\ncompression bz2\ncompression_threshold 8\ntraditional_compression yes\n"
      "msgfmt netstring\nuuidfrom nodename\nhbgenmethod time\nhopfudge 3\nmax_rexmit_delay 100\n"
      "cluster c1\nquorum_server q\nconn_logd_time 5\n");
  INFO(shown(parsed.findings));
  CHECK(parsed.findings.empty());
  const Config& config = parsed.config;
  CHECK(config.logfile == "/var/log/ha-log");
  CHECK(config.debugfile.empty());
  CHECK(parameter(parsed, "debugfile") == "/dev/null");
  CHECK(config.logfacility == 19 * 8);
  CHECK_FALSE(config.syslogmsgfmt);
  CHECK(config.debug == 2);
  CHECK_FALSE(config.log_badpack);
  CHECK_FALSE(config.realtime);
  CHECK(config.rtprio == 50);
  CHECK(config.memreserve_kib == 100);
  CHECK(config.watchdog == "/dev/watchdog");
  CHECK_FALSE(config.coredumps);
  CHECK(config.coreroot == "/tmp");
  CHECK(config.compression == Compression::bz2);
  CHECK(config.compression_threshold == 8192);
  CHECK(config.traditional_compression);
  CHECK(config.msgfmt == MessageFormat::netstring);
  CHECK(config.uuidfrom == UuidFrom::nodename);
  CHECK(config.hbgenmethod == GenerationMethod::time);
  CHECK(config.hopfudge == 3);
  CHECK(config.max_rexmit_delay == 100ms);
  CHECK(parameter(parsed, "cluster") == "c1");
}

TEST_CASE("where nothing says where to log") {
  const std::string_view file = "node n1\nauto_failback on\nbcast eth0\n";
  const auto nowhere = parse_ha_cf(file, lab_host());
  CHECK(nowhere.config.use_logd == true);
  CHECK(nowhere.config.logfacility == 24);  // ours: never without a trace
  CHECK(only(nowhere.findings).severity == Severity::warning);
  CHECK_FALSE(nowhere.config.parameters.contains("logfacility"));
  const auto facility = parse_ha_cf(std::string{file} + "logfacility daemon\n", lab_host());
  CHECK_FALSE(facility.config.use_logd);
  CHECK(facility.config.logfacility == 24);
  CHECK(parameter(facility, "logfile") == "/dev/null");
  CHECK(parameter(facility, "debugfile") == "/dev/null");
  CHECK(facility.config.logfile.empty());
  CHECK_FALSE(parse_ha_cf(std::string{file} + "logfacility none\n", lab_host())
                  .config.logfacility);
}

TEST_CASE("fencing lines: ours count, others' are not looked at, the last one is kept") {
  const auto parsed = with(
      "stonith_host n2 foo\nstonith_host N1 null n1 n2\nstonith_host * ssh a  b\n");
  INFO(shown(parsed.findings));
  CHECK_FALSE(parsed.has_errors());
  REQUIRE(parsed.config.stonith.size() == 1);
  CHECK(parsed.config.stonith[0].host == "*");
  CHECK(parsed.config.stonith[0].type == "ssh");
  CHECK(parsed.config.stonith[0].parameters == "a  b");
  CHECK(with("fence_agent n1 fence_x a=1\nfence_agent * /opt/fence_y\nfence_timeout 20\n"
             "fence_delay n1 5").config.fence_agents.size() == 2);
  const auto agents = with("fence_agent N1 fence_x a=1 b=2\nfence_delay n1 5\n").config;
  CHECK(agents.fence_agents[0].node == "n1");
  CHECK(agents.fence_agents[0].program == "/usr/sbin/fence_x");
  CHECK(agents.fence_agents[0].parameters == std::vector<std::string>{"a=1", "b=2"});
  CHECK(agents.fence_delays[0].second == 5s);
  for (const char* bad : {"fence_agent n1", "fence_agent n1 ../x", "fence_agent n1 fence_x =1",
                          "fence_agent n1 fence_x a", "fence_timeout 0", "fence_timeout x",
                          "fence_delay n1", "fence_delay n1 x"}) {
    CAPTURE(bad);
    CHECK(with(bad).has_errors());
  }
  CHECK(with("stonith null").has_errors());
  CHECK(with("stonith null /dev/nonexist").has_errors());
  CHECK(with("stonith null /etc/x").config.stonith.size() == 1);
}
