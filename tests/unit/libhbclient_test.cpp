// libhbclient_test: the C library's own messages, and its cluster object before a trying daemon
#include "clients/libhbclient/cluster.hpp"
#include "clients/libhbclient/ha_msg.hpp"

#include "tests/unit/api_daemon.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

namespace {

using Daemon = hb::test::ApiDaemon;
using hb::clients::libhbclient::Cluster;
using hb::core::FieldType;
using hb::core::Message;
using std::chrono::milliseconds;

constexpr milliseconds patience{5000}, short_patience{100};

/// Deletes what the C functions made.
struct Delete {
  void operator()(ha_msg* message) const { ha_msg_del(message); }
};
using Owned = std::unique_ptr<ha_msg, Delete>;

std::string text(const ha_msg* message, const char* name) {
  const char* found = cl_get_string(message, name);
  return found != nullptr ? found : "(none)";
}

}  // namespace

TEST_CASE("fields of every kind are added, found, replaced and removed") {
  const Owned message(ha_msg_new(0));
  REQUIRE(message);
  CHECK(ha_msg_add(message.get(), "t", "test") == HA_OK);
  CHECK(ha_msg_add(message.get(), "t", "second") == HA_OK);
  CHECK(text(message.get(), "t") == "test");
  CHECK(ha_msg_add_int(message.get(), "int", -7) == HA_OK);
  CHECK(ha_msg_add_ul(message.get(), "ul", 18446744073709551615ul) == HA_OK);
  int number = 0;
  unsigned long large = 0;
  CHECK(ha_msg_value_int(message.get(), "int", &number) == HA_OK);
  CHECK(ha_msg_value_ul(message.get(), "ul", &large) == HA_OK);
  CHECK(number == -7);
  CHECK(large == 18446744073709551615ul);
  CHECK(ha_msg_value_int(message.get(), "ul", &number) == HA_FAIL);  // too large
  CHECK(ha_msg_value_int(message.get(), "t", &number) == HA_FAIL);
  CHECK(ha_msg_mod_int(message.get(), "int", 8) == HA_OK);
  CHECK(text(message.get(), "int") == "8");

  CHECK(ha_msg_addbin(message.get(), "bin", "a\0b", 3) == HA_OK);
  std::size_t size = 0;
  const void* bytes = cl_get_binary(message.get(), "bin", &size);
  REQUIRE(bytes != nullptr);
  CHECK(std::string(static_cast<const char*>(bytes), size) == std::string("a\0b", 3));
  CHECK(cl_get_string(message.get(), "bin") == nullptr);
  CHECK(cl_get_type(message.get(), "bin") == 1);
  CHECK(cl_get_type(message.get(), "none") < 0);

  cl_uuid_t uuid{}, found{};
  std::memset(&uuid, 0x17, sizeof uuid);
  CHECK(cl_msg_moduuid(message.get(), "id", &uuid) == HA_OK);
  CHECK(cl_get_uuid(message.get(), "id", &found) == HA_OK);
  CHECK(std::memcmp(&uuid, &found, sizeof uuid) == 0);
  CHECK(cl_get_uuid(message.get(), "bin", &found) == HA_FAIL);

  CHECK(cl_msg_remove(message.get(), "t") == HA_OK);
  CHECK(text(message.get(), "t") == "second");
  CHECK(cl_msg_remove(message.get(), "none") == HA_FAIL);
}

TEST_CASE("what cannot be a field, and null pointers, fail and do no harm") {
  const Owned message(ha_msg_new(0));
  for (const char* name : {"", "a=b", "(1)x", "new\nline"})
    CHECK(ha_msg_add(message.get(), name, "x") == HA_FAIL);
  CHECK(ha_msg_add(message.get(), nullptr, "x") == HA_FAIL);
  CHECK(ha_msg_add(message.get(), "x", nullptr) == HA_FAIL);
  CHECK(ha_msg_add(nullptr, "x", "x") == HA_FAIL);
  CHECK(cl_get_string(nullptr, "x") == nullptr);
  CHECK(cl_get_string(message.get(), nullptr) == nullptr);
  CHECK(cl_get_struct(message.get(), "x") == nullptr);
  CHECK(ha_msg_copy(nullptr) == nullptr);
  CHECK(cl_msg_modstring(nullptr, "x", "y") == HA_FAIL);
  ha_msg_del(nullptr);
}

TEST_CASE("messages in messages; copies; the way to the wire and back") {
  const Owned outer(ha_msg_new(0)), inner(ha_msg_new(0));
  ha_msg_add(inner.get(), "t", "inner");
  ha_msg_add(outer.get(), "t", "outer");
  REQUIRE(ha_msg_addstruct(outer.get(), "child", inner.get()) == HA_OK);
  const Owned copy(ha_msg_copy(outer.get()));
  REQUIRE(copy);
  ha_msg* child = cl_get_struct(copy.get(), "child");
  REQUIRE(child != nullptr);
  CHECK(text(child, "t") == "inner");
  CHECK(cl_get_struct(copy.get(), "child") == child);  // and belongs to its parent
  const auto sent = hb::clients::libhbclient::from_c(copy.get());
  REQUIRE(sent.has_value());
  const Owned back(hb::clients::libhbclient::to_c(*sent));
  CHECK(text(back.get(), "t") == "outer");
  CHECK(text(cl_get_struct(back.get(), "child"), "t") == "inner");

  Message hostile;  // a nested message that is none
  hostile.add("t", "x");
  hostile.add("child", "###\n99999999999:(0)", FieldType::nested);
  const Owned received(hb::clients::libhbclient::to_c(hostile));
  CHECK(cl_get_struct(received.get(), "child") == nullptr);
}

