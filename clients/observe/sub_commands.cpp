// sub_commands: cl_status json, metrics and why, which read the board and ask the daemon nothing
#include "clients/observe/sub_commands.hpp"

#include "clients/observe/story.hpp"
#include "clients/observe/tellings.hpp"
#include "clients/observe/view.hpp"
#include "os/paths.hpp"

#include <boost/json.hpp>

#include <fmt/chrono.h>
#include <fmt/core.h>

#include <cstdio>
#include <ctime>
#include <optional>

namespace hb::clients::reports {

namespace {

namespace json = boost::json;
using observe::Subject;
using observe::Telling;

std::string clock_text(std::int64_t wall_seconds) {
  const auto at = static_cast<std::time_t>(wall_seconds);
  std::tm parts{};
  // A board that lies may hold a year that no calendar has.
  if (::localtime_r(&at, &parts) == nullptr) return "?";
  return fmt::format("{:%Y-%m-%d %H:%M:%S}", parts);
}

/// Nothing if neither a group nor a node is named so.
std::optional<Subject> subject_of(const observe::View& view, const std::string& word) {
  const core::Snapshot& snapshot = *view.snapshot;
  if (word.empty() || word == "last") return Subject{};
  for (std::size_t i = 0; i < snapshot.group_count; ++i)
    if (snapshot.groups[i].key.view() == word) return Subject{Subject::Kind::group, word};
  for (std::size_t i = 0; i < snapshot.node_count; ++i)
    if (snapshot.nodes[i].name.view() == word) return Subject{Subject::Kind::node, word};
  return std::nullopt;
}

void print_story(const observe::View& view, const std::vector<Telling>& story) {
  const core::Snapshot& snapshot = *view.snapshot;
  const std::string self = observe::node_name(snapshot, snapshot.self);
  if (view.daemon != observe::Daemon::running)
    fmt::print("The daemon of {} {}; this is what it knew {} s ago.\n", self,
               view.daemon == observe::Daemon::ended ? "has ended" : "hangs",
               observe::seconds_text(view.age));
  fmt::print("{}, as {} saw it:\n",
             observe::moved(story) ? "The last move" : "Nothing was moved", self);
  for (const Telling& each : story)
    fmt::print("{}  {:<8} {}\n", clock_text(each.wall_seconds), observe::name_of(each.step),
               each.sentence);
  for (std::size_t i = 0; i < snapshot.group_count; ++i) {
    const core::GroupRow& row = snapshot.groups[i];
    const std::string owner = observe::node_name(snapshot, row.owner);
    fmt::print("{} {} {}{}\n", view.daemon == observe::Daemon::running ? "Now" : "Last,",
               observe::plain(row.key.view()),
               owner == "-" ? "runs nowhere that this node knows of" : "is with " + owner,
               row.owner == snapshot.self
                   ? fmt::format(", {}", core::name_of(row.state)) : std::string{});
  }
}

void print_json(const observe::View& view, const std::vector<Telling>& story) {
  json::array steps;
  for (const Telling& each : story)
    steps.push_back({{"time", each.wall_seconds}, {"step", observe::name_of(each.step)},
                     {"sentence", each.sentence}, {"log", each.words}});
  const json::object object{
      {"node", observe::node_name(*view.snapshot, view.snapshot->self)},
      {"daemon", observe::name_of(view.daemon)},
      {"moved", observe::moved(story)},
      {"steps", std::move(steps)}};
  fmt::print("{}\n", json::serialize(object));
}

}  // namespace

int run_json(const Call&) {
  const auto view = observe::look(os::paths::board);
  fmt::print("{}\n", view ? observe::to_json(*view) : observe::to_json_without(view.error().text));
  return view && view->daemon == observe::Daemon::running ? good : normal_failure;
}

int run_metrics(const Call&) {
  const auto view = observe::look(os::paths::board);
  fmt::print("{}", view ? observe::to_metrics(*view) : observe::to_metrics_without());
  return good;
}

int run_why(const Call& call) {
  std::string word;
  bool as_json = false;
  for (const std::string& each : call.options.words) {
    if (each == "--json") {
      as_json = true;
    } else if (word.empty()) {
      word = each;
    } else {
      std::fputs("Name one group or node, or last.\n", stderr);
      return parameter_error;
    }
  }
  const auto view = observe::look(os::paths::board);
  if (!view) {
    log_failure("Cannot tell why", view.error().text);
    return normal_failure;
  }
  const auto subject = subject_of(*view, word);
  if (!subject) {
    fmt::print(stderr, "{} is neither a group nor a node of this cluster.\n",
               observe::plain(word));
    return parameter_error;
  }
  const auto outcomes = ipc::read_outcomes(os::paths::outcomes);
  const auto story = observe::tell(
      view->journal, outcomes ? std::span{outcomes->entries()} : std::span<const ipc::Outcome>{},
      *subject);
  if (as_json) {
    print_json(*view, story);
  } else if (story.empty()) {
    std::fputs("The black box tells of no move and of no cause for one.\n", stdout);
  } else {
    print_story(*view, story);
  }
  return story.empty() ? normal_failure : good;
}

}  // namespace hb::clients::reports
