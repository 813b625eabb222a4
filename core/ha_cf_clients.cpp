// ha_cf_clients: the directives of clients, authorizations and environment
#include "core/ha_cf_parser.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace hb::core::ha_cf {

namespace {

constexpr std::string_view ccm_program = "/usr/libexec/heartbeat/ccm";

// ---- respawn, failfast

void add_client(State& state, const Line& line, bool failfast) {
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.size() < 2) {
    state.refuse(line, line.rest,
                 fmt::format("write: {} user /full/path/of/program arguments...",
                             line.directive.text),
                 words.empty() ? "Invalid uid [] specified for client child"
                               : "Client child command [] is not full pathname");
    return;
  }
  const Word user = words[0], program = words[1];
  const std::string shown = printable(program.text);
  if (!ask(state.host.lookup.user_exists, user.text)) {
    state.refuse(line, user, "no such user",
                 fmt::format("Invalid uid [{}] specified for client child",
                             printable(user.text)));
  } else if (program.text.front() != '/') {
    state.refuse(line, program, "write the full path of the program",
                 fmt::format("Client child command [{}] is not full pathname", shown));
  } else if (!ask(state.host.lookup.is_executable, program.text)) {
    state.refuse(line, program, "is no executable file",
                 fmt::format("Client child command [{}] is not executable", shown));
  } else {
    const auto command = line.rest.text.substr(program.column - line.rest.column);
    state.config.clients.push_back({std::string{user.text}, std::string{command}, failfast});
  }
}

void add_respawn(State& state, const Line& line, Word) {
  add_client(state, line, false);
}

void add_failfast(State& state, const Line& line, Word) {
  add_client(state, line, true);
}

// ---- apiauth

/// A list of names or numbers, each known to the host.
bool take_list(State& state, const Line& line, Word word, bool (*exists)(std::string_view),
               std::string_view kind, std::vector<std::string>& into) {
  constexpr std::size_t prefix = 4;  // "uid=" or "gid="
  if (!into.empty()) {
    state.refuse(line, word, fmt::format("a second {} list; join both with a comma", kind),
                 fmt::format("Duplicate {} list in apiauth", kind));
    return false;
  }
  const auto list = word.text.substr(prefix);
  for (const Word name : words_of(list, word.column + prefix, ",")) {
    if (!is_integer(name.text) && !ask(exists, name.text)) {
      state.refuse(line, name, kind == "uid" ? "no such user" : "no such group",
                   fmt::format("Bad {} list [{}]", kind, printable(list)));
      return false;
    }
    into.emplace_back(name.text);
  }
  if (into.empty()) state.advise(line, word, "an empty list authorizes nobody");
  return true;
}

bool fill_api_auth(State& state, const Line& line, const std::vector<Word>& words,
                   ApiAuth& entry) {
  bool any = false;
  for (const Word word : std::span{words}.subspan(1)) {
    const bool is_uid = word.text.starts_with("uid=");
    if (!is_uid && !word.text.starts_with("gid=")) {
      state.refuse(line, word, "is neither uid=users nor gid=groups",
                   "Missing uid or gid in apiauth");
      return false;
    }
    const auto& lookup = state.host.lookup;
    if (!(is_uid ? take_list(state, line, word, lookup.user_exists, "uid", entry.users)
                 : take_list(state, line, word, lookup.group_exists, "gid", entry.groups))) {
      return false;
    }
    any = true;
  }
  if (!any) state.refuse(line, words[0], "has neither uid=users nor gid=groups");
  return any;
}

void add_api_auth(State& state, const Line& line, Word) {
  constexpr std::string_view help =
      "\ninfo: Syntax: apiauth client [uid=uidlist] [gid=gidlist]"
      "\ninfo: Where uidlist is a comma-separated list of uids,"
      "\ninfo: and gidlist is a comma-separated list of gids"
      "\ninfo: One or the other must be specified.";
  const std::string generic =
      fmt::format("Invalid apiauth directive [{}]{}", printable(line.rest.text), help);
  const auto words = words_of(line.rest.text, line.rest.column);
  if (words.empty()) {
    state.refuse(line, {}, "write: apiauth client [uid=user,...] [gid=group,...]", generic);
    return;
  }
  ApiAuth entry;
  entry.client = words[0].text;
  if (!fill_api_auth(state, line, words, entry)) {
    std::string& legacy = state.findings.back().legacy;
    legacy += legacy.empty() ? generic : "\n" + generic;
    return;
  }
  const auto& known = state.config.api_auth;
  if (std::any_of(known.begin(), known.end(),
                  [&](const ApiAuth& other) { return other.client == entry.client; })) {
    state.refuse(line, words[0], "has an apiauth line already; keep one of both",
                 fmt::format("Duplicate apiauth directive for API client {}: [{}]\n{}",
                             printable(entry.client), printable(line.rest.text), generic));
    return;
  }
  state.config.api_auth.push_back(std::move(entry));
}

