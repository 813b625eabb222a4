// resource_options: haresources.options text to the policies of groups and resources
#include "core/resource_options.hpp"

#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace hb::core {

namespace {

constexpr std::string_view file_name = "haresources.options";

/// What a line is about; a later one wins over an earlier one.
enum class Scope : std::uint8_t { all, group, resource };

struct Setting {
  Word name, value;
  std::size_t line;
};

/// A line that was understood so far.
struct Entry {
  Scope scope = Scope::all;
  std::string target;
  std::vector<Setting> settings;
  std::size_t line = 0;
};

/// What one setting writes to; the group is null where only a resource is meant.
struct Place {
  GroupPolicy* group;
  ResourcePolicy* resource;
};

class Parser {
 public:
  explicit Parser(std::vector<Group>& groups) : groups_(groups) {}

  std::vector<Finding> parse(std::string_view text) {
    for (std::size_t line = 1; !text.empty(); ++line) read_line(take_line(text), line);
    std::ranges::stable_sort(entries_, {}, &Entry::scope);
    for (const Entry& entry : entries_) apply(entry);
    check_monitors();
    std::ranges::stable_sort(findings_, {}, &Finding::line);
    return std::move(findings_);
  }

 private:
  void refuse(std::size_t line, Word at, std::string_view text) {
    findings_.push_back({Severity::error, std::string{file_name}, line, at.column,
                         fmt::format("{}: {}", printable(at.text), text), {}});
  }

  void read_line(std::string_view text, std::size_t line);
  std::optional<Scope> scope_of(std::size_t line, const std::vector<Word>& words);
  void check_target(std::size_t line, Scope scope, Word target);
  void apply(const Entry& entry);
  void set(const Setting& setting, Place place);
  void check_monitors();
  std::optional<Duration> time_of(const Setting& setting, Duration lowest);
  std::optional<unsigned> count_of(const Setting& setting);

