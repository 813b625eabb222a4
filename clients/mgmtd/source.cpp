// source: asks the daemon's API and its board for a picture of the cluster, with bounded patience
#include "clients/mgmtd/source.hpp"

#include "os/log.hpp"
#include "os/paths.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fmt/core.h>

namespace hb::clients::mgmtd {

namespace {

using core::Error;
using core::Result;

/// A single answer may take this long; several slow ones end at picture_patience.
constexpr Milliseconds answer_patience{1000};
/// Class bit "everything meant for clients" (client-api §2.5).
constexpr std::string_view filter_default = "1";
/// Unasked messages read at once, so that a flood cannot hold us up.
constexpr int messages_at_once = 256;

/// What hb_config shows: the parameters of client-api §2.3 that say how the cluster behaves.
constexpr std::array<std::string_view, 20> shown_parameters = {
    "cluster", "hbversion", "keepalive", "warntime", "deadtime", "initdead", "deadping",
    "auto_failback", "pacemaker", "autojoin", "udpport", "baud", "msgfmt", "compression",
    "hopfudge", "realtime", "logfile", "debugfile", "logfacility", "watchdog"};

/// The daemon's reason, made an advice.
Error explain(Error error) {
  switch (error.os_error) {
    case ENOENT:
    case ECONNREFUSED:
      return {"heartbeat is stopped on this node, or not yet active", error.os_error};
    case EACCES:
      return {"no permission to ask heartbeat: mgmtd must be of group haclient", error.os_error};
    default: break;
  }
  if (error.text.empty()) error.text = "heartbeat refused to answer";
  return error;
}

bool passed(std::chrono::steady_clock::time_point deadline) {
  return std::chrono::steady_clock::now() >= deadline;
}

Error too_slow() {
  return {"heartbeat does not answer in time", ETIMEDOUT};
}

}  // namespace

std::string Source::default_board() {
  const char* other = ::secure_getenv("HEARTBEAT_BOARD");
  return other != nullptr && *other != '\0' ? other : os::paths::board;
}

Source::Source(std::string register_socket, std::string board_path)
    : client_(std::move(register_socket), answer_patience), board_path_(std::move(board_path)),
      snapshot_(std::make_unique<core::Snapshot>()) {}

Result<void> Source::sign_on() {
  if (client_.is_signed_on() && client_.socket() >= 0) return {};
  if (auto signed_on = client_.sign_on(""); !signed_on) return explain(signed_on.error());
  if (auto filtered = client_.ask("setfilter", "result", {{"fmask", filter_default}}); !filtered)
    return explain(filtered.error());
  return {};
}

Result<Picture> Source::picture(Depth depth) {
  const Deadline deadline = std::chrono::steady_clock::now() +
                            (depth == Depth::parameters ? parameters_patience : picture_patience);
  if (auto ready = sign_on(); !ready) return ready.error();
  auto asked = ask(depth, deadline);
  if (!asked && client_.socket() < 0 && !passed(deadline)) {
    // The daemon was started anew since the last question: the old connection only told so now.
    if (auto ready = sign_on(); !ready) return ready.error();
    asked = ask(depth, deadline);
  }
  if (!asked) return explain(asked.error());
  read_board(*asked);
  return asked;
}

Result<Picture> Source::ask(Depth depth, Deadline deadline) {
  Picture picture;
  const DaemonFacts& facts = client_.facts();
  picture.self = facts.node;
  picture.version = facts.version;
  picture.deadtime_ms = static_cast<std::uint64_t>(facts.deadtime->count());
  picture.keepalive_ms = static_cast<std::uint64_t>(facts.keepalive->count());
  if (auto nodes = ask_nodes(picture, depth, deadline); !nodes) return nodes.error();
  // habit: refused with a reason where pacemaker manages the resources; no cause to fail.
  auto holding = client_.resources();
  if (!holding && client_.socket() < 0) return holding.error();
  picture.holding = holding ? *holding : "unmanaged";
  if (depth == Depth::parameters) ask_parameters(picture, deadline);
  if (passed(deadline)) return too_slow();
  return picture;
}

Result<void> Source::ask_nodes(Picture& picture, Depth depth, Deadline deadline) {
  auto nodes = client_.nodes();
  if (!nodes) return nodes.error();
  for (NodeEntry& entry : *nodes) {
    if (passed(deadline)) return too_slow();
    Picture::Node& node = picture.nodes.emplace_back();
    node.name = std::move(entry.name);
    node.type = std::move(entry.type);
    node.status = std::move(entry.status);
    auto links = client_.links(node.name);
    if (!links) return std::move(links.error()).in("links of " + node.name);
    for (LinkEntry& link : *links)
      node.links.push_back({std::move(link.name), std::move(link.status)});
    if (depth != Depth::details) continue;
    if (auto weight = client_.node_weight(node.name)) node.weight = std::move(*weight);
    if (auto site = client_.node_site(node.name)) node.site = std::move(*site);
  }
  return {};
}

/// Unset ones are left out.
void Source::ask_parameters(Picture& picture, Deadline deadline) {
  for (const std::string_view name : shown_parameters) {
    if (passed(deadline)) return;
    auto value = client_.parameter(name);
    if (value) picture.parameters.push_back({std::string(name), std::move(*value)});
  }
}

bool Source::drain() {
  if (client_.socket() < 0) return false;
  bool anything = false;
  for (int i = 0; i < messages_at_once; ++i) {
    auto message = client_.receive(Milliseconds{0});
    if (!message) return true;
    if (!*message) return anything;
    anything = true;
  }
  return anything;
}

// ---- the board

/// A daemon that starts makes a new file under the old name.
bool Source::open_board() {
  struct stat facts{};
  if (::stat(board_path_.c_str(), &facts) != 0) {
    board_.reset();
    return false;
  }
  if (board_ && facts.st_dev == board_device_ && facts.st_ino == board_inode_) return true;
  board_.reset();
  auto opened = ipc::BoardReader::open(board_path_);
  if (!opened) return false;
  board_.emplace(std::move(*opened));
  board_device_ = facts.st_dev;
  board_inode_ = facts.st_ino;
  journal_reader_ = board_->black_box(ipc::BlackBoxReader::From::oldest);
  return true;
}

std::optional<std::vector<Picture::Group>> Source::read_groups() {
  if (!open_board() || !board_->read_snapshot(*snapshot_)) return std::nullopt;
  const core::Snapshot& now = *snapshot_;
  const auto name_of_node = [&now](core::NodeId node) {
    return node.value < now.node_count ? std::string(now.nodes[node.value].name.view()) : "";
  };
  std::vector<Picture::Group> groups;
  for (std::size_t i = 0; i < now.group_count && i < now.groups.size(); ++i) {
    const core::GroupRow& row = now.groups[i];
    groups.push_back({std::string(row.key.view()), name_of_node(row.home),
                      name_of_node(row.owner), std::string(core::name_of(row.state)),
                      row.failures});
  }
  return groups;
}

bool Source::groups_changed() {
  return read_groups() != last_groups_;
}

void Source::read_board(Picture& picture) {
  picture.groups = last_groups_ = read_groups();
  if (!board_) return;
  for (auto& counter : board_->counters())
    picture.counters.push_back({std::move(counter.label), counter.value});
}

const std::deque<JournalLine>& Source::journal() {
  if (!open_board()) return journal_;
  while (auto line = journal_reader_.next()) {
    if (line->level == core::LogLevel::debug) continue;
    if (journal_.size() >= journal_lines) journal_.pop_front();
    journal_.push_back({line->wall_seconds, std::string(os::level_word(line->level)),
                        std::move(line->text)});
  }
  return journal_;
}

}  // namespace hb::clients::mgmtd
