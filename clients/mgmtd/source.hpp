// source: asks the daemon's API and its board for a picture of the cluster, with bounded patience
#pragma once

#include "clients/hbclient.hpp"
#include "clients/mgmtd/picture.hpp"
#include "clients/mgmtd/verbs.hpp"
#include "core/result.hpp"
#include "core/snapshot.hpp"
#include "ipc/board.hpp"

#include <sys/types.h>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace hb::clients::mgmtd {

/// How long one picture may take. The daemon answers within a millisecond or is hung; 3.0.6 takes
/// up to half a second for each answer.
inline constexpr std::chrono::milliseconds picture_patience{2000};
/// The same with all parameters, one question each.
inline constexpr std::chrono::milliseconds parameters_patience{4000};
/// Journal lines kept for the web page.
inline constexpr std::size_t journal_lines = 40;

/// One connection to the daemon, made again as needed. Not thread-safe; waits, but never longer
/// than about picture_patience.
class Source {
 public:
  explicit Source(std::string register_socket = clients::register_socket(),
                  std::string board_path = default_board());

  /// The error names the reason and the cure: stopped, hung, or not permitted.
  [[nodiscard]] core::Result<Picture> picture(Depth depth);

  /// Readable when the daemon has something to tell; -1 while there is no connection.
  [[nodiscard]] int socket() const { return client_.socket(); }
  /// Takes what the daemon told unasked. True if anything came, or the connection was lost.
  [[nodiscard]] bool drain();
  /// Whether the board's groups differ from the last picture's: services move without a message.
  [[nodiscard]] bool groups_changed();

  /// The newest lines last. Empty without a board.
  [[nodiscard]] const std::deque<JournalLine>& journal();

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  static std::string default_board();
  core::Result<void> sign_on();
  core::Result<Picture> ask(Depth depth, Deadline deadline);
  core::Result<void> ask_nodes(Picture& picture, Depth depth, Deadline deadline);
  void ask_parameters(Picture& picture, Deadline deadline);
  bool open_board();
  std::optional<std::vector<Picture::Group>> read_groups();
  void read_board(Picture& picture);

  HbClient client_;
  std::string board_path_;
  std::optional<ipc::BoardReader> board_;
  ipc::BlackBoxReader journal_reader_;
  dev_t board_device_ = 0;
  ino_t board_inode_ = 0;
  std::unique_ptr<core::Snapshot> snapshot_;
  std::optional<std::vector<Picture::Group>> last_groups_;
  std::deque<JournalLine> journal_;
};

}  // namespace hb::clients::mgmtd
