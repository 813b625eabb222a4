// story: what the black box tells of the last move, or of why nothing moved, in plain sentences
#include "clients/observe/story.hpp"

#include "clients/observe/view.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include <fmt/core.h>

namespace hb::clients::observe {

namespace {

/// What a line of the daemon means for people; `{}` is the line itself.
struct Meaning {
  std::string_view part;  ///< of the line: the daemon's words, which do not change (log_text)
  Step step;
  std::string_view gloss;  ///< said after the words; empty if they speak for themselves
};

/// The first that fits counts.
constexpr std::array meanings{
    Meaning{"Late heartbeat: Node", Step::silence, "a measured gap between two heartbeats"},
    Meaning{"Deadtime value may be too small", Step::silence, ""},
    Meaning{" dead.", Step::silence, "nothing came on this link for the dead time"},
    Meaning{"own pause", Step::pause, ""},
    Meaning{"did not run for", Step::pause, ""},
    Meaning{"Did another node take over", Step::pause, "this node judged itself first"},
    Meaning{"No other node took over", Step::pause, ""},
    Meaning{": is dead", Step::verdict, "its dead time passed without a heartbeat on any link"},
    Meaning{"returning after partition", Step::verdict, "it lived all the time, unheard"},
    Meaning{"Heartbeat restart on node", Step::verdict, "its daemon was started anew"},
    Meaning{"Resetting node", Step::fencing, "nothing is taken over before the device's word"},
    Meaning{"now reset.", Step::fencing, ""},
    Meaning{"not reset!", Step::fencing, ""},
    Meaning{"STONITH of", Step::fencing, ""},
    Meaning{"was reset by", Step::fencing, ""},
    Meaning{"it is not reset any more", Step::fencing, ""},
    Meaning{"does not have the witness", Step::hold, "so nothing was moved"},
    Meaning{"its address still answers", Step::hold, "an address must not have two owners"},
    Meaning{"its address does not answer any more", Step::move, "so it could be taken"},
    Meaning{"it may still run there", Step::hold, ""},
    Meaning{"refused: maintenance is on", Step::hold, ""},
    Meaning{"Maintenance is on", Step::hold, ""},
    Meaning{"left so in maintenance", Step::hold, ""},
    Meaning{"is not started here any more", Step::hold, ""},
    Meaning{"failed, and stays so by its policy", Step::hold, ""},
    Meaning{"stays here, as it failed on", Step::hold, ""},
    Meaning{"Standby refused", Step::hold, ""},
    Meaning{"Takeover refused", Step::hold, ""},
    Meaning{"No reply to standby request", Step::hold, ""},
    Meaning{"Standby broken off", Step::hold, ""},
    Meaning{"Other side is in flux", Step::hold, ""},
    Meaning{"local resources in flux", Step::hold, ""},
    Meaning{"Both machines own", Step::hold, "both nodes hold the same resources"},
    Meaning{"Going standby [", Step::order, "asked for on this node"},
    Meaning{"wants to go standby", Step::order, "asked for on that node"},
    Meaning{"Received shutdown notice from", Step::order, "that node leaves in good order"},
    Meaning{"Giving up all HA resources", Step::order, "this node leaves in good order"},
    Meaning{"whose service interface works", Step::order, "its interface here does not"},
    Meaning{"Giving up resources due to failure", Step::order, "a resource would not start"},
    Meaning{"does not run any more, says its monitor", Step::order, ""},
    Meaning{"Resources being acquired from", Step::move, ""},
    Meaning{"Acquiring resource group:", Step::move, ""},
    Meaning{"Releasing resource group:", Step::move, ""},
    Meaning{"Taking over resource group", Step::move, ""},
    Meaning{"releasing it here", Step::move, ""},
    Meaning{"mach_down takeover complete for node", Step::done, "all was taken over"},
    Meaning{"Local standby process completed", Step::done, ""},
    Meaning{"Standby resource acquisition done", Step::done, ""},
    Meaning{"All HA resources relinquished", Step::done, ""},
    Meaning{"Local Resource acquisition completed", Step::done, ""},
};

/// So that times can be subtracted, whatever the board says.
constexpr std::int64_t latest_second = std::int64_t{1} << 40;

std::int64_t sane(std::int64_t wall_seconds) {
  return std::clamp<std::int64_t>(wall_seconds, 0, latest_second);
}

std::optional<Telling> telling_of(const ipc::LogLine& line) {
  for (const Meaning& meaning : meanings) {
    if (line.text.find(meaning.part) == std::string::npos) continue;
    Telling telling{meaning.step, sane(line.wall_seconds), plain(line.text), plain(line.text)};
    if (!meaning.gloss.empty()) telling.sentence += fmt::format(" ({})", meaning.gloss);
    return telling;
  }
  return std::nullopt;
}

/// "IPaddr2::192.0.2.1/24/eth0: start: exit code 0 after 0.004 s"
Telling telling_of(const ipc::Outcome& outcome) {
  return {Step::script, sane(outcome.at),
          fmt::format("{}: {}{}", plain(outcome.script), plain(ipc::text_of(outcome)),
                      outcome.failed() ? " (failed)" : ""),
          {}};
}

bool is_part_of_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

/// `name` as a whole word: n1 is not in n10.
bool names(std::string_view text, std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || !is_part_of_name(text[at - 1])) &&
        (end == text.size() || !is_part_of_name(text[end])))
      return true;
  }
  return false;
}

