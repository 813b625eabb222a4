// haresources: haresources text to resource groups
#include "core/haresources.hpp"

#include "core/config_text.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace hb::core {

namespace {

constexpr std::string_view legacy_path = "/etc/ha.d//haresources";

/// Scripts whose one argument is an address, which in IPv6 contains "::" itself.
constexpr std::array<std::string_view, 3> address_scripts{"IPaddr", "IPaddr2", "IPv6addr"};

/// A word and the physical line that it stands on.
struct Place {
  Word word;
  std::size_t line;
};

class Parser {
 public:
  explicit Parser(const Config& config) : config_(config) {}

  ParsedResources parse(std::string_view text) {
    while (!text.empty()) {
      std::vector<Place> words;
      if (take_logical_line(text, words) && !words.empty()) add_line(words);
    }
    check_keys();
    std::stable_sort(result_.findings.begin(), result_.findings.end(),
                     [](const Finding& left, const Finding& right) {
                       return left.line < right.line;
                     });
    return std::move(result_);
  }

 private:
  void report(Severity severity, const Place& place, std::string text, std::string legacy = {}) {
    result_.findings.push_back({severity, "haresources", place.line, place.word.column,
                                std::move(text), std::move(legacy)});
  }
  void refuse(const Place& place, std::string_view text, std::string legacy = {}) {
    report(Severity::error, place, fmt::format("{}: {}", printable(place.word.text), text),
           std::move(legacy));
  }
  void advise(const Place& place, std::string_view text) {
    report(Severity::warning, place, fmt::format("{}: {}", printable(place.word.text), text));
  }

  bool take_logical_line(std::string_view& rest, std::vector<Place>& words);
  bool take_words(std::string_view line, bool continues, std::vector<Place>& words);
  void add_line(const std::vector<Place>& words);
  std::optional<NodeId> home_of(const Place& name);
  bool parse_resource(const Place& place, Resource& resource);
  void check_keys();

  const Config& config_;
  ParsedResources result_;
  std::size_t line_ = 0;  ///< physical, from 1
};

/// Words of one line and the lines that continue it; false, with an error, if they make no sense.
/// After an error the continuation is still skipped, so that it is not taken for a line of its own.
bool Parser::take_logical_line(std::string_view& rest, std::vector<Place>& words) {
  bool good = true, word_goes_on = false;
  for (bool first = true;; first = false) {
    ++line_;
    std::string_view line = take_line(rest);
    const bool continues = line.ends_with('\\');
    if (continues) line.remove_suffix(1);
    const Word content = trimmed({line, 1});
    if (content.text.starts_with('#')) {
      // 3.0.6's daemon skips such a line, its scripts take its words for resources.
      if (!first) {
        refuse({content, line_}, "a comment inside a continued line; put it above that line");
        good = false;
      } else if (continues) {
        advise({content, line_}, "the backslash at the end of a comment has no effect");
        return true;
      }
    } else if (word_goes_on && content.column == 1 && !content.text.empty()) {
      refuse({content, line_}, "would be joined to the last word of the line above; put a blank "
                               "in front of it, or of the backslash above");
      good = false;
    } else if (good) {
      good = take_words(line, continues, words);
    }
    word_goes_on = !line.empty() && !is_blank(line.back());
    if (!continues || rest.empty()) return good;
  }
}

bool Parser::take_words(std::string_view line, bool continues, std::vector<Place>& words) {
  for (const Word word : words_of(line)) {
    const Place place{word, line_};
    const auto hash = word.text.find('#');
    if (std::any_of(word.text.begin(), word.text.end(), [](char character) {
          return static_cast<unsigned char>(character) < 0x20 || character == 0x7f;
        })) {
      refuse(place, "control byte in the word; delete it");
      return false;
    }
    if (hash == std::string_view::npos) {
      words.push_back(place);
      continue;
    }
    if (words.empty() && hash > 0) {
      refuse(place, "a comment must not touch the node name; put a blank before '#'",
             fmt::format("Bad nodename in {} [{}]", legacy_path, printable(word.text)));
      return false;
    }
    if (hash > 0) {
      advise(place, "the '#' begins a comment here; put a blank before it");
      words.push_back({{word.text.substr(0, hash), word.column}, line_});
    }
    if (continues) {
      refuse(place, "a comment cannot stand in front of the backslash of a continued line; put "
                    "it above");
      return false;
    }
    break;
  }
  return true;
}

std::optional<NodeId> Parser::home_of(const Place& name) {
  const auto node = config_.node(name.word.text);
  if (node && config_.nodes[node->value].type == NodeType::normal) return node;
  std::vector<std::string> known;
  for (const NodeConfig& other : config_.nodes) {
    if (other.type == NodeType::normal) known.push_back(other.name);
  }
  refuse(name,
         fmt::format("{}; a line begins with the node that the group belongs to, one of {}",
                     node ? "is a ping node" : "is no node of ha.cf", join(known, ", ")),
         fmt::format("Bad nodename in {} [{}]", legacy_path, printable(name.word.text)));
  return std::nullopt;
}

/// digit*.digit*.digit*.digit* as a shell pattern (configuration §7).
bool looks_like_ipv4(std::string_view word) {
  if (word.empty() || !is_digit(word.front())) return false;
  for (int dots = 0; dots < 3; ++dots) {
    std::size_t at = word.find('.');
    while (at != std::string_view::npos && (at + 1 >= word.size() || !is_digit(word[at + 1]))) {
      at = word.find('.', at + 1);
    }
    if (at == std::string_view::npos) return false;
    word.remove_prefix(at + 1);
  }
  return true;
}

bool is_ipv6_argument(std::string_view text) {
  return is_ipv6(text.substr(0, text.find('/')));
}

std::vector<std::string> arguments_of(std::string_view script, std::string_view text) {
  const bool takes_address = std::find(address_scripts.begin(), address_scripts.end(), script) !=
                             address_scripts.end();
  if (takes_address && is_ipv6_argument(text)) return {std::string{text}};
  std::vector<std::string> arguments;
  while (!text.empty()) {
    const auto end = text.find("::");
    // habit: the shell turned "::" into a blank, so empty arguments vanish
    if (end != 0) arguments.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 2);
  }
  return arguments;
}

