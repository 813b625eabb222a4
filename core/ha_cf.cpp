// ha_cf: ha.cf text to Config, with line-exact diagnostics that name the cure
#include "core/ha_cf.hpp"

#include "core/ha_cf_parser.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::core {

namespace ha_cf {

namespace {

/// 3.0.6 splits longer lines there and reads the rest as a line of its own.
constexpr std::size_t line_bytes = 5119;

/// Directives of other builds of heartbeat, for media that this program leaves out on purpose.
constexpr std::array<std::string_view, 4> foreign_media{"hbaping", "rds", "tipc", "openais"};

/// As many edits as make a name look like another one.
constexpr std::size_t typing_errors = 2;

constexpr auto tables = {setting_directives, medium_directives, ping_directives, witness_directives,
                         fencing_directives, client_directives};

const Directive* find_in(std::span<const Directive> table, std::string_view name) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Directive& entry) { return entry.name == name; });
  return found == table.end() ? nullptr : &*found;
}

const Directive* find_directive(std::string_view name) {
  for (const auto table : tables) {
    if (const Directive* found = find_in(table(), name)) return found;
  }
  return nullptr;
}

/// Edit distance, case ignored; only for short words.
std::size_t distance(std::string_view left, std::string_view right) {
  std::vector<std::size_t> row(right.size() + 1);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < left.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < right.size(); ++j) {
      const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string suggestion_for(std::string_view name) {
  constexpr std::size_t longest_directive = 24;
  if (name.size() > longest_directive + typing_errors) return {};
  const std::string given = lower(name.substr(0, name.find('=')));
  std::string_view best;
  std::size_t best_distance = typing_errors + 1;
  for (const auto table : tables) {
    for (const Directive& directive : table()) {
      const std::size_t edits = distance(given, directive.name);
      if (edits < best_distance && edits * 2 < directive.name.size()) {
        best = directive.name;
        best_distance = edits;
      }
    }
  }
  return std::string{best};
}

void unknown_directive(State& state, const Line& line) {
  const std::string_view name = line.directive.text;
  const std::string shown = printable(name);
  const std::string legacy = fmt::format("Illegal directive [{}] in {}", shown, legacy_path);
  if (std::find(foreign_media.begin(), foreign_media.end(), name) != foreign_media.end()) {
    state.error(line.number, line.directive,
                fmt::format("{}: this medium is not supported; use bcast, ucast, mcast, ucast6, "
                            "mcast6, serial, ping, ping6 or ping_group",
                            shown),
                legacy);
    return;
  }
  if (name == "normalpoll") {
    state.error(line.number, line.directive,
                "normalpoll: no such directive in heartbeat 3; delete the line", legacy);
    return;
  }
  std::string text = fmt::format("{}: unknown directive", shown);
  if (name.find('=') != std::string_view::npos) {
    text += "; write a blank, not '=', between directive and value";
  } else if (const std::string meant = suggestion_for(name); !meant.empty()) {
    text += fmt::format("; did you mean '{}'?", meant);
    if (meant == lower(name)) text += " (directives are lower case)";
  } else {
    text += "; delete the line, or put '#' in front of it";
  }
  state.error(line.number, line.directive, std::move(text), legacy);
}

/// habit: 3.0.6 turns the name into bcast and goes on.
Line without_alias(State& state, Line line) {
  if (line.directive.text != "udp") return line;
  state.warn(line.number, line.directive, "udp: old name of bcast; write 'bcast'",
             "directive 'udp' replaced by 'bcast'");
  line.directive.text = "bcast";
  return line;
}

bool any_error(std::span<const Finding> findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::error;
  });
}

void apply_list(State& state, const Directive& directive, const Line& line) {
  const auto values = words_of(line.rest.text, line.rest.column, ",");
  if (values.empty()) {
    state.warn(line.number, line.directive,
               fmt::format("{}: no value; the line has no effect", directive.name));
    return;
  }
  for (const Word value : values) {
    const std::size_t before = state.findings.size();
    directive.apply(state, line, value);
    if (directive.record == Record::parameter) {
      state.config.parameters.insert_or_assign(std::string{directive.name},
                                               std::string{value.text});
    }
    // After an error the rest of such a line is only noise ("deadtime 6000 ms").
    const bool failed = any_error(std::span{state.findings}.subspan(before));
    if (failed && directive.values == Values::one) return;
  }
  if (directive.values == Values::one && values.size() > 1) {
    state.advise(line, values.back(),
                 "takes one value; the last one of the line is used");
  }
}

