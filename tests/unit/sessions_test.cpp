// sessions_test: sign-on, filters, queries and messages of the client API
#include "core/sessions.hpp"

#include "core/version.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>

namespace {

using namespace hb::core;

constexpr std::uint32_t hacluster = 102, haclient = 105, nobody = 65534;
/// The one number that no process has in these tests.
constexpr std::uint32_t missing_pid = 4242;

std::unique_ptr<Snapshot> two_nodes() {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->node_count = 3;
  snapshot->link_count = 5;
  snapshot->self = NodeId{1};
  snapshot->holding = Holding::local;
  const auto node = [&](std::size_t i, std::string_view name, NodeType type, NodeStatus status) {
    snapshot->nodes[i].name.assign(name);
    snapshot->nodes[i].type = type;
    snapshot->nodes[i].status = status;
  };
  node(0, "10.77.0.2", NodeType::ping, NodeStatus::ping);
  node(1, "n1", NodeType::normal, NodeStatus::active);
  node(2, "n2", NodeType::normal, NodeStatus::active);
  snapshot->nodes[1].uuid.bytes.fill(std::byte{0x11});
  snapshot->nodes[2].uuid.bytes.fill(std::byte{0x22});
  snapshot->nodes[2].weight = 70;
  snapshot->nodes[2].site.assign("cellar");
  const auto link = [&](std::size_t i, std::string_view name, MediumType type) {
    snapshot->links[i].name.assign(name);
    snapshot->links[i].type = type;
  };
  link(0, "10.77.0.2", MediumType::ping);
  link(1, "eth0", MediumType::ucast);
  link(2, "eth0", MediumType::ucast);  // a second medium of one name
  link(3, "eth1", MediumType::bcast);
  link(4, "10.77.0.9", MediumType::ping);
  snapshot->link_status[0][0] = LinkStatus::up;
  for (const std::size_t i : {1U, 2U, 3U}) {
    snapshot->link_status[1][i] = LinkStatus::dead;
    snapshot->link_status[2][i] = LinkStatus::up;
  }
  snapshot->link_status[2][2] = LinkStatus::dead;
  return snapshot;
}

ApiConfig ha_cf() {
  ApiConfig config;
  config.node_name = "n1";
  config.deadtime = std::chrono::milliseconds{6000};
  config.keepalive = std::chrono::milliseconds{1000};
  config.logfacility = 128;
  config.entries = {{"ipfail", {hacluster}, {}},
                    {"anon", {0}, {haclient}},
                    {"ping", {}, {haclient}}};
  config.parameters = {{"keepalive", "500ms"}, {"pacemaker", "false"}};
  return config;
}

std::string text_of(const Message& message) {
  std::string lines;
  append_text_fields(message, lines);
  for (char& c : lines)
    if (c == '\n') c = '|';
  return lines;
}

/// A daemon with clients that send bodies; what it says to each is kept.
class Lab {
 public:
  Lab() : sessions([](std::uint32_t pid) { return pid != missing_pid; }, hacluster) {
    sessions.configure(ha_cf());
  }

  ClientId connect(ApiPeer peer) {
    const ClientId client{++last_};
    sessions.opened(client, peer);
    peers_[client] = peer;
    return client;
  }

  Sessions::Taken send_text(ClientId client, std::string_view lines) {
    std::string body = ">>>\n";
    body.append(lines).append("<<<\n").push_back('\0');
    return sessions.receive(client, as_bytes(body), *snapshot, out);
  }
  Sessions::Taken request(ClientId client, std::string_view type, std::string_view more = "") {
    return send_text(client, "t=hbapi-req\nreqtype=" + std::string(type) + "\npid=" +
                                 std::to_string(peers_[client].pid) + "\n" + std::string(more));
  }
  Sessions::Taken sign_on(ClientId client, std::string_view name = "") {
    const ApiPeer& peer = peers_[client];
    std::string more =
        "uid=" + std::to_string(peer.uid) + "\ngid=" + std::to_string(peer.gid) + "\n";
    more += "from_id=" + (name.empty() ? std::to_string(peer.pid) : std::string(name)) + "\n";
    return request(client, "signon", more);
  }
  ClientId casual() {
    const ClientId client = connect({++pid_, 0, 0});
    CHECK(sign_on(client) == Sessions::Taken::yes);
    out.clear();
    return client;
  }
  ClientId named(std::string_view name = "ipfail") {
    const ClientId client = connect({++pid_, hacluster, haclient});
    CHECK(sign_on(client, name) == Sessions::Taken::yes);
    sessions.announced(client, 7, out);
    out.clear();
    return client;
  }

