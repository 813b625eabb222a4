// ledger: what runs on this host by our doing, kept in a file that outlives every process
#include "status/ledger.hpp"

#include "os/fd.hpp"
#include "os/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>

namespace hb::status {

namespace {

constexpr std::string_view first_line = "systole ledger 1";
constexpr char separator = '\t';
constexpr mode_t only_root = 0600;
constexpr std::array states = {HoldState::starting, HoldState::held, HoldState::stopping,
                               HoldState::unknown};

/// The next line, which is taken.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return line;
}

/// Empty words count: a resource may have an empty argument.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto end = line.find(separator);
    words.push_back(line.substr(0, end));
    if (end == line.npos) return words;
    line.remove_prefix(end + 1);
  }
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return {};
  return value;
}

std::optional<ProcessId> process_of(std::string_view pid_text, std::string_view start_text) {
  const auto pid = number<pid_t>(pid_text);
  const auto start = number<std::uint64_t>(start_text);
  if (!pid || !start || *pid < 0) return {};
  return ProcessId{*pid, *start};
}

std::optional<HoldState> state_of(std::string_view name) {
  const auto found = std::ranges::find_if(states, [&](auto s) { return name_of(s) == name; });
  return found == states.end() ? std::nullopt : std::optional(*found);
}

bool is_word(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

core::Error failed(const std::string& path, const char* step) {
  const int error = errno;
  return {"ledger " + path + ": " + step + ": " + std::strerror(error), error};
}

/// By rename, but without a sync: after a crash of the machine nothing of it is true any more, and
/// a takeover must not wait for a disk where /run is on one.
core::Result<void> replace(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".new";
  constexpr int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  const os::Fd file(::open(temporary.c_str(), flags, only_root));
  if (!file) return failed(path, "create");
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return failed(path, "write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(path, "rename");
  return {};
}

void append(std::string& line, std::string_view word) {
  line += separator;
  line += word;
}

void append(std::string& line, const ProcessId& process) {
  append(line, std::to_string(process.pid));
  append(line, std::to_string(process.start_time));
}

}  // namespace

std::string_view name_of(HoldState state) {
  switch (state) {
    case HoldState::starting: return "starting";
    case HoldState::held: return "held";
    case HoldState::stopping: return "stopping";
    case HoldState::unknown: return "unknown";
  }
  return "";
}

Ledger::Ledger(std::string path, std::string boot, ProcessId owner)
    : path_(std::move(path)), boot_(std::move(boot)), owner_(owner) {}

core::Result<Ledger::Head> Ledger::take_head(std::string_view& text) {
  const auto title = take_line(text);
  const auto boot = words_of(take_line(text));
  const auto owner = words_of(take_line(text));
  const bool is_named = boot.size() == 2 && boot[0] == "boot" && owner.size() == 3 &&
                        owner[0] == "owner";
  const auto process = is_named ? process_of(owner[1], owner[2]) : std::nullopt;
  if (title != first_line || !process)
    return core::Error{"not a ledger of this program; remove it while heartbeat is stopped"};
  return Head{std::string(boot[1]), *process};
}

/// entry STATE PID START RESOURCE KEY NAME ARGUMENT…
bool Ledger::take_entry(std::string_view line, std::vector<Holding>& into) {
  constexpr std::size_t fixed_words = 7;
  const auto words = words_of(line);
  if (words.size() < fixed_words || words[0] != "entry") return false;
  const auto state = state_of(words[1]);
  const auto script = process_of(words[2], words[3]);
  const auto resource = number<std::uint16_t>(words[4]);
  if (!state || !script || !resource) return false;
  if (words[5].empty() || words[6].empty()) return false;
  if (!std::ranges::all_of(words, is_word)) return false;
  into.push_back({std::string(words[5]), *resource, *state, *script, std::string(words[6]),
                  {words.begin() + fixed_words, words.end()}});
  return true;
}

core::Result<std::size_t> Ledger::load() {
  entries_.clear();
  const auto content = os::read_file(path_, limits::ledger_bytes);
  if (!content) {
    if (content.error().os_error == ENOENT) return std::size_t{0};
    return core::Error(content.error()).in("ledger " + path_);
  }
  std::string_view text = *content;
  const auto head = take_head(text);
  if (!head) return core::Error(head.error()).in("ledger " + path_);
  if (head->boot != boot_) return std::size_t{0};
  std::size_t bad = 0;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (entries_.size() >= limits::ledger_entries || !take_entry(line, entries_)) ++bad;
  }
  return bad;
}

core::Result<void> Ledger::save() {
  if (is_shared_ && !is_ours()) return {};
  std::string text(first_line);
  text += "\nboot\t" + boot_ + "\nowner";
  append(text, owner_);
  text += '\n';
  for (const Holding& holding : entries_) {
    text += "entry";
    append(text, name_of(holding.state));
    append(text, holding.script);
    append(text, std::to_string(holding.resource));
    append(text, holding.key);
    append(text, holding.name);
    for (const std::string& argument : holding.arguments) append(text, argument);
    text += '\n';
  }
  return replace(path_, text);
}

bool Ledger::is_ours() const {
  const auto content = os::read_file(path_, limits::ledger_bytes);
  if (!content) return content.error().os_error == ENOENT;
  std::string_view text = *content;
  const auto head = take_head(text);
  return head && head->boot == boot_ && head->owner == owner_;
}

std::size_t Ledger::place(std::string_view key, std::uint16_t resource) const {
  const auto found = std::ranges::find_if(entries_, [&](const Holding& holding) {
    return holding.resource == resource && holding.key == key;
  });
  return static_cast<std::size_t>(found - entries_.begin());
}

core::Result<void> Ledger::note(const Holding& holding) {
  const bool is_plain = is_word(holding.key) && is_word(holding.name) && !holding.key.empty() &&
                        !holding.name.empty() && std::ranges::all_of(holding.arguments, is_word);
  if (!is_plain) return core::Error{"resource " + holding.key + ": control bytes in its words"};
  const auto at = place(holding.key, holding.resource);
  if (at < entries_.size()) {
    entries_[at] = holding;
    return {};
  }
  if (entries_.size() >= limits::ledger_entries)
    return core::Error{"resource " + holding.key + ": the ledger is full"};
  entries_.push_back(holding);
  return {};
}

void Ledger::set(std::string_view key, std::uint16_t resource, HoldState state, ProcessId script) {
  const auto at = place(key, resource);
  if (at == entries_.size()) return;
  entries_[at].state = state;
  entries_[at].script = script;
}

void Ledger::remove(std::string_view key, std::uint16_t resource) {
  const auto at = place(key, resource);
  if (at < entries_.size()) entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(at));
}

const Holding* Ledger::find(std::string_view key, std::uint16_t resource) const {
  const auto at = place(key, resource);
  return at == entries_.size() ? nullptr : &entries_[at];
}

}  // namespace hb::status