  std::vector<Group>& groups_;
  std::vector<Entry> entries_;
  std::vector<Finding> findings_;
};

using SetTime = std::optional<Duration> ResourcePolicy::*;
struct TimeoutSetting {
  std::string_view name;
  SetTime member;
};
constexpr std::array timeouts{
    TimeoutSetting{"start_timeout", &ResourcePolicy::start_timeout},
    TimeoutSetting{"stop_timeout", &ResourcePolicy::stop_timeout},
    TimeoutSetting{"status_timeout", &ResourcePolicy::status_timeout},
    TimeoutSetting{"monitor_timeout", &ResourcePolicy::monitor_timeout},
};

constexpr std::array<std::string_view, 6> resource_settings{
    "timeout", "start_timeout", "stop_timeout", "status_timeout", "monitor_timeout", "monitor"};
constexpr std::array<std::string_view, 5> group_settings{
    "start_retries", "recoveries", "failure_limit", "failure_window", "after_failure"};

template <std::size_t Size>
bool is_among(const std::array<std::string_view, Size>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::string all_settings(Scope scope) {
  std::vector<std::string> names(resource_settings.begin(), resource_settings.end());
  if (scope != Scope::resource) {
    names.insert(names.end(), group_settings.begin(), group_settings.end());
  }
  return join(names, ", ");
}

std::optional<Scope> Parser::scope_of(std::size_t line, const std::vector<Word>& words) {
  const std::string_view name = words[0].text;
  if (name == "default") return Scope::all;
  if (name != "group" && name != "resource") {
    refuse(line, words[0], "a line begins with default, group or resource");
    return std::nullopt;
  }
  if (words.size() < 2) {
    refuse(line, words[0], "must be followed by the name of one, as haresources has it");
    return std::nullopt;
  }
  return name == "group" ? Scope::group : Scope::resource;
}

void Parser::check_target(std::size_t line, Scope scope, Word target) {
  std::vector<std::string> known;
  for (const Group& group : groups_) {
    for (const Resource& each : group.resources) {
      if (each.text == target.text) return;
      known.push_back(each.text);
      if (scope != Scope::group) continue;
      break;  // only the key
    }
  }
  constexpr std::size_t shown = 8;
  const bool more = known.size() > shown;
  if (more) known.resize(shown);
  refuse(line, target,
         fmt::format("is no {} of haresources, which has {}{}",
                     scope == Scope::group ? "group" : "resource",
                     known.empty() ? "none" : join(known, ", "), more ? ", ..." : ""));
}

void Parser::read_line(std::string_view text, std::size_t line) {
  std::vector<Word> words = words_of(text.substr(0, text.find('#')));
  if (words.empty()) return;
  const auto scope = scope_of(line, words);
  if (!scope) return;
  Entry entry{*scope, {}, {}, line};
  std::size_t next = 1;
  if (*scope != Scope::all) {
    entry.target = words[next].text;
    check_target(line, *scope, words[next]);
    ++next;
  }
  if (next == words.size()) return refuse(line, words.back(), "is followed by no setting");
  for (; next < words.size(); next += 2) {
    const Word name = words[next];
    const bool known = is_among(resource_settings, name.text) ||
                       is_among(group_settings, name.text);
    if (!known) {
      return refuse(line, name, "is no setting; there are " + all_settings(*scope));
    }
    if (*scope == Scope::resource && is_among(group_settings, name.text)) {
      return refuse(line, name, "is for a whole group; write it in a line 'group ...'");
    }
    if (next + 1 == words.size()) return refuse(line, name, "has no value");
    entry.settings.push_back({name, words[next + 1], line});
  }
  for (const Entry& other : entries_) {
    if (other.scope != entry.scope || other.target != entry.target) continue;
    for (const Setting& each : entry.settings) {
      const auto same = std::ranges::any_of(other.settings, [&](const Setting& one) {
        return one.name.text == each.name.text;
      });
      if (same) {
        refuse(line, each.name, fmt::format("was set in line {} already", other.line));
      }
    }
  }
  entries_.push_back(std::move(entry));
}

void Parser::apply(const Entry& entry) {
  // Values are judged once, also where nothing has the name.
  GroupPolicy any_group;
  ResourcePolicy any_resource;
  const std::size_t found = findings_.size();
  for (const Setting& each : entry.settings) set(each, {&any_group, &any_resource});
  if (findings_.size() != found) return;
  for (Group& group : groups_) {
    const bool whole = entry.scope == Scope::all ||
                       (entry.scope == Scope::group && group.key() == entry.target);
    for (Resource& each : group.resources) {
      const bool meant = whole || (entry.scope == Scope::resource && each.text == entry.target);
      if (!meant) continue;
      for (const Setting& setting : entry.settings) {
        set(setting, {whole ? &group.policy : &any_group, &each.policy});
      }
    }
  }
}

void Parser::set(const Setting& setting, Place place) {
  const std::string_view name = setting.name.text;
  if (name == "timeout") {
    const auto time = time_of(setting, Duration{});
    for (const auto& each : timeouts) place.resource->*each.member = time;
    return;
  }
  for (const auto& each : timeouts) {
    if (each.name == name) place.resource->*each.member = time_of(setting, Duration{});
  }
  if (name == "monitor") {
    place.resource->monitor =
        time_of(setting, policy_limits::shortest_monitor).value_or(Duration{});
  } else if (name == "start_retries") {
    place.group->start_retries = count_of(setting).value_or(0);
  } else if (name == "recoveries") {
    place.group->recoveries = count_of(setting).value_or(0);
  } else if (name == "failure_limit") {
    place.group->failure_limit = count_of(setting);
  } else if (name == "failure_window") {
    place.group->failure_window =
        time_of(setting, std::chrono::seconds{1}).value_or(place.group->failure_window);
  } else if (name == "after_failure") {
    const std::string_view value = setting.value.text;
    if (value != "move" && value != "stay") {
      return refuse(setting.line, setting.value, "must be move or stay");
    }
    place.group->after_failure = value == "stay" ? AfterFailure::stay : AfterFailure::move;
  }
}

/// Zero always means "none" or "never", unless it makes no sense.
std::optional<Duration> Parser::time_of(const Setting& setting, Duration lowest) {
  const auto time = parse_span(setting.value.text);
  const bool is_never = time && *time == Duration{} && setting.name.text != "failure_window";
  if (time && (is_never || *time >= lowest) && *time <= policy_limits::longest_timeout) return time;
  refuse(setting.line, setting.value,
         !time ? std::string{"is no time; write 30 or 30s, 500ms, 5m, 1h"}
         : *time < lowest
             ? fmt::format("must be at least {} s",
                           std::chrono::duration_cast<std::chrono::seconds>(lowest).count())
             : std::string{"must be at most 24h"});
  return std::nullopt;
}

std::optional<unsigned> Parser::count_of(const Setting& setting) {
  const int number = leading_integer(setting.value.text);
  const bool good = is_integer(setting.value.text) && number >= 0 &&
                    number <= static_cast<int>(policy_limits::most_tries);
  if (good) return static_cast<unsigned>(number);
  refuse(setting.line, setting.value,
         fmt::format("must be a number from 0 to {}", policy_limits::most_tries));
  return std::nullopt;
}

/// Where nothing is watched nothing moves to and fro.
void Parser::check_monitors() {
  for (Group& group : groups_) {
    const bool watched = std::ranges::any_of(group.resources, [](const Resource& each) {
      return each.policy.monitor > Duration{};
    });
    if (watched && !group.policy.failure_limit) {
      group.policy.failure_limit = policy_limits::monitored_failure_limit;
    }
  }
}

}  // namespace

std::vector<Finding> apply_resource_options(std::string_view text, std::vector<Group>& groups) {
  return Parser{groups}.parse(text);
}

}  // namespace hb::core
