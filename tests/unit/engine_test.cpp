// engine_test: start-up, membership, transport, clients and refusals of one master's engine
#include "tests/unit/engine_lab.hpp"

#include "core/base64.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

using namespace hb::test;

namespace {

constexpr std::uint16_t n1 = 0, n2 = 1;

/// What n2 would send; the header is complete but for what the case adds.
Message from_n2(std::string_view type, std::uint64_t seqno, std::uint64_t generation = 0x200) {
  Message message;
  message.add("t", type);
  message.add("src", "n2");
  Uuid uuid;
  uuid.bytes[0] = std::byte{2};
  message.add_uuid("srcuuid", uuid);
  if (seqno != 0) message.add_hex("seq", seqno);
  message.add_hex("hg", generation);
  message.add_hex("ts", 0x6b49d200);
  message.add("ttl", "3");
  return message;
}

Message status_of_n2(std::string_view state, std::uint64_t seqno,
                     std::uint64_t generation = 0x200) {
  Message message = from_n2("status", seqno, generation);
  message.add("st", state);
  message.add("dt", "1770");
  message.add("protocol", "1");
  return message;
}

/// n1, active, with n2 active since `seqno`.
LabEngine active_pair(std::uint64_t seqno = 5, EngineSetup setup = lab_setup("n1")) {
  LabEngine node{std::move(setup)};
  node.arrive(status_of_n2("active", seqno));
  Message answer = from_n2("repnodes", seqno + 1);
  answer.add("dest", "n1");
  answer.add("nodelist", "n1 n2 ");
  answer.add("delnodelist", " ");
  node.arrive(answer);
  REQUIRE(node.status(n1) == NodeStatus::active);
  node.clear();
  return node;
}

std::string field_names(const Message& message) {
  std::string names;
  for (std::size_t i = 0; i < message.size(); ++i) names.append(message[i].name).append(" ");
  return names;
}

}  // namespace

TEST_CASE("a starting node says init, then up, in the field order of 3.0.6") {
  LabEngine node{lab_setup("n1")};
  const auto sent = node.sent("status");
  REQUIRE(sent.size() >= 2);
  CHECK(sent[0].text("st") == "init");
  CHECK(sent[1].text("st") == "up");
  CHECK(field_names(sent[0]) ==
        "t st dt protocol systole src srcuuid seq hg ts ld ttl auth ");
  CHECK(sent[0].text("dt") == "1770");
  CHECK(sent[0].text("seq") == "1");
  CHECK(sent[0].text("hg") == "100");
  CHECK(sent[0].text("ttl") == "3");
  CHECK(sent[0].text("src") == "n1");
}

TEST_CASE("a heartbeat stays small") {
  EngineSetup setup = lab_setup("n1");
  setup.config.msgfmt = MessageFormat::netstring;
  LabEngine node{std::move(setup)};
  CHECK(node.frames[0].size() < 250);
  CHECK(node.sent("status")[0].text("auth") == std::nullopt);
}

TEST_CASE("two of ours are active after one exchange, without waiting") {
  LabEngine a{lab_setup("n1")}, b{lab_setup("n2")};
  exchange(a, b);
  CHECK(a.status(n1) == NodeStatus::active);
  CHECK(b.status(n2) == NodeStatus::active);
  CHECK(a.status(n2) == NodeStatus::active);
  CHECK(b.status(n1) == NodeStatus::active);
  CHECK(a.count<CommunicationUp>() == 1);
  CHECK(a.count_logged("Local status now set to: 'active'") == 1);
}

TEST_CASE("reqnodes is answered with the complete list, also before we are active") {
  LabEngine node{lab_setup("n1")};
  Message question = from_n2("reqnodes", 3);
  question.add("dest", "n1");
  node.clear();
  node.arrive(question);
  const auto sent = node.sent("repnodes");
  REQUIRE(sent.size() == 1);
  CHECK(sent[0].text("dest") == "n2");
  CHECK(sent[0].text("nodelist") == "n1 n2 ");
  CHECK(sent[0].text("delnodelist") == " ");
  CHECK(field_names(sent[0]) ==
        "t dest nodelist delnodelist destuuid src srcuuid seq hg ts ld ttl auth ");
}

TEST_CASE("reqnodes is repeated every second until repnodes comes") {
  LabEngine node{lab_setup("n1")};
  node.clear();
  node.arrive(status_of_n2("up", 2));
  CHECK(node.sent("reqnodes").size() == 1);
  node.run_until(lab_start + 3500ms);
  CHECK(node.sent("reqnodes").size() == 4);
  CHECK(node.status(n1) == NodeStatus::up);
}

TEST_CASE("alone a node becomes active at initdead, not before") {
  LabEngine node{lab_setup("n1")};
  node.run_until(lab_start + 20s - 1ns);
  CHECK(node.status(n1) == NodeStatus::up);
  node.run_until(lab_start + 20s);
  CHECK(node.status(n2) == NodeStatus::dead);
  CHECK(node.status(n1) == NodeStatus::active);
}

TEST_CASE("a peer that dies between reqnodes and its answer does not block us") {
  LabEngine node{lab_setup("n1")};
  node.arrive(status_of_n2("up", 2));
  node.run_until(lab_start + 21s);
  CHECK(node.status(n2) == NodeStatus::dead);
  CHECK(node.status(n1) == NodeStatus::active);
}

TEST_CASE("statuses leave every keepalive, by absolute deadlines") {
  LabEngine node = active_pair();
  node.run_until(lab_start + 30s);
  const std::size_t sent = node.sent("status").size();
  CHECK(sent >= 29);
  CHECK(sent <= 31);
}