/// A step that an episode is told for; the others only belong to one.
bool is_core(Step step) {
  return step != Step::silence && step != Step::pause && step != Step::done;
}

bool is_about(const Telling& telling, const Subject& subject) {
  if (subject.kind == Subject::Kind::last) return is_core(telling.step);
  return names(telling.words.empty() ? telling.sentence : telling.words, plain(subject.name));
}

}  // namespace

std::string_view name_of(Step step) {
  constexpr std::array<std::string_view, 9> names_of_steps{
      "silence", "pause", "verdict", "fencing", "order", "hold", "script", "move", "done"};
  const auto index = static_cast<std::size_t>(step);
  return index < names_of_steps.size() ? names_of_steps[index] : "";
}

std::vector<Telling> tell(std::span<const ipc::LogLine> journal,
                          std::span<const ipc::Outcome> outcomes, const Subject& subject) {
  std::vector<Telling> all;
  for (const ipc::LogLine& line : journal)
    if (auto telling = telling_of(line)) all.push_back(std::move(*telling));
  // A monitor's status says nothing about a move, unless it failed.
  for (const ipc::Outcome& outcome : outcomes)
    if (outcome.operation != core::Operation::status || outcome.failed())
      all.push_back(telling_of(outcome));
  std::stable_sort(all.begin(), all.end(), [](const Telling& one, const Telling& other) {
    return one.wall_seconds < other.wall_seconds;
  });
  auto anchor = std::find_if(all.rbegin(), all.rend(),
                             [&](const Telling& each) { return is_about(each, subject); });
  // A silence that led to nothing is a story as well: why nothing moved.
  if (anchor == all.rend() && subject.kind == Subject::Kind::last) anchor = all.rbegin();
  if (anchor == all.rend()) return {};
  auto first = anchor.base() - 1, last = anchor.base();
  while (first != all.begin() &&
         first->wall_seconds - (first - 1)->wall_seconds <= quiet_seconds)
    --first;
  while (last != all.end() && last->wall_seconds - (last - 1)->wall_seconds <= quiet_seconds)
    ++last;
  return {first, last};
}

bool moved(std::span<const Telling> story) {
  return std::any_of(story.begin(), story.end(),
                     [](const Telling& each) { return each.step == Step::move; });
}

}  // namespace hb::clients::observe