  /// Everything of one kind since the last call of take() on anything.
  template <class Kind>
  std::vector<Kind> all() const {
    std::vector<Kind> found;
    for (const SessionOutput& output : out)
      if (const auto* kind = std::get_if<Kind>(&output)) found.push_back(*kind);
    return found;
  }
  /// The bodies for one client as "a=b|c=d|", and forgets all outputs.
  std::vector<std::string> heard(ClientId client) {
    std::vector<std::string> texts;
    for (const ClientDeliver& deliver : all<ClientDeliver>()) {
      if (deliver.client != client) continue;
      Message message;
      REQUIRE(decode(as_bytes(deliver.body), message).has_value());
      texts.push_back(text_of(message));
    }
    out.clear();
    return texts;
  }
  std::string answer_to(ClientId client, std::string_view type, std::string_view more = "") {
    CHECK(request(client, type, more) == Sessions::Taken::yes);
    const auto texts = heard(client);
    return texts.size() == 1 ? texts[0] : std::to_string(texts.size()) + " replies";
  }

  Sessions sessions;
  std::unique_ptr<Snapshot> snapshot = two_nodes();
  SessionOutputs out;

 private:
  std::uint64_t last_ = 0;
  std::uint32_t pid_ = 1000;
  std::map<ClientId, ApiPeer> peers_;
};

const std::string facts = "deadtime=1770|keepalive=3e8|node=n1|hbversion=" +
                          std::string(full_version) + "|pacemaker=false|logfacility=128|";

}  // namespace

TEST_CASE("a casual client signs on and learns the daemon's facts") {
  Lab lab;
  const ClientId client = lab.connect({77, 0, 0});
  CHECK(lab.sign_on(client) == Sessions::Taken::yes);
  CHECK(lab.all<NamedJoin>().empty());
  const auto heard = lab.heard(client);
  REQUIRE(heard.size() == 1);
  CHECK(heard[0] == "t=hbapi-resp|reqtype=signon|result=OK|" + facts);
  CHECK(lab.sessions.id_of(client) == "77");
}

TEST_CASE("a sign-on without from_id is a casual one") {
  Lab lab;
  const ClientId client = lab.connect({77, 0, 0});
  CHECK(lab.request(client, "signon", "uid=0\ngid=0\n") == Sessions::Taken::yes);
  CHECK(lab.sessions.id_of(client) == "77");
}

TEST_CASE("a named client's sign-on is answered after its announcement, its own join first") {
  Lab lab;
  const ClientId client = lab.connect({77, hacluster, haclient});
  CHECK(lab.sign_on(client, "ipfail") == Sessions::Taken::yes);
  const auto joins = lab.all<NamedJoin>();
  REQUIRE(joins.size() == 1);
  CHECK(joins[0].name == "ipfail");
  CHECK(joins[0].peer.pid == 77);
  CHECK(lab.heard(client).empty());

  SUBCASE("the join comes, then the reply") {
    lab.sessions.event(api_class::ordinary, "ipfail",
                       as_bytes(std::string_view{">>>\nt=hbapi-clstat\nst=join\n<<<\n"}), lab.out);
    lab.sessions.announced(client, 3, lab.out);
    const auto heard = lab.heard(client);
    REQUIRE(heard.size() == 2);
    CHECK(heard[0] == "t=hbapi-clstat|st=join|");
    CHECK(heard[1].starts_with("t=hbapi-resp|reqtype=signon|result=OK|"));
  }
  SUBCASE("what it sends meanwhile waits and is offered again") {
    CHECK(lab.request(client, "getrsc") == Sessions::Taken::hold);
    lab.sessions.announced(client, 3, lab.out);
    REQUIRE(lab.all<ClientResume>().size() == 1);
    lab.out.clear();
    CHECK(lab.answer_to(client, "getrsc") ==
          "t=hbapi-resp|reqtype=getrsc|rsc_hold=local|result=OK|");
  }
  SUBCASE("it leaves before the announcement: the cluster hears of the leave, nobody answers") {
    lab.sessions.closed(client, "EOF", lab.out);
    const auto leaves = lab.all<NamedLeave>();
    REQUIRE(leaves.size() == 1);
    CHECK(leaves[0].info == "EOF");
    lab.out.clear();
    lab.sessions.announced(client, 3, lab.out);
    CHECK(lab.out.empty());
  }
}