TEST_CASE("a node is dead exactly at its dead time, by the receive time of its last status") {
  LabEngine node = active_pair();
  node.now = lab_start + 2s;
  std::string frame;
  Message status = status_of_n2("active", 7);
  lab_keys().sign_netstring(status, KeyRing::Inner::without, frame);
  node.step(FrameArrived{LinkId{0}, as_bytes(frame), lab_start + 1500ms});
  node.run_until(lab_start + 7500ms - 1ns);
  CHECK(node.status(n2) == NodeStatus::active);
  node.clear();
  node.run_until(lab_start + 7500ms);
  CHECK(node.status(n2) == NodeStatus::dead);
  CHECK(node.logged("node n2: is dead"));
  CHECK(node.logged("Link n2:eth0 dead."));
  REQUIRE(node.events.size() == 2);
  CHECK(node.events[0].body.starts_with(">>>\nt=status\nseq=1\nts="));
  CHECK(node.events[0].body.find("\nsrc=n2\nst=dead\n") != std::string::npos);
  CHECK(node.events[1].body.find("t=ifstat\nnode=n2\nifname=eth0\nst=dead\n") !=
        std::string::npos);
}

TEST_CASE("other packets than a status keep nobody alive") {
  LabEngine node = active_pair();
  for (std::uint64_t i = 0; i < 6; ++i) {
    node.run_until(lab_start + std::chrono::seconds{i});
    node.arrive(from_n2("something", 7 + i));
  }
  node.run_until(lab_start + 6s);
  CHECK(node.status(n2) == NodeStatus::dead);
}

TEST_CASE("a late status is reported, and as critical beyond the deadtime") {
  EngineSetup setup = lab_setup("n1");
  LabEngine node = active_pair(5, std::move(setup));
  node.now += 4s;
  node.arrive(status_of_n2("active", 7));
  CHECK(node.logged("Late heartbeat: Node n2: interval 4000 ms"));
  CHECK_FALSE(node.logged("(> deadtime)"));
}

TEST_CASE("the same frame over the other link is a duplicate that proves the link") {
  LabEngine node = active_pair();
  Message status = status_of_n2("active", 7);
  std::string frame;
  lab_keys().sign_netstring(status, KeyRing::Inner::without, frame);
  node.arrive(frame, 0);
  const auto accepted = node.engine().counters()[Counter::accepted];
  node.arrive(frame, 1);
  CHECK(node.engine().counters()[Counter::accepted] == accepted);
  CHECK(node.engine().counters()[Counter::duplicates] == 1);
  CHECK(node.logged("Link n2:eth1 up."));
}

TEST_CASE("an old recording of a frame does not even refresh its link") {
  LabEngine node = active_pair();
  Message status = status_of_n2("active", 7);
  std::string frame;
  lab_keys().sign_netstring(status, KeyRing::Inner::without, frame);
  node.arrive(frame, 0);
  node.arrive(status_of_n2("active", 8), 0);
  node.arrive(frame, 1);
  CHECK(node.engine().counters()[Counter::stale] == 1);
  CHECK_FALSE(node.logged("Link n2:eth1 up."));
}

TEST_CASE("a lost message is asked for and its arrival ends that") {
  LabEngine node = active_pair();
  node.arrive(status_of_n2("active", 9));
  CHECK(node.logged("2 lost packet(s) for [n2] [6:9]"));
  CHECK(node.sent("NS_rexmit").empty());
  node.run_until(lab_start + 50ms - 1ns);
  CHECK(node.sent("NS_rexmit").empty());
  node.run_until(lab_start + 250ms);
  const auto asked = node.sent("NS_rexmit");
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].text("firstseq") == "7");
  CHECK(asked[0].text("lastseq") == "8");
  CHECK(asked[0].text("dest") == "n2");
  CHECK(field_names(asked[0]) ==
        "t dest firstseq lastseq destuuid src srcuuid hg ts ttl auth ");
  node.arrive(from_n2("something", 7));
  node.arrive(from_n2("something", 8));
  CHECK(node.logged("No pkts missing from n2!"));
  node.clear();
  node.run_until(lab_start + 2s);
  CHECK(node.sent("NS_rexmit").empty());
}

TEST_CASE("requests are answered with the very frame, once for all links") {
  LabEngine node = active_pair();
  node.run_until(lab_start + 3s);
  REQUIRE_FALSE(node.frames.empty());
  const std::string frame = node.frames.back();
  const std::string seqno = std::to_string(*node.sent("status").back().hex("seq"));
  node.clear();
  Message question = from_n2("NS_rexmit", 0);
  question.add("dest", "n1");
  question.add("firstseq", seqno);
  question.add("lastseq", seqno);
  node.arrive(question, 0);
  node.arrive(question, 1);
  CHECK(node.frames == std::vector{frame});
}

TEST_CASE("what is gone is NAKed, what was never sent is not answered") {
  LabEngine node = active_pair();
  for (int i = 0; i < 600; ++i) node.step(FifoMessage{as_bytes(">>>\nt=x\n<<<\n")});
  node.clear();
  Message question = from_n2("NS_rexmit", 0);
  question.add("dest", "n1");
  question.add("firstseq", "2");
  question.add("lastseq", "2");
  node.arrive(question);
  REQUIRE(node.sent("NS_nak_rexmit").size() == 1);
  CHECK(node.sent("NS_nak_rexmit")[0].text("info") == "seqno too low");
  CHECK(node.sent("NS_nak_rexmit")[0].text("firstseq") == "2");
  node.clear();
  question.set("firstseq", "99999");
  question.set("lastseq", "99999");
  node.arrive(question);
  CHECK(node.frames.empty());
  CHECK(node.logged("Rexmit of seq 99999 requested."));
}

