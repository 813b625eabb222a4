// open_metrics: metric families as OpenMetrics text, by its rules of names, units and escaping
#include "clients/observe/open_metrics.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace hb::clients::observe {

namespace {

std::string metric_name(std::string_view name) {
  std::string result{name};
  for (char& c : result) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!fine) c = '_';
  }
  return result;
}

/// Quotes, backslashes and line ends; what is no printable ASCII may be no UTF-8 and becomes `?`.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') result.push_back('\\');
    result.push_back(c >= ' ' && c <= '~' ? c : '?');
  }
  return result;
}

std::string_view name_of(MetricType type) {
  constexpr std::array<std::string_view, 3> names{"gauge", "counter", "unknown"};
  return names[static_cast<std::size_t>(type)];
}

std::string_view unit_of(std::string_view name) {
  for (const std::string_view unit : {"seconds", "bytes"})
    if (name.size() > unit.size() && name.ends_with(unit) &&
        name[name.size() - unit.size() - 1] == '_')
      return unit;
  return {};
}

}  // namespace

void OpenMetrics::add(std::string_view name, MetricType type, std::string_view help,
                      const Labels& labels, std::string_view value) {
  const std::string clean = metric_name(name);
  auto family = std::find_if(families_.begin(), families_.end(),
                             [&](const Family& each) { return each.name == clean; });
  if (family == families_.end()) {
    families_.push_back({clean, type, escaped(help), {}});
    family = families_.end() - 1;
  }
  std::string row = clean + (family->type == MetricType::counter ? "_total" : "");
  for (std::size_t i = 0; i < labels.size(); ++i)
    row += fmt::format("{}{}=\"{}\"", i == 0 ? "{" : ",", labels[i].first,
                       escaped(labels[i].second));
  if (!labels.empty()) row += '}';
  row += ' ';
  // Two samples with the same labels make the whole text invalid: the first one counts.
  if (family->samples.starts_with(row) || family->samples.find("\n" + row) != std::string::npos)
    return;
  family->samples += row;
  family->samples += value;
  family->samples += '\n';
}

std::string OpenMetrics::text() const {
  std::string result;
  for (const Family& family : families_) {
    result += fmt::format("# TYPE {} {}\n", family.name, name_of(family.type));
    if (const auto unit = unit_of(family.name); !unit.empty())
      result += fmt::format("# UNIT {} {}\n", family.name, unit);
    result += fmt::format("# HELP {} {}\n{}", family.name, family.help, family.samples);
  }
  return result + "# EOF\n";
}

}  // namespace hb::clients::observe