TEST_CASE("sign-on is refused for the reasons of the specification, in their order") {
  struct Row {
    const char* what;
    ApiPeer peer;
    std::string fields, info;
  };
  const std::vector<Row> rows{
      {"no pid", {77, 0, 0}, "from_id=77\nuid=0\ngid=0\n", "bad pid"},
      {"pid 0", {77, 0, 0}, "from_id=77\npid=0\nuid=0\ngid=0\n", "bad pid"},
      {"negative pid", {77, 0, 0}, "from_id=77\npid=-1\nuid=0\ngid=0\n", "bad pid"},
      {"huge pid", {77, 0, 0}, "from_id=77\npid=99999999999999999999\nuid=0\ngid=0\n", "bad pid"},
      {"no such process", {77, 0, 0}, "from_id=4242\npid=4242\nuid=0\ngid=0\n", "bad pid"},
      {"no uid", {77, 0, 0}, "from_id=77\npid=77\ngid=0\n", "invalid id info"},
      {"uid not decimal", {77, 0, 0}, "from_id=77\npid=77\nuid=root\ngid=0\n", "invalid id info"},
      {"other uid", {77, nobody, nobody}, "from_id=77\npid=77\nuid=0\ngid=0\n",
       "incorrect/false credentials"},
      {"other gid", {77, 0, 0}, "from_id=77\npid=77\nuid=0\ngid=105\n",
       "incorrect/false credentials"},
      {"unlisted name, even for root", {77, 0, 0}, "from_id=mgmtd\npid=77\nuid=0\ngid=0\n",
       "no default client auth"},
      {"root as ipfail", {77, 0, 0}, "from_id=ipfail\npid=77\nuid=0\ngid=0\n",
       "client failed authorization"},
      {"a stranger", {77, nobody, nobody}, "from_id=77\npid=77\nuid=65534\ngid=65534\n",
       "client failed authorization"},
      {"another process's pid", {77, 0, 0}, "from_id=78\npid=78\nuid=0\ngid=0\n", "pid mismatch"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Lab lab;
    const ClientId client = lab.connect(row.peer);
    CHECK(lab.send_text(client, "t=hbapi-req\nreqtype=signon\n" + row.fields) ==
          Sessions::Taken::yes);
    CHECK(lab.all<NamedJoin>().empty());
    CHECK(lab.all<NamedLeave>().empty());  // the old quirk of announcing a leave is not copied
    REQUIRE(lab.all<ClientClose>().size() == 1);
    CHECK(lab.sessions.size() == 0);
    const auto heard = lab.heard(client);
    REQUIRE(heard.size() == 1);
    CHECK(heard[0] == "t=hbapi-resp|reqtype=signon|info=" + row.info + "|result=badreq|" + facts);
    CHECK(lab.sessions.counters().refused == 1);
  }
}

TEST_CASE("uid or gid authorizes, and default stands in for an unlisted name") {
  Lab lab;
  const ClientId by_group = lab.connect({77, nobody, haclient});
  CHECK(lab.sign_on(by_group) == Sessions::Taken::yes);
  CHECK(lab.sessions.is_signed_on(by_group));
  ApiConfig config = ha_cf();
  config.entries.push_back({"default", {0}, {}});
  lab.sessions.configure(config);
  lab.out.clear();
  const ClientId unlisted = lab.connect({78, 0, 0});
  CHECK(lab.sign_on(unlisted, "mgmtd") == Sessions::Taken::yes);
  CHECK(lab.all<NamedJoin>().size() == 1);
}

TEST_CASE("without an anon entry casual clients are refused with its name") {
  Lab lab;
  lab.sessions.configure(ApiConfig{});
  const ClientId client = lab.connect({77, 0, 0});
  CHECK(lab.sign_on(client) == Sessions::Taken::yes);
  CHECK(lab.heard(client).at(0).find("info=apiauth anon missing|") != std::string::npos);
}

TEST_CASE("two clients cannot have one id, and an id is free again after its owner left") {
  Lab lab;
  const ClientId first = lab.named();
  const ClientId second = lab.connect({88, hacluster, haclient});
  CHECK(lab.sign_on(second, "ipfail") == Sessions::Taken::yes);
  CHECK(lab.heard(second).at(0).find("info=duplicate add request|") != std::string::npos);
  lab.sessions.closed(first, "EOF", lab.out);
  const ClientId third = lab.connect({89, hacluster, haclient});
  lab.out.clear();
  CHECK(lab.sign_on(third, "ipfail") == Sessions::Taken::yes);
  CHECK(lab.all<NamedJoin>().size() == 1);
}

TEST_CASE("ids that would be unsafe elsewhere are refused") {
  ApiConfig config = ha_cf();
  config.entries.push_back({"default", {0}, {}});
  const std::vector<std::string> unsafe{std::string(32, 'x'), "two words", "\x7f"};
  for (const std::string& id : unsafe) {
    Lab lab;
    lab.sessions.configure(config);
    const ClientId client = lab.connect({77, 0, 0});
    CHECK(lab.sign_on(client, id) == Sessions::Taken::yes);
    CHECK(lab.heard(client).at(0).find("info=bad client id|") != std::string::npos);
  }
}

TEST_CASE("what comes before the sign-on is passed over, a second sign-on is refused") {
  Lab lab;
  const ClientId client = lab.connect({77, 0, 0});
  CHECK(lab.request(client, "getrsc") == Sessions::Taken::yes);
  CHECK(lab.out.empty());
  CHECK(lab.sign_on(client) == Sessions::Taken::yes);
  CHECK(lab.heard(client).size() == 1);
  CHECK(lab.answer_to(client, "signon", "uid=0\ngid=0\n") ==
        "t=hbapi-resp|reqtype=signon|result=badreq|");
  CHECK(lab.sessions.is_signed_on(client));
}

TEST_CASE("a request must name its own client by pid or id") {
  Lab lab;
  const ClientId client = lab.named();
  CHECK(lab.send_text(client, "t=hbapi-req\nreqtype=getrsc\npid=1\n") == Sessions::Taken::yes);
  CHECK(lab.send_text(client, "t=hbapi-req\nreqtype=getrsc\n") == Sessions::Taken::yes);
  CHECK(lab.out.empty());
  CHECK(lab.send_text(client, "t=hbapi-req\nreqtype=getrsc\nfrom_id=ipfail\n") ==
        Sessions::Taken::yes);
  CHECK(lab.heard(client).size() == 1);
}

TEST_CASE("queries are answered from the snapshot as the specification's table says") {
  Lab lab;
  const ClientId client = lab.casual();
  struct Row {
    const char *type, *more, *answer;
  };
  const Row rows[] = {
      {"nodestatus", "node=n2\n", "st=active|result=OK|"},
      {"nodestatus", "node=N2\n", "st=active|result=OK|"},
      {"nodestatus", "node=10.77.0.2\n", "st=ping|result=OK|"},
      {"nodestatus", "node=nosuch\n", "result=badreq|info=EINVAL|"},
      {"nodestatus", "", "result=badreq|info=EINVAL|"},
      {"nodetype", "node=n2\n", "nodetype=normal|result=OK|"},
      {"nodetype", "node=10.77.0.2\n", "nodetype=ping|result=OK|"},
      {"nodetype", "", "result=badreq|info=EINVAL|"},
      {"nodeweight", "node=n1\n", "weight=100|result=OK|"},
      {"nodeweight", "node=n2\n", "weight=70|result=OK|"},
      {"nodeweight", "node=x\n", "result=badreq|info=EINVAL|"},
      {"nodesite", "node=n1\n", "site=|result=OK|"},
      {"nodesite", "node=n2\n", "site=cellar|result=OK|"},
      {"nodesite", "node=x\n", "result=badreq|info=EINVAL|"},
      {"numnodes", "", "numnodes=2|result=OK|"},
      {"ifstatus", "node=n2\nifname=eth0\n", "st=up|result=OK|"},
      {"ifstatus", "node=n1\nifname=eth0\n", "st=dead|result=OK|"},
      {"ifstatus", "node=n2\nifname=eth9\n", "result=badreq|info=EINVAL|"},
      {"ifstatus", "node=10.77.0.2\nifname=eth0\n", "result=badreq|info=EINVAL|"},
      {"ifstatus", "node=n2\n", "result=badreq|info=EINVAL|"},
      {"getparm", "pname=keepalive\n", "pvalue=500ms|result=OK|"},
      {"getparm", "pname=crm\n", "pvalue=false|result=OK|"},
      {"getparm", "pname=hbversion\n", "pvalue=3.0.6|result=OK|"},
      {"getparm", "pname=nosuch\n", "result=OK|"},
      {"getparm", "", "result=badreq|info=EINVAL|"},
      {"getrsc", "", "rsc_hold=local|result=OK|"},
      {"getuuid", "queryname=n2\n", "(1)queryuuid=IiIiIiIiIiIiIiIiIiIiIg==|result=OK|"},
      {"getuuid", "queryname=10.77.0.2\n", "(1)queryuuid=AAAAAAAAAAAAAAAAAAAAAA==|result=OK|"},
      {"getuuid", "queryname=x\n", "result=OK|"},
      {"getuuid", "", "result=badreq|info=no query node name found|"},
      {"getnodename", "(1)queryuuid=IiIiIiIiIiIiIiIiIiIiIg==\n", "queryname=n2|result=OK|"},
      {"getnodename", "(1)queryuuid=AAAAAAAAAAAAAAAAAAAAAA==\n", "result=OK|"},
      {"getnodename", "queryuuid=IiIiIiIiIiIiIiIiIiIiIg==\n",
       "result=badreq|info=no query node name found|"},
      {"clientstatus", "node=n1\ncn=ipfail\n", "subt=respond-cstatus|cs=offline|result=OK|"},
      {"clientstatus", "node=10.77.0.2\ncn=ipfail\n", "subt=respond-cstatus|cs=offline|result=OK|"},
      {"clientstatus", "node=nosuch\ncn=ipfail\n", "result=badreq|info=EINVAL|"},
      {"clientstatus", "node=n1\n", "result=badreq|info=EINVAL|"},
      {"setfilter", "fmask=1\n", "result=OK|"},
      {"setfilter", "fmask=3f\n", "result=OK|"},
      {"setfilter", "fmask=40\n", "result=badreq|info=EINVAL|"},
      {"setfilter", "", "result=badreq|info=EINVAL|"},
      {"setsignal", "signal=0\n", "result=OK|"},
      {"setsignal", "signal=31\n", "result=OK|"},
      {"setsignal", "signal=9\n", "result=badreq|info=EINVAL|"},
      {"setsignal", "signal=19\n", "result=badreq|info=EINVAL|"},
      {"setsignal", "signal=32\n", "result=badreq|info=EINVAL|"},
      {"setsignal", "signal=-1\n", "result=badreq|info=EINVAL|"},
      {"setsignal", "signal=x\n", "result=badreq|"},
      {"setsignal", "signal=\n", "result=badreq|"},
      {"setsignal", "", "result=badreq|info=EINVAL|"},
      {"nodelist-end", "", "result=badreq|"},
      {"", "", "result=badreq|"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.type);
    CAPTURE(row.more);
    CHECK(lab.answer_to(client, row.type, row.more) ==
          "t=hbapi-resp|reqtype=" + std::string(row.type) + "|" + row.answer);
  }
}

TEST_CASE("lists come in the order of ha.cf, the last element marked, each link once") {
  Lab lab;
  const ClientId client = lab.casual();
  const std::string node = "t=hbapi-resp|reqtype=nodelist|node=";
  CHECK(lab.request(client, "nodelist") == Sessions::Taken::yes);
  CHECK(lab.heard(client) ==
        std::vector<std::string>{node + "10.77.0.2|nodetype=ping|st=ping|result=ok/more|",
                                 node + "n1|nodetype=normal|st=active|result=ok/more|",
                                 node + "n2|nodetype=normal|st=active|result=OK|"});
  const std::string link = "t=hbapi-resp|reqtype=iflist|ifname=";
  CHECK(lab.request(client, "iflist", "node=n2\n") == Sessions::Taken::yes);
  CHECK(lab.heard(client) == std::vector<std::string>{link + "eth0|st=up|result=ok/more|",
                                                      link + "eth1|st=up|result=OK|"});
  CHECK(lab.answer_to(client, "iflist", "node=10.77.0.2\n") ==
        link + "10.77.0.2|st=up|result=OK|");
  CHECK(lab.answer_to(client, "iflist", "node=nosuch\n") ==
        "t=hbapi-resp|reqtype=iflist|result=badreq|info=EINVAL|");
}

TEST_CASE("a torn snapshot with impossible counts leads nowhere outside its tables") {
  Lab lab;
  const ClientId client = lab.casual();
  lab.snapshot->node_count = 0xffff;
  lab.snapshot->link_count = 0xffff;
  CHECK(lab.request(client, "nodelist") == Sessions::Taken::yes);
  CHECK(lab.heard(client).size() == lab.snapshot->nodes.size());
  CHECK(lab.answer_to(client, "iflist", "node=10.77.0.2\n").find("ifname=10.77.0.2") !=
        std::string::npos);
}

TEST_CASE("resources of a pacemaker cluster are not ours to tell") {
  Lab lab;
  ApiConfig config = ha_cf();
  config.manages_resources = false;
  lab.sessions.configure(config);
  const ClientId client = lab.casual();
  CHECK(lab.answer_to(client, "getrsc") ==
        "t=hbapi-resp|reqtype=getrsc|result=badreq|"
        "info=Resource is managed by crm. Use crm tool to query resource|");
}

TEST_CASE("debugging filters are for root and the daemon's user") {
  Lab lab;
  const ClientId root = lab.casual();
  CHECK(lab.answer_to(root, "setfilter", "fmask=f\n").ends_with("result=OK|"));
  const ClientId cluster = lab.named();
  CHECK(lab.answer_to(cluster, "setfilter", "fmask=f\n").ends_with("result=OK|"));
  const ClientId other = lab.connect({2000, nobody, haclient});
  CHECK(lab.sign_on(other) == Sessions::Taken::yes);
  lab.out.clear();
  CHECK(lab.answer_to(other, "setfilter", "fmask=f\n").ends_with("result=badreq|info=EPERM|"));
  CHECK(lab.answer_to(other, "setfilter", "fmask=1\n").ends_with("result=OK|"));
}

TEST_CASE("set_sendqlen and signoff are never answered") {
  Lab lab;
  const ClientId client = lab.casual();
  CHECK(lab.request(client, "set_sendqlen", "sendqlen=1024\n") == Sessions::Taken::yes);
  CHECK(lab.request(client, "set_sendqlen", "sendqlen=0\n") == Sessions::Taken::yes);
  CHECK(lab.request(client, "set_sendqlen", "sendqlen=99999999\n") == Sessions::Taken::yes);
  const auto rooms = lab.all<ClientQueueRoom>();
  REQUIRE(rooms.size() == 2);
  CHECK(rooms[0].messages == 1024);
  CHECK(rooms[1].messages == 1024);  // bounded
  CHECK(lab.heard(client).empty());
  CHECK(lab.request(client, "signoff") == Sessions::Taken::yes);
  CHECK(lab.all<ClientClose>().size() == 1);
  CHECK(lab.all<NamedLeave>().empty());
  CHECK(lab.heard(client).empty());
}

TEST_CASE("a named client that signs off gets its own leave, and the cluster hears it") {
  Lab lab;
  const ClientId client = lab.named();
  CHECK(lab.request(client, "signoff") == Sessions::Taken::yes);
  const auto leaves = lab.all<NamedLeave>();
  REQUIRE(leaves.size() == 1);
  CHECK(leaves[0].name == "ipfail");
  CHECK(leaves[0].info == "signoff");
  CHECK(lab.heard(client) ==
        std::vector<std::string>{"t=hbapi-clstat|st=leave|from_id=ipfail|to_id=ipfail|src=n1|"
                                 "info=signoff|client_gen=7|"});
}

TEST_CASE("local clients are online from their announcement to their leave") {
  Lab lab;
  const ClientId asker = lab.casual();
  const std::string ask = "node=n1\ncn=ipfail\n";
  const ClientId client = lab.named();
  CHECK(lab.answer_to(asker, "clientstatus", ask).find("cs=online") != std::string::npos);
  lab.sessions.closed(client, "EOF", lab.out);
  lab.out.clear();
  CHECK(lab.answer_to(asker, "clientstatus", ask).find("cs=offline") != std::string::npos);
}

TEST_CASE("a client of another active node is asked for through the engine, without a reply") {
  Lab lab;
  const ClientId client = lab.casual();
  CHECK(lab.request(client, "clientstatus", "node=n2\ncn=ipfail\n") == Sessions::Taken::yes);
  const auto queries = lab.all<ForEngine>();
  REQUIRE(queries.size() == 1);
  Message query;
  REQUIRE(decode(as_bytes(queries[0].body), query).has_value());
  CHECK(query.text_or_empty("from_id") == lab.sessions.id_of(client));
  CHECK(query.text_or_empty("cn") == "ipfail");
  CHECK(lab.heard(client).empty());
  lab.snapshot->nodes[2].status = NodeStatus::dead;
  CHECK(lab.answer_to(client, "clientstatus", "node=n2\ncn=ipfail\n")
            .ends_with("subt=respond-cstatus|cs=offline|result=OK|"));
}

TEST_CASE("events go to those whose mask has their class, or to the one they are for") {
  Lab lab;
  const ClientId casual = lab.casual();
  const ClientId debugging = lab.casual();
  CHECK(lab.answer_to(debugging, "setfilter", "fmask=3f\n").ends_with("result=OK|"));
  const ClientId ipfail = lab.named();
  const ClientId stranger = lab.connect({3000, nobody, nobody});
  const auto hears = [&](std::uint32_t classes, std::string_view to_id) {
    lab.out.clear();
    lab.sessions.event(classes, to_id, as_bytes(std::string_view{">>>\nt=x\n<<<\n"}), lab.out);
    std::vector<ClientId> who;
    for (const ClientDeliver& deliver : lab.all<ClientDeliver>()) who.push_back(deliver.client);
    return who;
  };
  using Clients = std::vector<ClientId>;
  CHECK(hears(api_class::ordinary, "") == Clients{casual, debugging, ipfail});
  CHECK(hears(0x02, "") == Clients{debugging});
  CHECK(hears(api_class::ordinary, "ipfail") == Clients{ipfail});
  CHECK(hears(0x08, "ipfail") == Clients{});
  CHECK(hears(api_class::ordinary, "nobody-here") == Clients{});
  CHECK(lab.sessions.size() == 4);
  CHECK_FALSE(lab.sessions.is_signed_on(stranger));
}

TEST_CASE("a debugging client sees the requests of all others") {
  Lab lab;
  const ClientId debugging = lab.casual();
  CHECK(lab.answer_to(debugging, "setfilter", "fmask=10\n").ends_with("result=OK|"));
  const ClientId other = lab.casual();
  CHECK(lab.request(other, "getrsc") == Sessions::Taken::yes);
  const auto heard = lab.heard(debugging);
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].starts_with("t=hbapi-req|reqtype=getrsc|"));
}