bool leaves_folder(std::string_view script) {
  return script.front() == '/' || script == ".." || script.starts_with("../") ||
         script.ends_with("/..") || script.find("/../") != std::string_view::npos;
}

bool Parser::parse_resource(const Place& place, Resource& resource) {
  const std::string_view text = place.word.text;
  resource.text = text;
  if (text == "\\") {
    refuse(place, "a backslash continues the line only if nothing follows it; delete the blanks "
                  "after it");
    return false;
  }
  if (looks_like_ipv4(text)) {
    resource.script = "IPaddr";
    resource.arguments = {std::string{text}};
    return true;
  }
  const auto end = text.find("::");
  resource.script = text.substr(0, end);
  if (is_ipv6_argument(text)) {
    refuse(place, fmt::format("write IPv6addr::{} for an IPv6 address", printable(text)));
    return false;
  }
  if (resource.script.empty()) {
    refuse(place, "the script's name in front of '::' is missing");
    return false;
  }
  if (leaves_folder(resource.script)) {
    refuse(place, "a script is named by its file name in resource.d or init.d");
    return false;
  }
  if (text.find_first_of("*?[") != std::string_view::npos) {
    advise(place, "'*', '?' and '[' stand for themselves; file names are not put in their place");
  }
  if (end != std::string_view::npos) {
    resource.arguments = arguments_of(resource.script, text.substr(end + 2));
  }
  return true;
}

void Parser::add_line(const std::vector<Place>& words) {
  const auto home = home_of(words[0]);
  if (words.size() == 1) {
    if (home) advise(words[0], "a node without resources; the line has no effect");
    return;
  }
  if (words.size() - 1 > limits::resources) {
    refuse(words[0], fmt::format("more than {} resources in one group", limits::resources));
    return;
  }
  Group group;
  bool good = home.has_value();
  group.home = home.value_or(no_node);
  group.line = words[0].line;
  for (std::size_t i = 1; i < words.size(); ++i) {
    Resource resource;
    good = parse_resource(words[i], resource) && good;
    group.resources.push_back(std::move(resource));
  }
  if (!good) return;
  if (result_.groups.size() >= limits::groups) {
    if (result_.groups.size() == limits::groups) {
      refuse(words[0], fmt::format("more than {} groups", limits::groups));
    }
    return;
  }
  result_.groups.push_back(std::move(group));
}

/// 3.0.6 looks a key up in the whole file and then joins all lines that contain it.
void Parser::check_keys() {
  for (std::size_t owner = 0; owner < result_.groups.size(); ++owner) {
    const Resource& key = result_.groups[owner].resources.front();
    for (std::size_t other = 0; other < result_.groups.size(); ++other) {
      if (other == owner) continue;
      const auto& resources = result_.groups[other].resources;
      const auto same = std::find_if(resources.begin(), resources.end(), [&](const Resource& one) {
        return one.script == key.script && one.arguments == key.arguments;
      });
      if (same == resources.end()) continue;
      if (same == resources.begin() && other < owner) continue;  // said from the other side
      const std::size_t first = result_.groups[owner].line, second = result_.groups[other].line;
      refuse({{key.text, 1}, std::max(first, second)},
             fmt::format("stands in line {} too; the first resource of a line names its group and "
                         "must be in no other line",
                         std::min(first, second)));
    }
  }
}

}  // namespace

ParsedResources parse_haresources(std::string_view text, const Config& config) {
  return Parser{config}.parse(text);
}

}  // namespace hb::core