void apply_line(State& state, Line line) {
  line = without_alias(state, line);
  const Directive* directive = find_directive(line.directive.text);
  if (directive == nullptr) {
    unknown_directive(state, line);
    return;
  }
  const std::size_t before = state.findings.size();
  if (directive->style == Style::list) {
    apply_list(state, *directive, line);
  } else {
    directive->apply(state, line, line.rest);
  }
  if (any_error(std::span{state.findings}.subspan(before))) state.refused.insert(directive->name);
  state.seen[directive->name] = line.number;
}

void parse_line(State& state, std::size_t number, std::string_view text) {
  text = text.substr(0, text.find('#'));
  const Word content = trimmed({text, 1});
  if (content.text.empty()) return;
  if (content.text.size() > line_bytes) {
    state.error(number, content,
                fmt::format("line of {} bytes; at most {} are read, so split it into several "
                            "lines with the same directive",
                            content.text.size(), line_bytes));
    return;
  }
  const auto bad = std::find_if(content.text.begin(), content.text.end(), [](char character) {
    const auto byte = static_cast<unsigned char>(character);
    return (byte < 0x20 && !is_blank(character)) || byte == 0x7f;
  });
  if (bad != content.text.end()) {
    const auto offset = static_cast<std::size_t>(bad - content.text.begin());
    state.error(number, {content.text.substr(offset), content.column + offset},
                fmt::format("control byte 0x{:02x} in the line; delete it",
                            static_cast<unsigned char>(*bad)));
    return;
  }
  std::size_t end = 0;
  while (end < content.text.size() && !is_blank(content.text[end])) ++end;
  const Word rest = trimmed({content.text.substr(end), content.column + end});
  apply_line(state, {number, {content.text.substr(0, end), content.column}, rest});
}

Finding finding(Severity severity, std::size_t line, Word at, std::string text,
                std::string legacy) {
  return {severity, "ha.cf", line, line == 0 ? 0 : at.column, std::move(text), std::move(legacy)};
}

std::string about(const Line& line, Word value, std::string_view text) {
  return value.text.empty()
             ? fmt::format("{}: {}", line.directive.text, text)
             : fmt::format("{} {}: {}", line.directive.text, printable(value.text), text);
}

}  // namespace

void State::error(std::size_t line, Word at, std::string text, std::string legacy) {
  findings.push_back(finding(Severity::error, line, at, std::move(text), std::move(legacy)));
}

void State::warn(std::size_t line, Word at, std::string text, std::string legacy) {
  findings.push_back(finding(Severity::warning, line, at, std::move(text), std::move(legacy)));
}

void State::refuse(const Line& line, Word value, std::string_view text, std::string legacy) {
  error(line.number, value.text.empty() ? line.directive : value, about(line, value, text),
        std::move(legacy));
}

void State::advise(const Line& line, Word value, std::string_view text, std::string legacy) {
  warn(line.number, value.text.empty() ? line.directive : value, about(line, value, text),
       std::move(legacy));
}

std::size_t State::line_of(std::string_view directive) const {
  const auto found = seen.find(directive);
  return found == seen.end() ? 0 : found->second;
}

}  // namespace ha_cf

std::string_view name_of(MediumType type) {
  switch (type) {
    case MediumType::bcast: return "bcast";
    case MediumType::ucast: return "ucast";
    case MediumType::mcast: return "mcast";
    case MediumType::ucast6: return "ucast6";
    case MediumType::mcast6: return "mcast6";
    case MediumType::serial: return "serial";
    case MediumType::ping: return "ping";
    case MediumType::ping6: return "ping6";
    case MediumType::ping_group: return "ping_group";
  }
  return "?";
}

const std::string& MediumConfig::link_name() const {
  return interface.empty() ? address : interface;
}

std::optional<NodeId> Config::node(std::string_view name) const {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (same_without_case(nodes[i].name, name)) return NodeId{static_cast<std::uint16_t>(i)};
  }
  return std::nullopt;
}

NodeId Config::self() const {
  return node(node_name).value_or(no_node);
}

bool ParsedConfig::has_errors() const {
  return ha_cf::any_error(findings);
}

ParsedConfig parse_ha_cf(std::string_view text, const HostFacts& host) {
  ha_cf::State state{host};
  state.config.node_name = lower(host.node_name);
  std::size_t number = 0;
  while (!text.empty()) ha_cf::parse_line(state, ++number, take_line(text));

  ha_cf::apply_defaults(state);
  ha_cf::cross_check(state);
  ha_cf::add_builtin_api_auth(state);

  // Findings about the whole file come last.
  std::stable_sort(state.findings.begin(), state.findings.end(),
                   [](const Finding& left, const Finding& right) {
                     return left.line - 1 < right.line - 1;  // 0 wraps to the greatest
                   });
  return {std::move(state.config), std::move(state.findings)};
}

}  // namespace hb::core