TEST_CASE("a huge range is answered in bounded batches") {
  LabEngine node = active_pair();
  for (int i = 0; i < 300; ++i) node.step(FifoMessage{as_bytes(">>>\nt=x\n<<<\n")});
  node.clear();
  Message question = from_n2("NS_rexmit", 0);
  question.add("dest", "n1");
  question.add("firstseq", "1");
  question.add("lastseq", "18446744073709551615");
  node.arrive(question);
  CHECK(node.frames.size() == 50);
}

TEST_CASE("a NAK ends the waiting") {
  LabEngine node = active_pair();
  node.arrive(status_of_n2("active", 8));
  Message nak = from_n2("NS_nak_rexmit", 0);
  nak.add("firstseq", "7");
  nak.add("dest", "n1");
  nak.add("info", "seqno too low");
  node.arrive(nak);
  CHECK(node.logged("Irretrievably lost packet: node n2 seq 7"));
  node.clear();
  node.run_until(lab_start + 1s);
  CHECK(node.sent("NS_rexmit").empty());
}

TEST_CASE("every tenth message is acknowledged; a peer without protocol never") {
  LabEngine node = active_pair();
  for (std::uint64_t seqno = 7; seqno < 37; ++seqno) node.arrive(from_n2("x", seqno));
  CHECK(node.sent("NS_ackmsg").size() == 3);
  Message old = from_n2("status", 37);
  old.add("st", "active");
  node.arrive(old);
  node.clear();
  for (std::uint64_t seqno = 38; seqno < 68; ++seqno) node.arrive(from_n2("x", seqno));
  CHECK(node.sent("NS_ackmsg").empty());
}

TEST_CASE("250 unacknowledged messages pause the clients, an acknowledgement resumes them") {
  LabEngine node = active_pair();
  for (int i = 0; i < 300; ++i) node.step(FifoMessage{as_bytes(">>>\nt=x\n<<<\n")});
  CHECK(node.count<PauseClients>() == 1);
  CHECK(node.engine().snapshot().clients_paused == 1);
  const auto highest = *node.sent("x").back().hex("seq");
  Message ack = from_n2("NS_ackmsg", 0);
  ack.add("dest", "n1");
  ack.add_hex("ackseq", highest + 1000);
  node.arrive(ack);
  CHECK(node.logged("corrupted ackseq"));
  CHECK(node.count<PauseClients>() == 1);
  ack.set_hex("ackseq", highest);
  node.arrive(ack);
  CHECK(node.count<PauseClients>() == 2);
  CHECK(node.engine().snapshot().clients_paused == 0);
}

TEST_CASE("acknowledgements of an earlier life are void") {
  LabEngine node = active_pair();
  for (int i = 0; i < 300; ++i) node.step(FifoMessage{as_bytes(">>>\nt=x\n<<<\n")});
  Message ack = from_n2("NS_ackmsg", 0, 0x1ff);
  ack.add("dest", "n1");
  ack.add_hex("ackseq", 200);
  node.arrive(ack);
  CHECK(node.engine().snapshot().clients_paused == 1);
  CHECK(node.engine().counters()[Counter::acks_received] == 0);
}

TEST_CASE("a restart of the peer is seen by its generation, older frames are replays") {
  LabEngine node = active_pair();
  node.arrive(status_of_n2("init", 1, 0x201));
  CHECK(node.logged("Heartbeat restart on node n2"));
  CHECK(node.logged("Status update for node n2: status init"));
  node.arrive(status_of_n2("active", 900, 0x200));
  CHECK(node.logged("attempted replay attack [n2]? [gen = 512, curgen = 513]"));
  CHECK(node.status(n2) == NodeStatus::init);
}

TEST_CASE("generations survive our own restart in the file peers") {
  LabEngine node = active_pair();
  node.run_until(lab_start + 2s);
  REQUIRE_FALSE(node.saved.empty());
  EngineSetup setup = lab_setup("n1");
  setup.peers = node.saved;
  LabEngine later{std::move(setup)};
  later.arrive(status_of_n2("active", 500, 0x1ff));
  CHECK(later.logged("attempted replay attack"));
  CHECK(later.status(n2) == NodeStatus::init);
  later.arrive(status_of_n2("active", 500, 0x200));
  CHECK(later.status(n2) == NodeStatus::active);
}

TEST_CASE("a dead node of the same generation returns only by a newer status") {
  LabEngine node = active_pair();
  Message status = status_of_n2("active", 7);
  std::string frame;
  lab_keys().sign_netstring(status, KeyRing::Inner::without, frame);
  node.arrive(frame);
  node.run_until(lab_start + 6s);
  REQUIRE(node.status(n2) == NodeStatus::dead);
  node.arrive(frame);
  CHECK(node.status(n2) == NodeStatus::dead);
  node.arrive(from_n2("something", 8));
  CHECK(node.status(n2) == NodeStatus::dead);
  node.clear();
  node.arrive(status_of_n2("active", 9));
  CHECK(node.status(n2) == NodeStatus::active);
  CHECK(node.logged("Cluster node n2 returning after partition."));
  CHECK_FALSE(node.sent("status").empty());  // it must not wait for our next beat
}

TEST_CASE("unknown nodes and frames that do not verify are refused, logged once, and harmless") {
  LabEngine node = active_pair();
  Message stranger = status_of_n2("active", 1);
  stranger.set("src", "n9");
  for (int i = 0; i < 100; ++i) node.arrive(stranger);
  CHECK(node.count_logged("bad node [n9] in message") == 1);
  CHECK(node.engine().counters()[Counter::unknown_node] == 100);
  std::string frame;
  Message status = status_of_n2("active", 7);
  lab_keys("another").sign_netstring(status, KeyRing::Inner::without, frame);
  for (int i = 0; i < 100; ++i) node.arrive(frame);
  CHECK(node.engine().counters()[Counter::bad_digest] == 100);
  CHECK(node.count_logged("do authkeys agree") == 1);
  node.arrive("garbage");
  CHECK(node.engine().counters()[Counter::no_frame] == 1);
}