TEST_CASE("a named client's message goes up unchanged; a casual sender is disconnected") {
  Lab lab;
  const ClientId ipfail = lab.named();
  CHECK(lab.send_text(ipfail, "t=num_ping_nodes\nsrc=forged\nnum_ping=1\n") ==
        Sessions::Taken::yes);
  const auto up = lab.all<ForCluster>();
  REQUIRE(up.size() == 1);
  CHECK(up[0].body == std::string(">>>\nt=num_ping_nodes\nsrc=forged\nnum_ping=1\n<<<\n") + '\0');
  const ClientId casual = lab.casual();
  CHECK(lab.send_text(casual, "t=ask_resources\nrsc_hold=all\n") == Sessions::Taken::yes);
  CHECK(lab.all<ForCluster>().empty());
  REQUIRE(lab.all<ClientClose>().size() == 1);
  CHECK(lab.all<ClientClose>()[0].client == casual);
}

TEST_CASE("flow control holds messages for the cluster and nothing else") {
  Lab lab;
  const ClientId ipfail = lab.named();
  const ClientId casual = lab.casual();
  lab.sessions.flow(Sessions::Flow::paused, lab.out);
  CHECK(lab.send_text(ipfail, "t=abort_giveup\n") == Sessions::Taken::hold);
  CHECK(lab.out.empty());
  CHECK(lab.answer_to(casual, "getrsc").ends_with("result=OK|"));
  lab.sessions.flow(Sessions::Flow::running, lab.out);
  REQUIRE(lab.all<ClientResume>().size() == 1);
  CHECK(lab.all<ClientResume>()[0].client == ipfail);
  CHECK(lab.send_text(ipfail, "t=abort_giveup\n") == Sessions::Taken::yes);
  CHECK(lab.all<ForCluster>().size() == 1);
}