TEST_CASE("a blocking read ends when the daemon goes, or does not answer any more") {
  Daemon gone([](Daemon& d) { d.accept_sign_on(); });
  Cluster first(gone.path, patience);
  REQUIRE(first.signon(nullptr) == HA_OK);
  CHECK(first.readmsg(1) == nullptr);
  CHECK(std::string(first.errmsg()) == "the daemon has closed the connection");
  CHECK(first.chan_is_connected() == 0);
  CHECK(first.readmsg(1) == nullptr);  // at once
  CHECK(first.inputfd() == -1);

  Daemon hung([](Daemon& d) {
    d.accept_sign_on();
    CHECK(d.next().text_or_empty("reqtype") == "numnodes");
    d.next();  // waits until the client has gone
  });
  Cluster second(hung.path, short_patience);
  REQUIRE(second.signon(nullptr) == HA_OK);
  CHECK(second.readmsg(1) == nullptr);
  CHECK(std::string(second.errmsg()) == "the daemon does not answer");
}

TEST_CASE("a blocking read goes on while a silent daemon answers") {
  Daemon daemon([](Daemon& d) {
    d.accept_sign_on();
    for (int i = 0; i < 3; ++i) {
      d.next();
      d.say("t=hbapi-resp\nreqtype=numnodes\nnumnodes=2\nresult=OK\n");
    }
    d.say("t=news\n");
  });
  Cluster cluster(daemon.path, short_patience);
  REQUIRE(cluster.signon(nullptr) == HA_OK);
  const Owned news(cluster.readmsg(1));
  REQUIRE(news);
  CHECK(text(news.get(), "t") == "news");
}

TEST_CASE("a flood of events for callbacks does not hold a read that must not wait") {
  static int calls;
  calls = 0;
  Daemon daemon([](Daemon& d) {
    d.accept_sign_on();
    std::string flood;
    for (int i = 0; i < 3000; ++i)
      hb::core::append_api_frame(hb::core::as_bytes(">>>\nt=ifstat\nnode=n2\n<<<\n"), flood);
    d.raw(flood);
    d.next();
  });
  Cluster cluster(daemon.path, patience);
  REQUIRE(cluster.signon(nullptr) == HA_OK);
  cluster.set_ifstatus_callback(
      [](const char* node, const char* link, const char*, void*) {
        calls += std::string(node) == "n2" && std::string(link).empty() ? 1 : 1'000'000;
      },
      nullptr);
  for (int i = 0; i < 1000 && calls < 3000; ++i) {
    const int before = calls;
    CHECK(cluster.readmsg(0) == nullptr);
    CHECK(calls - before <= Cluster::callbacks_in_a_row);
    if (calls == before) CHECK(cluster.readmsg(1) == nullptr);  // not yet here: the daemon ends
    if (calls == before) break;
  }
  CHECK(calls > 0);
  CHECK(calls < 4000);
}

TEST_CASE("the object may be deleted inside its own callback") {
  static ll_cluster_t* object;
  Daemon daemon([](Daemon& d) {
    d.accept_sign_on();
    d.say("t=ifstat\nnode=n2\n");
    d.next();
  });
  ::setenv("HEARTBEAT_API_SOCKET", daemon.path.c_str(), 1);
  object = ll_cluster_new("heartbeat");
  ::unsetenv("HEARTBEAT_API_SOCKET");
  REQUIRE(object != nullptr);
  REQUIRE(object->llc_ops->signon(object, nullptr) == HA_OK);
  object->llc_ops->set_ifstatus_callback(
      object,
      [](const char*, const char*, const char*, void*) { object->llc_ops->delete_(object); },
      nullptr);
  CHECK(object->llc_ops->readmsg(object, 1) == nullptr);
}

TEST_CASE("every operation of no object fails, and none crashes") {
  ll_cluster_t* object = ll_cluster_new("heartbeat");
  REQUIRE(object != nullptr);
  const llc_ops* ops = object->llc_ops;
  CHECK(ops->signon(nullptr, nullptr) == HA_FAIL);
  CHECK(ops->readmsg(nullptr, 1) == nullptr);
  CHECK(ops->node_weight(nullptr, "n1") == -1);
  // Signed on to nobody, null arguments.
  CHECK(ops->node_status(object, nullptr) == nullptr);
  CHECK(ops->if_status(object, nullptr, nullptr) == nullptr);
  CHECK(ops->client_status(object, nullptr, nullptr, -1) == nullptr);
  CHECK(ops->get_uuid_by_name(object, nullptr, nullptr) == HA_FAIL);
  CHECK(ops->get_name_by_uuid(object, nullptr, nullptr, 0) == HA_FAIL);
  CHECK(ops->sendclustermsg(object, nullptr) == HA_FAIL);
  CHECK(ops->sendnodemsg(object, nullptr, nullptr) == HA_FAIL);
  CHECK(ops->get_parameter(object, nullptr) == nullptr);
  CHECK(ops->readmsg(object, 1) == nullptr);
  CHECK(ops->msgready(object) == 0);
  CHECK(ops->ipcchan(object) == nullptr);
  CHECK(ops->inputfd(object) == -1);
  CHECK(std::string(ops->errmsg(object)).empty());
  CHECK(ops->delete_(object) == HA_OK);
}