TEST_CASE("the wire's names are case sensitive, and fields that must be there are") {
  LabEngine node = active_pair();
  Message upper = status_of_n2("active", 7);
  upper.set("src", "N2");
  node.arrive(upper);
  Message timeless = status_of_n2("active", 7);
  timeless.set("ts", "0");
  node.arrive(timeless);
  Message unnumbered = status_of_n2("active", 0);
  node.arrive(unnumbered);
  Message odd = status_of_n2("dancing", 7);
  node.arrive(odd);
  CHECK(node.engine().counters()[Counter::unknown_node] == 1);
  CHECK(node.engine().counters()[Counter::bad_header] == 3);
  node.run_until(lab_start + 6s);
  CHECK(node.status(n2) == NodeStatus::dead);
}

TEST_CASE("another machine under our name is reported, never believed") {
  LabEngine node = active_pair();
  Message other = status_of_n2("active", 700, 0x999);
  other.set("src", "n1");
  node.arrive(other);
  CHECK(node.logged("another machine sends under our name n1"));
  CHECK(node.status(n1) == NodeStatus::active);
}

TEST_CASE("two machines with one uuid, or one name, are told apart loudly") {
  LabEngine node = active_pair();
  Message clone = status_of_n2("active", 7);
  Uuid ours;
  ours.bytes[0] = std::byte{1};
  clone.set_uuid("srcuuid", ours);
  node.arrive(clone);
  CHECK(node.logged("have the same uuid"));
  Message twin = status_of_n2("active", 8);
  Uuid third;
  third.bytes[0] = std::byte{3};
  twin.set_uuid("srcuuid", third);
  node.arrive(twin);
  CHECK(node.engine().counters()[Counter::impostor] == 2);
  twin.set_hex("hg", 0x201);  // a new installation of that machine: a newer generation
  node.arrive(twin);
  CHECK(node.logged("node n2 changed its uuid"));
}

TEST_CASE("messages for another node count in the stream but are not acted on") {
  LabEngine node = active_pair();
  Message other = from_n2("reqnodes", 7);
  other.add("dest", "n3");
  node.arrive(other);
  CHECK(node.sent("repnodes").empty());
  CHECK(node.engine().counters()[Counter::for_others] == 1);
  node.arrive(status_of_n2("active", 8));
  CHECK_FALSE(node.logged("lost packet"));
}

TEST_CASE("a FIFO message gets its header in place and reaches clients and wire") {
  LabEngine node = active_pair();
  node.step(FifoMessage{as_bytes(">>>\nt=custom\nseq=1\nsrc=evil\ninfo=hello\n<<<\n")});
  const auto sent = node.sent("custom");
  REQUIRE(sent.size() == 1);
  CHECK(field_names(sent[0]) == "t seq src info srcuuid hg ts ld ttl auth ");
  CHECK(sent[0].text("src") == "n1");
  CHECK(*sent[0].hex("seq") > 2);
  REQUIRE(node.events.size() == 1);
  CHECK(node.events[0].classes == 1);
  CHECK(node.events[0].body.find("info=hello") != std::string::npos);
}

TEST_CASE("neither FIFO nor clients may speak for the protocol") {
  LabEngine node = active_pair();
  node.step(ClientJoined{ClientId{1}, "app"});
  node.clear();
  for (const char* type : {"status", "NS_ackmsg", "NS_rexmit", "NS_nak_rexmit", "NS_st", "repnodes",
                           "reqnodes", "hbapi-clstat", "respond-cstatus"}) {
    const std::string text = ">>>\nt=" + std::string{type} + "\nst=dead\n<<<\n";
    node.step(FifoMessage{as_bytes(text)});
    node.step(ClientMessage{ClientId{1}, "app", as_bytes(text)});
  }
  for (const char* type : {"resource", "starting", "shutdone", "ip-request", "ip-request-resp",
                           "stonith", "delnode", "NS_mine"}) {
    const std::string text = ">>>\nt=" + std::string{type} + "\n<<<\n";
    node.step(ClientMessage{ClientId{1}, "app", as_bytes(text)});
  }
  node.step(ClientMessage{ClientId{1}, "app", as_bytes(">>>\nt=ask_resources\ninfo=done\n<<<\n")});
  node.step(ClientMessage{ClientId{9}, "ghost", as_bytes(">>>\nt=x\n<<<\n")});
  CHECK(node.frames.empty());
  CHECK(node.engine().counters()[Counter::refused_fifo] == 9);
  CHECK(node.engine().counters()[Counter::refused_client] == 19);
}

TEST_CASE("a client's message names it, whoever it claims to be") {
  LabEngine node = active_pair();
  node.step(ClientJoined{ClientId{4}, "first"});
  node.step(ClientJoined{ClientId{5}, "app"});
  node.clear();
  node.step(ClientMessage{ClientId{5}, "app",
                          as_bytes(">>>\nt=mine\nto_id=other\ndest=n2\nauth=1 00\n<<<\n")});
  const auto sent = node.sent("mine");
  REQUIRE(sent.size() == 1);
  CHECK(field_names(sent[0]) ==
        "t to_id dest from_id client_gen destuuid src srcuuid seq hg ts ld ttl auth ");
  CHECK(sent[0].text("to_id") == "app");
  CHECK(sent[0].text("from_id") == "app");
  CHECK(sent[0].text("client_gen") == "1");
  CHECK(node.events.empty());  // for n2 only
}