TEST_CASE("bodies that do not parse are ignored until there are ten in a row") {
  Lab lab;
  const ClientId client = lab.casual();
  const auto junk = [&] {
    const auto body = as_bytes(std::string_view{"junk"});
    CHECK(lab.sessions.receive(client, body, *lab.snapshot, lab.out) == Sessions::Taken::yes);
  };
  for (int i = 0; i < 9; ++i) junk();
  CHECK(lab.answer_to(client, "getrsc").ends_with("result=OK|"));  // a good one forgives
  for (int i = 0; i < 9; ++i) junk();
  CHECK(lab.all<ClientClose>().empty());
  junk();
  CHECK(lab.all<ClientClose>().size() == 1);
  CHECK(lab.sessions.counters().malformed == 19);
}

TEST_CASE("msgfmt netstring governs what the daemon sends; requests may come in either form") {
  Lab lab;
  ApiConfig config = ha_cf();
  config.framing = Framing::netstring;
  lab.sessions.configure(config);
  const ClientId client = lab.connect({77, 0, 0});
  CHECK(lab.sign_on(client) == Sessions::Taken::yes);
  REQUIRE(lab.all<ClientDeliver>().size() == 1);
  CHECK(lab.all<ClientDeliver>()[0].body.starts_with("###\n15:(0)t=hbapi-resp,"));
  Message request;
  request.add("t", "hbapi-req");
  request.add("reqtype", "getrsc");
  request.add("pid", "77");
  std::string body;
  append_netstring(request, body);
  lab.out.clear();
  CHECK(lab.sessions.receive(client, as_bytes(body), *lab.snapshot, lab.out) ==
        Sessions::Taken::yes);
  CHECK(lab.heard(client).size() == 1);
}

TEST_CASE("answers of the engine reach their client only while it is there") {
  Lab lab;
  const ClientId client = lab.casual();
  const auto body = as_bytes(std::string_view{">>>\nt=hbapi-resp\n<<<\n"});
  lab.sessions.reply(client, body, lab.out);
  CHECK(lab.heard(client).size() == 1);
  lab.sessions.closed(client, "EOF", lab.out);
  lab.out.clear();
  lab.sessions.reply(client, body, lab.out);
  CHECK(lab.out.empty());
}
