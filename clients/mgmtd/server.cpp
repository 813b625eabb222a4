// server: the role main of the process without rights that speaks with management clients
#include "clients/mgmtd/server.hpp"

#include "clients/mgmtd/certificate.hpp"
#include "clients/mgmtd/clients.hpp"
#include "clients/mgmtd/mgmt_log.hpp"
#include "clients/mgmtd/partner.hpp"
#include "clients/mgmtd/rights.hpp"
#include "clients/mgmtd/web.hpp"
#include "os/clock.hpp"
#include "os/loop.hpp"
#include "os/paths.hpp"
#include "os/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>

#include <utility>

namespace hb::clients::mgmtd {

namespace {

constexpr std::chrono::seconds tick{1};

/// A descriptor that the keeper may have left out; to be called before anything else is opened.
os::Fd inherited(int descriptor) {
  return os::Fd{::fcntl(descriptor, F_GETFD) >= 0 ? descriptor : os::Fd::none};
}

/// What the keeper listens with for us.
struct Listening {
  os::Fd tls, local, http;
};

class Server {
 public:
  Server(Listening listening, LocalAccess access)
      : listening_(std::move(listening)), clients_(loop_, keeper_, asker_, access) {}

  void watch_all() {
    watch(keeper_, [this](const core::Message& message) {
      if (message.type() == wire::verdict) clients_.verdict(message);
    });
    watch(asker_, [this](const core::Message& message) {
      if (message.type() == wire::answer) clients_.answered(message);
      if (message.type() == wire::event) clients_.event(message);
      if (message.type() == wire::picture) web_.picture(message);
    });
    if (const int tls = listening_.tls.get(); tls >= 0)
      loop_.watch(tls, [this, tls] { clients_.accept_tls(tls); });
    if (const int local = listening_.local.get(); local >= 0)
      loop_.watch(local, [this, local] { clients_.accept_local(local); });
    if (const int http = listening_.http.get(); http >= 0) {
      loop_.watch(http, [this, http] { web_.accept(http); });
      core::Message wanted;
      wanted.add("t", wire::watch);
      asker_.send(wanted);
    }
    loop_.on_turn([this] { turn(); });
    loop_.deadline(os::now().instant + tick);
  }
  /// Root's files, so before the rights are gone.
  [[nodiscard]] core::Result<void> load_certificate() {
    if (!listening_.tls) return {};
    auto context = TlsContext::server(certificate_file, key_file);
    if (!context) return context.error();
    clients_.set_tls(std::move(*context));
    return {};
  }
  void run() { loop_.run(); }

 private:
  template <class Take>
  void watch(Partner& partner, Take take) {
    loop_.watch(partner.socket(), [this, &partner, take] {
      if (partner.fill() == Partner::Stream::gone) return loop_.stop();  // the keeper starts anew
      while (const auto message = partner.next()) take(*message);
    });
  }

  void turn() {
    const auto now = os::now().instant;
    if (now >= next_tick_) {
      next_tick_ = now + tick;
      clients_.tick(now);
      web_.tick(now);
      loop_.deadline(next_tick_);
    }
    clients_.sweep();
    web_.sweep();
    for (Partner* partner : {&keeper_, &asker_})
      if (partner->has_queued())
        loop_.when_writable(partner->socket(), [this, partner] {
          if (partner->flush() == Partner::Stream::gone) loop_.stop();
        });
  }

  Listening listening_;
  os::Loop loop_;
  Partner keeper_{os::Fd{3}}, asker_{os::Fd{4}};
  Clients clients_;
  Web web_{loop_};
  core::Instant next_tick_{};
};

}  // namespace

int server_main() {
  os::begin_child(8);
  ::prctl(PR_SET_NAME, "mgmtd-server");
  Listening listening{inherited(5), inherited(6), inherited(7)};
  const auto access = local_access();
  if (!access) {
    log(core::LogLevel::error, access.error().text);
    return 77;
  }
  Server server(std::move(listening), *access);
  if (auto loaded = server.load_certificate(); !loaded) {
    log(core::LogLevel::error, loaded.error().text);
    return 64;
  }
  server.watch_all();
  // From here on nothing can be opened any more, and nobody's files can be seen.
  if (auto given_up = give_rights_up(os::Profile::status, os::paths::empty_dir); !given_up) {
    log(core::LogLevel::error, given_up.error().text);
    return 77;
  }
  server.run();
  return 0;
}

}  // namespace hb::clients::mgmtd