TEST_CASE("a client's join is announced to its namesakes and itself before it is answered") {
  LabEngine node = active_pair();
  node.step(ClientJoined{ClientId{1}, "app"});
  const auto sent = node.sent("hbapi-clstat");
  REQUIRE(sent.size() == 1);
  CHECK(field_names(sent[0]) ==
        "t st from_id to_id src info client_gen srcuuid seq hg ts ld ttl auth ");
  CHECK(sent[0].text("st") == "join");
  CHECK(sent[0].text("info") == "signon");
  REQUIRE(node.events.size() == 1);
  CHECK(node.events[0].to_id == "app");
  const auto event = std::ranges::find(node.kinds, Output{ToClients{}}.index());
  const auto answer = std::ranges::find(node.kinds, Output{ClientAnnounced{}}.index());
  CHECK(event < answer);
  CHECK(answer != node.kinds.end());
  node.clear();
  node.step(ClientLeft{ClientId{1}, "app", "EOF"});
  REQUIRE(node.sent("hbapi-clstat").size() == 1);
  CHECK(node.sent("hbapi-clstat")[0].text("info") == "EOF");
}

TEST_CASE("client events wait for earlier numbers, other messages do not") {
  LabEngine node = active_pair();
  Message join = from_n2("hbapi-clstat", 8);
  join.add("st", "join");
  join.add("to_id", "app");
  node.arrive(join);
  node.arrive(from_n2("plain", 9));
  REQUIRE(node.events.size() == 1);
  CHECK(node.events[0].body.find("t=plain") != std::string::npos);
  node.arrive(from_n2("missing", 7));
  REQUIRE(node.events.size() == 3);
  CHECK(node.events[2].to_id == "app");
}

TEST_CASE("queries about clients are answered here and asked there") {
  LabEngine node = active_pair();
  node.step(ClientJoined{ClientId{1}, "app"});
  node.clear();
  for (const char* name : {"app", "ghost"}) {
    static std::uint64_t seqno = 7;
    Message question = from_n2("query-cstatus", seqno++);
    question.add("dest", "n1");
    question.add("cn", name);
    question.add("from_id", "asker");
    node.arrive(question);
  }
  const auto answers = node.sent("respond-cstatus");
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].text("cs") == "online");
  CHECK(answers[1].text("cs") == "offline");
  CHECK(answers[0].text("to_id") == "asker");
  CHECK(answers[0].text("dest") == "n2");
  node.step(ClientQuery{ClientId{3}, "77",
                        as_bytes(">>>\nt=hbapi-req\nreqtype=clientstatus\nnode=n2\ncn=app\n"
                                 "from_id=77\n<<<\n")});
  REQUIRE(node.sent("query-cstatus").size() == 1);
  CHECK(node.sent("query-cstatus")[0].text("from_id") == "77");
  Message reply = from_n2("respond-cstatus", 9);
  reply.add("dest", "n1");
  reply.add("to_id", "77");
  reply.add("cs", "online");
  node.arrive(reply);
  CHECK(node.events.back().to_id == "77");
}

TEST_CASE("a site's hook runs for its type, built-in types have none") {
  EngineSetup setup = lab_setup("n1");
  setup.hooks = {"custom", "status", "hb_takeover", "ifstat"};
  LabEngine node = active_pair(5, std::move(setup));
  node.arrive(from_n2("custom", 7));
  node.arrive(from_n2("hb_takeover", 8));
  node.arrive(status_of_n2("active", 9));
  CHECK(node.count<RunHook>() == 1);
  node.arrive(status_of_n2("active", 10), 1);  // a link comes up: ifstat
  CHECK(node.count<RunHook>() == 2);
}

TEST_CASE("heartbeats that change nothing reach only clients that ask for them") {
  LabEngine node = active_pair();
  node.arrive(status_of_n2("active", 7));
  CHECK(node.events.empty());
  node.step(ClientsWant{0x0f});
  node.arrive(status_of_n2("active", 8));
  REQUIRE(node.events.size() == 1);
  CHECK(node.events[0].classes == 2);
}

TEST_CASE("who was silent before communication is up is due then, and we were not late for it") {
  EngineSetup setup = lab_setup("n1");
  setup.config.nodes.push_back({"n3", NodeType::normal});
  LabEngine node{std::move(setup)};
  node.arrive(status_of_n2("active", 5));
  node.run_until(lab_start + 10s);  // n2's own dead time is 6 s, but initdead is 20 s
  CHECK_FALSE(node.logged("is dead"));
  Message third = status_of_n2("up", 1);
  third.set("src", "n3");
  Uuid uuid;
  uuid.bytes[0] = std::byte{3};
  third.remove("srcuuid");
  third.add_uuid("srcuuid", uuid);
  node.arrive(third);
  Message answer = from_n2("repnodes", 6);
  answer.set("src", "n3");
  answer.remove("srcuuid");
  answer.add_uuid("srcuuid", uuid);
  answer.set("seq", "2");
  answer.add("dest", "n1");
  node.arrive(answer);
  REQUIRE(node.status(n1) == NodeStatus::active);
  CHECK(node.engine().next_deadline() == node.now);
  node.step(Tick{node.now - node.engine().next_deadline()});
  CHECK(node.logged("node n2: is dead"));
  CHECK_FALSE(node.logged("did not run"));
}

