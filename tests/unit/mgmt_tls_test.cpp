// mgmt_tls_test: TLS in memory, certificates made and pinned
#include "clients/mgmtcmd/known_servers.hpp"
#include "clients/mgmtd/certificate.hpp"
#include "clients/mgmtd/listener.hpp"
#include "clients/tls.hpp"
#include "os/file.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

using namespace hb::clients;
using mgmtcmd::Acquaintance;
using Side = TlsStream::Side;

struct Folder {
  std::string path = "/tmp/mgmt-tls-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

struct Files : Folder {
  std::string certificate = path + "/certificate", key = path + "/key";
};

/// Carries bytes both ways until neither has more to say.
void talk(TlsStream& server, TlsStream& client, std::string& at_server, std::string& at_client) {
  for (std::string to_server = client.take_output(), to_client; !to_server.empty();) {
    REQUIRE(server.receive(to_server, at_server).has_value());
    to_client = server.take_output();
    REQUIRE(client.receive(to_client, at_client).has_value());
    to_server = client.take_output();
  }
}

}  // namespace

TEST_CASE("a made certificate serves: both sides understand each other") {
  const Files files;
  REQUIRE(mgmtd::provide_certificate(files.certificate, files.key).has_value());
  const auto server_context = TlsContext::server(files.certificate, files.key);
  const auto client_context = TlsContext::client();
  REQUIRE(server_context.has_value());
  REQUIRE(client_context.has_value());
  TlsStream server(*server_context, Side::server), client(*client_context, Side::client);
  REQUIRE(client.send("login\nann\npw").has_value());
  std::string at_server, at_client;
  talk(server, client, at_server, at_client);
  CHECK(server.established());
  CHECK(client.established());
  REQUIRE(client.receive({}, at_client).has_value());
  talk(server, client, at_server, at_client);
  CHECK(at_server == "login\nann\npw");
  const std::string print = client.peer_fingerprint();
  CHECK(print.size() == 7 + 64);

  REQUIRE(server.send("ok").has_value());
  server.close();
  const auto more = client.receive(server.take_output(), at_client);
  REQUIRE(more.has_value());
  CHECK_FALSE(*more);  // a goodbye, not a cut line
  CHECK(at_client == "ok");
}

TEST_CASE("what is no TLS is refused, and so is TLS 1.1") {
  const Files files;
  REQUIRE(mgmtd::provide_certificate(files.certificate, files.key).has_value());
  const auto context = TlsContext::server(files.certificate, files.key);
  REQUIRE(context.has_value());
  std::string plain;
  TlsStream one(*context, Side::server), other(*context, Side::server);
  CHECK_FALSE(one.receive("all_nodes\n\n\n\n\n\n", plain).has_value());
  // The hello of a client that offers no more than TLS 1.1 (version 3.2), with one cipher.
  std::string hello("\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x02", 11);
  hello.append(32, 'r').append(std::string("\x00\x00\x02\x00\x2f\x01\x00", 7));
  CHECK_FALSE(other.receive(hello, plain).has_value());
  CHECK(plain.empty());
}

TEST_CASE("key and certificate are made once, the key for root's eyes only") {
  const Files files;
  REQUIRE(mgmtd::provide_certificate(files.certificate, files.key).has_value());
  struct stat facts{};
  REQUIRE(::stat(files.key.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600U);
  const auto first = hb::os::read_file(files.certificate, 100'000);
  REQUIRE(mgmtd::provide_certificate(files.certificate, files.key).has_value());
  CHECK(*hb::os::read_file(files.certificate, 100'000) == *first);

  ::chmod(files.key.c_str(), 0640);
  const auto readable = mgmtd::provide_certificate(files.certificate, files.key);
  REQUIRE_FALSE(readable.has_value());
  CHECK(readable.error().text.find("chmod 600") != std::string::npos);
  ::chmod(files.key.c_str(), 0600);
  std::filesystem::remove(files.certificate);
  CHECK_FALSE(mgmtd::provide_certificate(files.certificate, files.key).has_value());
}

TEST_CASE("a certificate is pinned at the first use, and a change refused") {
  const Folder folder;
  const std::string path = folder.path + "/.systole/known_servers";
  CHECK(*mgmtcmd::meet(path, "n1", 5560, "sha256:aa") == Acquaintance::fresh);
  CHECK(*mgmtcmd::meet(path, "n1", 5560, "sha256:aa") == Acquaintance::same);
  CHECK(*mgmtcmd::meet(path, "n1", 5561, "sha256:bb") == Acquaintance::fresh);
  CHECK(*mgmtcmd::meet(path, "n", 5560, "sha256:cc") == Acquaintance::fresh);
  const auto changed = mgmtcmd::meet(path, "n1", 5560, "sha256:bb");
  REQUIRE_FALSE(changed.has_value());
  CHECK(changed.error().text.find("not the one that was pinned") != std::string::npos);
  CHECK(*mgmtcmd::meet(path, "n1", 5560, "sha256:aa") == Acquaintance::same);
  CHECK_FALSE(mgmtcmd::meet(path, "n1", 5560, "").has_value());
  CHECK_FALSE(mgmtcmd::meet(path, "n1 sha256:x\nn2", 5560, "sha256:aa").has_value());
}

TEST_CASE("endpoints are address and port, or a port alone") {
  CHECK(mgmtd::parse_endpoint("5561")->port == 5561);
  CHECK(mgmtd::parse_endpoint("127.0.0.1:5561")->address == "127.0.0.1");
  CHECK(mgmtd::parse_endpoint("[::1]:5561")->address == "::1");
  CHECK(mgmtd::to_text(*mgmtd::parse_endpoint("[::1]:5561")) == "[::1]:5561");
  for (const char* wrong : {"", "0", "65536", "12x", "localhost:80", "127.0.0.1:", "300.1.1.1:80"})
    CHECK_FALSE(mgmtd::parse_endpoint(wrong).has_value());
}