// ---- env

void set_env(State& state, const Line& line, Word value) {
  const auto equals = value.text.find('=');
  const auto name = value.text.substr(0, equals);
  if (name.empty()) {
    state.refuse(line, value, "the name before '=' is missing",
                 fmt::format("set_env: invalid nvpair({})", printable(value.text)));
    return;
  }
  std::string_view content;
  if (equals == std::string_view::npos) {
    state.advise(line, value, "has no '=value'; it is set to nothing");
  } else {
    content = value.text.substr(equals + 1);
  }
  auto& variables = state.config.environment;
  const auto known = std::find_if(variables.begin(), variables.end(),
                                  [&](const auto& variable) { return variable.first == name; });
  if (known == variables.end()) {
    variables.emplace_back(name, content);
  } else {
    known->second = content;
  }
}

// ---- pacemaker

void set_pacemaker(State& state, const Line& line, Word value) {
  if (state.line_of("pacemaker") != 0 || state.line_of("crm") != 0) {
    state.refuse(line, value, "was set before; keep one of both lines",
                 "pacemaker/crm directive used multiple times!");
    return;
  }
  const std::string mode = lower(value.text);
  const auto choice = parse_boolean(mode);
  constexpr std::array<std::string_view, 4> with_manager{"respawn", "minimal", "manual",
                                                         "valgrind"};
  const bool wants_manager =
      choice.value_or(false) ||
      std::find(with_manager.begin(), with_manager.end(), mode) != with_manager.end();
  if (wants_manager) {
    state.refuse(line, value,
                 "no Pacemaker that runs on heartbeat is installed (Pacemaker 2 needs corosync); "
                 "write off, or ccm-only for membership alone",
                 "Failed to add pacemaker client child \"cib\"");
    return;
  }
  if (!choice && mode != "ccm-only") {
    state.refuse(line, value, "write off or ccm-only");
    return;
  }
  state.config.parameters.insert_or_assign("pacemaker", std::string{value.text});
  state.config.pacemaker = value.text;
  if (choice) return;
  state.config.manages_resources = false;
  if (ask(state.host.lookup.is_executable, ccm_program)) {
    state.config.clients.push_back({"hacluster", std::string{ccm_program}, false});
  } else {
    state.advise(line, value, fmt::format("{} is not installed, so membership is not served to "
                                          "clients of ccm", ccm_program));
  }
}

constexpr auto list = Style::list;
constexpr auto whole = Style::whole_line;
constexpr auto not_kept = Record::nothing;

constexpr Directive table[]{
    {"respawn", whole, Values::many, not_kept, add_respawn},
    {"failfast", whole, Values::many, not_kept, add_failfast},
    {"apiauth", whole, Values::many, not_kept, add_api_auth},
    {"env", list, Values::many, not_kept, set_env},
    {"pacemaker", list, Values::one, not_kept, set_pacemaker},  // keeps its text itself
    {"crm", list, Values::one, not_kept, set_pacemaker},
};

}  // namespace

std::span<const Directive> client_directives() {
  return table;
}

void add_builtin_api_auth(State& state) {
  const std::array<ApiAuth, 5> builtin{ApiAuth{"ipfail", {"hacluster"}, {}},
                                       ApiAuth{"ccm", {"hacluster"}, {}},
                                       ApiAuth{"ping", {}, {"haclient"}},
                                       ApiAuth{"lha-snmpagent", {"root"}, {}},
                                       ApiAuth{"anon", {"root"}, {"haclient"}}};
  auto& known = state.config.api_auth;
  for (const ApiAuth& entry : builtin) {
    const bool replaced =
        std::any_of(known.begin(), known.end(),
                    [&](const ApiAuth& other) { return other.client == entry.client; });
    if (!replaced) known.push_back(entry);
  }
}

}  // namespace hb::core::ha_cf