TEST_CASE("a pause longer than the deadtime is our own fault, not the peer's") {
  LabEngine node = active_pair();
  node.run_until(lab_start + 3s);
  node.now += 20s;
  node.step(Tick{20s});
  CHECK(node.logged("This node did not run for 20"));
  CHECK(node.status(n2) == NodeStatus::active);
  node.arrive(status_of_n2("active", 27));
  node.run_until(lab_start + 29s - 1ns);
  CHECK(node.status(n2) == NodeStatus::active);
  node.run_until(lab_start + 29s);
  CHECK(node.status(n2) == NodeStatus::dead);
}

TEST_CASE("a pause that a 3.0.6 peer took for our death ends in a new generation, and in silence") {
  EngineSetup setup = lab_setup("n1");
  setup.config.manages_resources = true;
  LabEngine node = active_pair(5, std::move(setup));
  node.run_until(lab_start + 3s);
  node.now += 20s;
  node.clear();
  node.arrive(status_of_n2("active", 27));
  CHECK(node.logged("This node did not run for "));
  node.run_until(node.now + 10s);
  CHECK(node.frames.empty());
  CHECK(node.logged("beginning anew in a new generation"));
}

TEST_CASE("a ping node lives by NS_st on its own link") {
  EngineSetup setup = lab_setup("n1");
  setup.config.nodes.push_back({"gw", NodeType::ping});
  MediumConfig ping;
  ping.type = MediumType::ping;
  ping.address = "gw";
  setup.config.media.push_back(ping);
  LabEngine node{std::move(setup)};
  Message answer;
  answer.add("t", "NS_st");
  answer.add("st", "ping");
  answer.add("info", "ping");
  answer.add("src", "gw");
  answer.add("ts", "1");
  node.arrive(answer, 0);  // not its link
  CHECK(node.status(2) == NodeStatus::init);
  Message forged = answer;  // an echo of another medium that asks a node of this name
  forged.set("info", "ping_group");
  node.arrive(forged, 2);
  CHECK(node.status(2) == NodeStatus::init);
  node.arrive(answer, 2);
  CHECK(node.status(2) == NodeStatus::ping);
  CHECK(node.logged("Status update for node gw: status ping"));
  node.arrive(status_of_n2("active", 5));
  Message list = from_n2("repnodes", 6);
  list.add("dest", "n1");
  node.arrive(list);
  CHECK(node.status(n1) == NodeStatus::active);
}

TEST_CASE("a ping node is no member: repnodes does not list it") {
  EngineSetup setup = lab_setup("n1");
  setup.config.nodes.push_back({"gw", NodeType::ping});
  LabEngine node{std::move(setup)};
  node.arrive(status_of_n2("up", 5));
  Message question = from_n2("reqnodes", 6);
  question.add("dest", "n1");
  node.arrive(question);
  const auto answers = node.sent("repnodes");
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].text_or_empty("nodelist") == "n1 n2 ");
}

TEST_CASE("a ping node is asked with the frame of 3.0.6 at each own status, on its link alone") {
  struct Row {
    MediumType type;
    const char* name;
    const char* vector;
  };
  for (const Row& row : {Row{MediumType::ping, "10.77.0.3", "62-ping-payload.bin"},
                         Row{MediumType::ping6, "fd77:0::2", "63-ping6-payload.bin"},
                         Row{MediumType::ping_group, "grp1", "64-ping_group-payload.bin"}}) {
    EngineSetup setup = lab_setup("n1");
    setup.keys = lab_keys();
    setup.config.nodes.push_back({row.name, NodeType::ping});
    MediumConfig ping;
    ping.type = row.type;
    ping.address = row.name;
    setup.config.media.push_back(ping);
    Engine engine{std::move(setup), Now{lab_start, WallTime{std::chrono::seconds{0x6b033914}}}};
    std::ifstream file{std::string{"tests/golden/"} + row.vector, std::ios::binary};
    const std::string golden{std::istreambuf_iterator<char>{file}, {}};
    REQUIRE(!golden.empty());
    std::size_t statuses = 0, asked = 0;
    for (const Output& output : engine.start()) {
      const Send* send = std::get_if<Send>(&output);
      if (send == nullptr) continue;
      if (send->links == 0b100) {
        CHECK(as_text(send->bytes) == golden);
        ++asked;
      } else {
        CHECK(send->links == 0b011);
        if (as_text(send->bytes).find("t=status") != std::string_view::npos) ++statuses;
      }
    }
    CHECK(statuses > 0);
    CHECK(asked == statuses);
  }
}

TEST_CASE("a serial line gets text with its own digest, beside what the network gets") {
  for (const MessageFormat format : {MessageFormat::classic, MessageFormat::netstring}) {
    EngineSetup setup = lab_setup("n1");
    setup.config.msgfmt = format;
    setup.config.media[1].type = MediumType::serial;
    setup.config.media[1].interface = "/dev/ttyS0";
    LabEngine node = active_pair(5, std::move(setup));
    KeyRing keys = lab_keys();
    const auto last_pair = [&] {
      REQUIRE(node.frames.size() >= 2);
      const std::string network = *(node.frames.end() - 2), line = node.frames.back();
      for (const std::string* frame : {&network, &line}) {
        CHECK(keys.verify(as_bytes(*frame)).verdict == AuthVerdict::good);
      }
      CHECK(network.starts_with("###\n"));
      CHECK((network.find("auth=1 ") != std::string::npos) == (format == MessageFormat::classic));
      CHECK(line.starts_with(">>>\n"));
      CHECK(line.ends_with("<<<\n"));
      CHECK(line.find("\nauth=1 ") != std::string::npos);
      return std::pair{network, line};
    };
    node.run_until(node.now + 1s);
    const auto [network, line] = last_pair();
    Message first, second;
    REQUIRE(decode(as_bytes(network), first).has_value());
    REQUIRE(decode(as_bytes(line), second).has_value());
    CHECK(first.text("seq") == second.text("seq"));

    // One that was asked for again is the same again, in both framings.
    node.run_until(node.now + 1s);
    node.clear();
    Message ask = from_n2("NS_rexmit", 0);
    ask.add("dest", "n1");
    const auto number = std::to_string(*first.hex("seq"));
    ask.add("firstseq", number);
    ask.add("lastseq", number);
    node.arrive(ask);
    const auto [network_again, line_again] = last_pair();
    CHECK(network_again == network);
    CHECK(line_again == line);
  }
}

