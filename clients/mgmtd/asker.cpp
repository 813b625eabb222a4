// asker: the role main of the process that asks the daemon, answers requests and tells of changes
#include "clients/mgmtd/asker.hpp"

#include "clients/mgmtd/changes.hpp"
#include "clients/mgmtd/mgmt_log.hpp"
#include "clients/mgmtd/overview.hpp"
#include "clients/mgmtd/partner.hpp"
#include "clients/mgmtd/rights.hpp"
#include "clients/mgmtd/source.hpp"
#include "clients/mgmtd/verbs.hpp"
#include "os/clock.hpp"
#include "os/process.hpp"

#include <poll.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

namespace hb::clients::mgmtd {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How often the board is looked at for services that moved, and a stopped daemon is tried again.
constexpr milliseconds tick{500}, retry{1000};
/// How fresh the metrics are, and how long a move may take to be seen on the page.
constexpr milliseconds freshness{1000};
/// The keeper only writes a line into a FIFO.
constexpr milliseconds order_patience{2000};

class Asker {
 public:
  Asker(os::Fd keeper, os::Fd server)
      : keeper_(std::move(keeper)), server_(std::move(server)) {}

  /// Until one of the others is gone.
  void run() {
    while (wait()) {
      answer_waiting();
      if (dirty_ && Clock::now() >= next_try_) look_again();
    }
  }

 private:
  bool wait();
  bool collect();
  void answer_waiting();
  void look_again();
  core::Result<Picture> look(Depth depth);
  void tell(const core::Result<Picture>& now);
  mgmt::Answer order(const MoveOrder& order);
  void send_event(const mgmt::Event& event);
  void send_picture();

  struct Waiting {
    std::string id;
    mgmt::Request request;
  };

  Partner keeper_, server_;
  Source source_;
  std::vector<Waiting> waiting_;
  Overview overview_;
  bool watched_ = false;   ///< somebody looks at pictures
  bool dirty_ = true;      ///< the cluster may look different now
  Clock::time_point next_try_{}, next_tick_{}, next_fresh_{};
};

/// False when it is time to end.
bool Asker::wait() {
  const auto until = dirty_ ? std::max(next_try_, Clock::now()) : next_tick_;
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  const auto server_events = static_cast<short>(POLLIN | (server_.has_queued() ? POLLOUT : 0));
  std::array<pollfd, 3> polled{{{server_.socket(), server_events, 0},
                                {keeper_.socket(), POLLIN, 0},
                                {source_.socket(), POLLIN, 0}}};
  if (waiting_.empty())
    ::poll(polled.data(), polled.size(), static_cast<int>(std::clamp<long>(left, 0, 1000)));
  if (polled[0].revents != 0 && !collect()) return false;
  if (polled[0].revents != 0 && server_.flush() == Partner::Stream::gone) return false;
  // The keeper speaks only when ordered: this is its end.
  if (polled[1].revents != 0 && keeper_.fill() == Partner::Stream::gone) return false;
  if (polled[2].revents != 0 && source_.drain()) dirty_ = true;
  if (Clock::now() >= next_tick_) {
    next_tick_ = Clock::now() + tick;
    const bool stale = watched_ && Clock::now() >= next_fresh_;
    if (!overview_.reachable || stale || source_.groups_changed()) dirty_ = true;
  }
  return true;
}

bool Asker::collect() {
  if (server_.fill() == Partner::Stream::gone) return false;
  while (const auto message = server_.next()) {
    if (message->type() == wire::watch) watched_ = true;
    if (message->type() != wire::ask) continue;
    Waiting waiting;
    waiting.id = message->text_or_empty("id");
    waiting.request.name = message->text_or_empty("verb");
    for (std::size_t i = 0; i < message->size(); ++i)
      if ((*message)[i].name == "arg") waiting.request.arguments.emplace_back((*message)[i].value);
    waiting_.push_back(std::move(waiting));
  }
  return true;
}

/// All that wait are answered from one picture: a hung daemon costs its patience only once.
void Asker::answer_waiting() {
  if (waiting_.empty()) return;
  Depth depth = Depth::nodes;
  for (const Waiting& one : waiting_)
    if (const Verb* verb = find_verb(one.request.name)) depth = std::max(depth, verb->depth);
  const auto picture = look(depth);
  for (const Waiting& one : std::exchange(waiting_, {})) {
    Outcome outcome = carry_out(one.request, picture);
    if (outcome.order) outcome.answer = order(*outcome.order);
    core::Message message;
    message.add("t", wire::answer);
    message.add("id", one.id);
    message.add("verdict", outcome.answer.verdict == mgmt::Verdict::ok ? "ok" : "fail");
    for (const std::string& value : outcome.answer.values) message.add("value", value);
    server_.send(message);
  }
}

void Asker::look_again() {
  static_cast<void>(look(Depth::nodes));
}

core::Result<Picture> Asker::look(Depth depth) {
  dirty_ = false;
  next_fresh_ = Clock::now() + freshness;
  auto now = source_.picture(depth);
  tell(now);
  if (!now) {
    dirty_ = true;
    next_try_ = Clock::now() + retry;
  }
  if (watched_) send_picture();
  return now;
}

void Asker::tell(const core::Result<Picture>& now) {
  if (!now) {
    overview_.reason = now.error().text;
    if (std::exchange(overview_.reachable, false))
      send_event({"daemon", overview_.picture.self, "down", now.error().text});
    return;
  }
  overview_.reason.clear();
  if (!std::exchange(overview_.reachable, true)) send_event({"daemon", now->self, "up"});
  for (const mgmt::Event& event : changes(overview_.picture, *now)) send_event(event);
  overview_.journal = source_.journal();
  overview_.advance(*now, os::now().wall.time_since_epoch().count());
}

void Asker::send_event(const mgmt::Event& event) {
  core::Message message;
  message.add("t", wire::event);
  for (const std::string& word : event) message.add("word", word);
  server_.send(message);
}

void Asker::send_picture() {
  core::Message message;
  message.add("t", wire::picture);
  message.add("json", to_json(overview_));
  message.add("metrics", to_metrics(overview_));
  server_.send(message);
}

/// Waits for the keeper, which does nothing else at that moment that could take long.
mgmt::Answer Asker::order(const MoveOrder& wanted) {
  constexpr std::array<std::string_view, 2> whats{"give", "take"};
  constexpr std::array<std::string_view, 3> whiches{"all", "local", "foreign"};
  core::Message message;
  message.add("t", wire::order);
  message.add("what", whats.at(static_cast<std::size_t>(wanted.what)));
  message.add("which", whiches.at(static_cast<std::size_t>(wanted.which)));
  keeper_.send(message);
  const auto deadline = Clock::now() + order_patience;
  while (Clock::now() < deadline) {
    pollfd polled{keeper_.socket(), POLLIN, 0};
    ::poll(&polled, 1, 100);
    if (polled.revents != 0 && keeper_.fill() == Partner::Stream::gone) break;
    const auto reply = keeper_.next();
    if (!reply) continue;
    const std::string error(reply->text_or_empty("error"));
    return error.empty() ? mgmt::good() : mgmt::failed(error);
  }
  return mgmt::failed("the order could not be given in time");
}

}  // namespace

int asker_main() {
  os::begin_child(5);
  ::prctl(PR_SET_NAME, "mgmtd-asker");
  if (auto given_up = give_rights_up(os::Profile::unfiltered); !given_up) {
    log(core::LogLevel::error, given_up.error().text);
    return 77;
  }
  Asker asker(os::Fd{3}, os::Fd{4});
  asker.run();
  return 0;
}

}  // namespace hb::clients::mgmtd
