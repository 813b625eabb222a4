// outcomes: how the last scripts of each resource ended, in a file that people are shown
#include "ipc/outcomes.hpp"

#include "core/frame.hpp"
#include "core/message.hpp"
#include "os/file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace hb::ipc {

namespace {

using core::ActionEnd;
using core::Operation;

constexpr std::array operations{Operation::start, Operation::stop, Operation::status};
constexpr std::array<std::pair<ActionEnd, std::string_view>, 5> ends{
    {{ActionEnd::exited, "exited"},
     {ActionEnd::signaled, "signaled"},
     {ActionEnd::missing, "missing"},
     {ActionEnd::timed_out, "timed_out"},
     {ActionEnd::unknown, "unknown"}}};

std::string_view name_of(ActionEnd end) {
  return std::ranges::find(ends, end, &decltype(ends)::value_type::first)->second;
}

/// The last lines, without what could move a terminal's cursor.
std::string shortened(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.size() > outcome_limits::output_bytes) {
    text.remove_prefix(text.size() - outcome_limits::output_bytes);
  }
  std::size_t from = text.size();
  for (std::size_t lines = 0; lines < outcome_limits::output_lines && from != text.npos; ++lines) {
    from = from == 0 ? text.npos : text.rfind('\n', from - 1);
  }
  std::string kept{from == text.npos ? text : text.substr(from + 1)};
  for (char& each : kept) {
    const auto byte = static_cast<unsigned char>(each);
    if ((byte < 0x20 && each != '\n') || byte >= 0x7f) each = ' ';
  }
  return kept;
}

std::optional<Outcome> outcome_of(const core::Message& message) {
  Outcome outcome;
  outcome.key = message.text_or_empty("key");
  outcome.script = message.text_or_empty("script");
  const auto operation = std::ranges::find(operations, message.text_or_empty("op"),
                                           [](Operation each) { return core::name_of(each); });
  const auto end = std::ranges::find(ends, message.text_or_empty("end"),
                                     &decltype(ends)::value_type::second);
  const auto resource = message.decimal("resource"), code = message.decimal("code");
  const auto milliseconds = message.decimal("ms"), at = message.decimal("at");
  constexpr std::uint64_t highest = 1ULL << 40;
  const bool sound = !outcome.key.empty() && operation != operations.end() && end != ends.end() &&
                     resource && *resource < core::limits::resources && code && *code < 256 &&
                     milliseconds && *milliseconds < highest && at && *at < highest;
  if (!sound) return std::nullopt;
  outcome.operation = *operation;
  outcome.end = end->first;
  outcome.resource = static_cast<std::uint16_t>(*resource);
  outcome.code = static_cast<int>(*code);
  outcome.milliseconds = *milliseconds;
  outcome.at = static_cast<std::int64_t>(*at);
  outcome.output = shortened(message.text_or_empty("output"));
  return outcome;
}

}  // namespace

/// A status fails by what it says; here it counts only if it did not come to its end.
bool Outcome::failed() const {
  if (end != ActionEnd::exited) return true;
  return operation != Operation::status && code != 0;
}

std::string text_of(const Outcome& outcome) {
  std::string how;
  switch (outcome.end) {
    case ActionEnd::exited: how = fmt::format("exit code {}", outcome.code); break;
    case ActionEnd::signaled: how = fmt::format("signal {}", outcome.code); break;
    case ActionEnd::missing: how = "no such script"; break;
    case ActionEnd::timed_out: how = "ended, as it took too long,"; break;
    case ActionEnd::unknown: how = "unknown end"; break;
  }
  return fmt::format("{}: {} after {}.{:03} s", core::name_of(outcome.operation), how,
                     outcome.milliseconds / 1000, outcome.milliseconds % 1000);
}

void Outcomes::note(Outcome outcome) {
  outcome.output = shortened(outcome.output);
  outcome.code = std::clamp(outcome.code, 0, 255);
  const bool fails = outcome.failed();
  // The last failure stays until the next one, or until the same operation went well.
  std::erase_if(entries_, [&](const Outcome& each) {
    if (each.key != outcome.key || each.resource != outcome.resource) return false;
    return !each.failed() || fails || each.operation == outcome.operation;
  });
  entries_.push_back(std::move(outcome));
  if (entries_.size() > outcome_limits::entries) entries_.erase(entries_.begin());
}

std::string Outcomes::encode() const {
  std::string text;
  core::Message message;
  for (const Outcome& each : entries_) {
    message.clear();
    message.add("key", each.key);
    message.add_decimal("resource", each.resource);
    message.add("script", each.script);
    message.add("op", core::name_of(each.operation));
    message.add("end", name_of(each.end));
    message.add_decimal("code", static_cast<std::uint64_t>(each.code));
    message.add_decimal("ms", each.milliseconds);
    message.add_decimal("at", static_cast<std::uint64_t>(std::max<std::int64_t>(each.at, 0)));
    message.add("output", each.output);
    std::string frame;
    core::append_netstring(message, frame);
    text += fmt::format("{}:", frame.size()) + frame + "\n";
  }
  return text;
}

Outcomes Outcomes::decode(std::string_view text) {
  Outcomes outcomes;
  core::Message message;
  while (outcomes.entries_.size() < outcome_limits::entries) {
    const auto colon = text.find(':');
    if (colon == text.npos || colon == 0 || colon > 6) break;
    std::size_t size = 0;
    for (const char digit : text.substr(0, colon)) {
      if (digit < '0' || digit > '9') return outcomes;
      size = size * 10 + static_cast<std::size_t>(digit - '0');
    }
    text.remove_prefix(colon + 1);
    if (size + 1 > text.size()) break;
    if (core::decode(core::as_bytes(text.substr(0, size)), message)) {
      if (auto outcome = outcome_of(message)) outcomes.entries_.push_back(std::move(*outcome));
    }
    text.remove_prefix(size + 1);
  }
  return outcomes;
}

core::Result<Outcomes> read_outcomes(const std::string& path) {
  const auto text = os::read_file(path, outcome_limits::file_bytes);
  if (!text) return text.error();
  return core::ok(Outcomes::decode(*text));
}

}  // namespace hb::ipc