TEST_CASE("SIGTERM ends before communication is up at once, later when the peer has all") {
  LabEngine early{lab_setup("n1")};
  early.step(StopRequested{});
  CHECK(early.count<Exit>() == 1);
  CHECK(early.engine().next_deadline() == never);
  LabEngine node = active_pair();
  node.step(StopRequested{});
  CHECK(node.count<Exit>() == 0);
  node.run_until(lab_start + 1900ms);
  CHECK(node.count<Exit>() == 0);
  node.run_until(lab_start + 2s);
  CHECK(node.count<Exit>() == 1);
}

TEST_CASE("a continuing master is active at once, in its generation and above its numbers") {
  EngineSetup setup = lab_setup("n1");
  setup.inheritance.continues = true;
  setup.identity.first_seqno = Seqno{5000};
  LabEngine node{std::move(setup)};
  CHECK(node.status(n1) == NodeStatus::active);
  CHECK(node.count<CommunicationUp>() == 1);
  REQUIRE(node.sent("status").size() >= 1);
  CHECK(node.sent("status")[0].text("seq") == "1388");
  CHECK(node.sent("status")[0].text("st") == "active");
}

namespace {

/// Each with one group; n1 holds its own.
EngineSetup with_groups() {
  EngineSetup setup = lab_setup("n1");
  setup.config.manages_resources = true;
  setup.config.auto_failback = AutoFailback::on;
  setup.groups = {{NodeId{0}, {{"a", "a", {}}}, 1}, {NodeId{1}, {{"b", "b", {}}}, 2}};
  return setup;
}

Message resource_of_n2(std::uint64_t seqno, std::string_view held) {
  Message message = from_n2("resource", seqno);
  message.add("rsc_hold", held.empty() ? "none" : "local");
  message.add("rtype", "full");
  message.add("isstable", "1");
  message.add("sys_held", held);
  return message;
}

Message systole_status_of_n2(std::string_view state, std::uint64_t seqno) {
  Message message = status_of_n2(state, seqno);
  message.add("systole", "1");
  return message;
}

/// n1 after `-r`, the groups of `keys` still running; n2 is active and holds b.
LabEngine resumed(std::string_view held, std::string_view keys) {
  EngineSetup setup = with_groups();
  setup.inheritance.held = holding(held);
  setup.inheritance.running_keys = std::string{keys};
  LabEngine node = active_pair(5, std::move(setup));
  node.arrive(systole_status_of_n2("active", 7));
  node.arrive(resource_of_n2(8, "1:b"));
  return node;
}

/// Ends the verification that a resumed node begins with.
void end_script(LabEngine& node, std::uint64_t ticket, std::string_view output) {
  node.step(ActionDone{Ticket{ticket}, ActionEnd::exited, 0, output});
}

}  // namespace

TEST_CASE("a restart waits for scripts; then nothing is moved until the next image runs") {
  LabEngine node = resumed("local", "a");
  node.clear();
  node.step(RestartRequested{});
  CHECK(node.logged("Restart waits"));
  node.run_until(node.now + 3s);
  CHECK(node.count<Exit>() == 0);
  const auto patience = [&] {
    return std::string(node.sent("status").back().text_or_empty("dt"));  // of a copy
  };
  CHECK(patience() == "1770");
  end_script(node, 1, "running");
  CHECK(patience() == "8ca0");  // 36 s: deadtime and what an image may take to start
  node.clear();
  // The peer's request for a move, its death and a lost address: all for the next image.
  Message request = from_n2("ask_resources", 9);
  request.add("rsc_hold", "local");
  request.add("info", "me");
  node.arrive(request);
  node.step(AddressLost{GroupId{0}, "gone"});
  Message released = from_n2("shutdone", 10);
  released.add("st", "dead");
  node.arrive(released);
  CHECK(node.sent("ask_resources").empty());
  CHECK(node.count<RunAction>() == 0);
  node.run_until(node.now + 2s);
  CHECK(node.count<Exit>() == 1);
  CHECK(node.count<RunAction>() == 0);
  CHECK(node.engine().running_keys() == "a");
  CHECK(node.engine().next_deadline() == never);
}

TEST_CASE("a restart that SIGTERM overtakes becomes a stop: what runs here is released") {
  LabEngine node = resumed("local", "a");
  end_script(node, 1, "running");
  node.clear();
  node.step(RestartRequested{});
  CHECK(node.sent("status").back().text_or_empty("dt") == "8ca0");
  node.step(StopRequested{});
  CHECK(node.sent("status").back().text_or_empty("dt") == "1770");
  REQUIRE(node.count<RunAction>() == 1);
  end_script(node, 2, "");
  CHECK(node.sent("shutdone").size() == 1);
  node.run_until(node.now + 3s);
  CHECK(node.logged("Heartbeat shutdown complete"));
  CHECK(node.engine().running_keys().empty());
}

TEST_CASE("the next image knows what runs by the keys, wherever haresources has them now") {
  SUBCASE("both groups") {
    LabEngine node = resumed("all", "b a");
    CHECK(node.engine().running_keys() == "a b");
  }
  SUBCASE("a set without keys: as many as two nodes allow to tell") {
    EngineSetup setup = with_groups();
    setup.inheritance.held = Holding::foreign;
    LabEngine node{std::move(setup)};
    CHECK(node.engine().running_keys() == "b");
  }
  SUBCASE("none, although a set is said to be held") {
    EngineSetup setup = with_groups();
    setup.inheritance.held = Holding::local;
    setup.inheritance.running_keys = "";
    LabEngine node{std::move(setup)};
    CHECK(node.engine().running_keys().empty());
  }
  SUBCASE("a group that is configured no more is told, and left alone") {
    EngineSetup setup = with_groups();
    setup.inheritance.held = Holding::local;
    setup.inheritance.running_keys = "old a";
    LabEngine node{std::move(setup)};
    CHECK(node.logged("old: runs here, but haresources has no such group any more"));
    CHECK(node.engine().running_keys() == "a");
  }
}

TEST_CASE("what a peer still said before it restarted is delivered before its return") {
  EngineSetup setup = with_groups();
  LabEngine node = active_pair(5, std::move(setup));
  node.arrive(systole_status_of_n2("active", 7));
  node.arrive(resource_of_n2(8, "1:b"));
  node.clear();
  // 9 is lost; the last word waits for it, until a new life shows that it will never come.
  Message released = from_n2("shutdone", 10);
  released.add("st", "dead");
  node.arrive(released);
  CHECK_FALSE(node.logged("Received shutdown notice from"));
  node.arrive(status_of_n2("up", 1, 0x201));
  CHECK(node.logged("Heartbeat restart on node n2"));
  CHECK(node.logged("Received shutdown notice from"));
}

namespace {

struct Recorded {
  Duration at;
  std::uint16_t link;
  std::string bytes;
};

struct Sequence {
  Uuid uuid_of_n2;
  std::vector<Recorded> frames;
};

Sequence sequence(const std::string& name) {
  std::ifstream file{"tests/golden/sequences/" + name};
  REQUIRE(file.good());
  Sequence result;
  for (std::string line; std::getline(file, line);) {
    constexpr std::string_view mark = "# uuid of n2: ";
    if (line.starts_with(mark)) {
      for (std::size_t i = 0; i < 16; ++i) {
        const std::string byte = line.substr(mark.size() + 2 * i, 2);
        result.uuid_of_n2.bytes[i] = static_cast<std::byte>(std::stoul(byte, nullptr, 16));
      }
    }
    if (line.starts_with('#')) continue;
    std::istringstream words{line};
    std::int64_t microseconds = 0;
    std::uint16_t link = 0;
    std::string encoded;
    words >> microseconds >> link >> encoded;
    Recorded frame{std::chrono::microseconds{microseconds}, link, {}};
    frame.bytes.resize(base64_room(encoded));
    std::size_t size = 0;
    REQUIRE(read_base64(encoded, frame.bytes.data(), size));
    frame.bytes.resize(size);
    result.frames.push_back(frame);
  }
  return result;
}

LabEngine n2_beside(const Sequence& recorded, bool continues = false) {
  EngineSetup setup = lab_setup("n2");
  setup.inheritance.continues = continues;  // a recording that begins later has no repnodes
  setup.config.keepalive = 500ms;
  setup.identity.uuid = recorded.uuid_of_n2;
  return LabEngine{std::move(setup)};
}

void play(LabEngine& node, const Recorded& frame) {
  node.run_until(lab_start + frame.at);
  node.arrive(frame.bytes, frame.link);
}

}  // namespace

TEST_CASE("beside a recorded 3.0.6 we come up, and it is active") {
  const Sequence recorded = sequence("coldstart-two-links.txt");
  LabEngine node = n2_beside(recorded);
  for (const Recorded& frame : recorded.frames) play(node, frame);
  CHECK(node.status(n1) == NodeStatus::active);
  CHECK(node.status(n2) == NodeStatus::active);
  CHECK(node.sent("repnodes").size() == 1);
  CHECK(node.engine().counters()[Counter::lost] == 0);
  CHECK(node.engine().counters()[Counter::replays] == 0);
  CHECK(node.engine().counters()[Counter::bad_header] == 0);
  CHECK(node.logged("Link n1:eth1 up."));
}

TEST_CASE("the death and return of a recorded 3.0.6 are seen at their moments") {
  const Sequence recorded = sequence("failover-failback.txt");
  LabEngine node = n2_beside(recorded, true);
  Instant last_status{};
  bool dead = false;
  for (const Recorded& frame : recorded.frames) {
    if (!dead && lab_start + frame.at - last_status > 6s && last_status != Instant{}) {
      // it had said dt=6s: dead then, and not before
      node.run_until(last_status + 6s - 1ns);
      CHECK(node.status(n1) == NodeStatus::active);
      node.run_until(last_status + 6s);
      CHECK(node.status(n1) == NodeStatus::dead);
      dead = true;
    }
    play(node, frame);
    if (frame.bytes.find("t=status") != std::string::npos) last_status = lab_start + frame.at;
  }
  CHECK(dead);
  CHECK(node.logged("Heartbeat restart on node n1"));
  CHECK(node.status(n1) == NodeStatus::active);
}

TEST_CASE("the restart of a recorded 3.0.6 after a partition is taken calmly") {
  const Sequence recorded = sequence("partition-heal.txt");
  LabEngine node = n2_beside(recorded);
  for (const Recorded& frame : recorded.frames) play(node, frame);
  CHECK(node.logged("Heartbeat restart on node n1"));
  CHECK(node.status(n1) == NodeStatus::active);
  CHECK(node.status(n2) == NodeStatus::active);
  CHECK(node.count<Exit>() == 0);
}
