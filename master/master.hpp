// master: the master control process: drains rings, steps the engine, carries out its outputs
#pragma once

#include "core/engine.hpp"
#include "ipc/board.hpp"
#include "master/adopt.hpp"
#include "master/config_files.hpp"
#include "master/media.hpp"
#include "master/precautions.hpp"
#include "master/supervisor.hpp"
#include "os/fd.hpp"
#include "os/loop.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace hb::master {

struct MasterSetup {
  LoadedConfig loaded;
  os::Fd image;           ///< our own program, held open
  os::Fd ready;           ///< a byte is written here when all children serve; may be invalid
  std::string held;       ///< -C of a resumed start, else ""
  std::optional<std::string> running;  ///< keys of the groups that the image before us left running
  bool resumed = false;   ///< -R
  std::vector<std::string> arguments;  ///< options with which a successor has to be started
  std::function<void()> detached;  ///< called once all children serve: lets go of the terminal
};

/// How the master ended; main turns it into an exit or a new execution of the image.
enum class MasterEnd { stopped, restart, resume };

class Master {
 public:
  explicit Master(MasterSetup setup);
  ~Master();
  Master(const Master&) = delete;
  Master& operator=(const Master&) = delete;

  /// Opens everything that needs rights and disk, spawns the children and serves until the end.
  [[nodiscard]] core::Result<MasterEnd> run();
  /// After a resume: what the next image is to be told with -C.
  [[nodiscard]] std::string_view held() const;
  /// and the keys of the groups that run here, blank separated.
  [[nodiscard]] std::string running() const;

 private:
  // start
  core::Result<void> prepare();
  core::Result<void> succeed(const core::Now& now);
  core::Result<void> make_engine(const core::Now& now);
  core::Result<void> make_folders();
  core::Result<void> open_fifo();
  core::Result<void> open_register_socket();
  void log_findings();
  void add_children();
  void watch_signals();
  void tell_ready();

  // one turn: inputs before timers (design rule 7)
  void turn();
  bool drain(core::Now now);
  void take(Child& child, const ipc::RecordView& record, core::Now now);
  void take_message(Child& child, ipc::RecordType type, const core::Message& message,
                    core::Now now);
  void step(core::Now now, const core::Input& input);
  void finish_turn(core::Now now);
  void publish(core::Instant now);
  void show_counters();
  void tell_holdings();

  // outputs, one function a kind
  void apply(const core::Outputs& outputs);
  void carry_out(const core::Send& send);
  void carry_out(const core::RunAction& action);
  void carry_out(const core::KillAction& action);
  void carry_out(const core::FenceNode& order);
  void carry_out(const core::ProbeAddresses& probe);
  void carry_out(const core::RunHook& hook);
  void carry_out(const core::ToClients& event);
  void carry_out(const core::ToClient& reply);
  void carry_out(const core::ClientAnnounced& client);
  void carry_out(const core::CommunicationUp& up);
  void carry_out(const core::PauseClients& pause);
  void carry_out(const core::Log& line);
  void carry_out(const core::Publish& publish);
  void carry_out(const core::Persist& persist);
  void carry_out(const core::Exit& exit);

  // children
  void spawned(Child& child);
  void lost(Child& child, const std::string& how);
  void configure_status(Child& child);
  void configure_runner(Child& child);
  void tell_runner_settings(Child& child);
  void start_clients();
  void start_witness();
  void push(Child* child, ipc::RecordType type, const core::Message& message);

  // signals
  void on_signal(int signal);
  void set_debug(unsigned level);
  void tell_no_successor();
  void reload();
  struct FileTimes {
    using Time = std::pair<std::int64_t, std::int64_t>;  ///< seconds, nanoseconds; zero: no file
    Time config, resources, options, keys;
  };
  [[nodiscard]] static FileTimes file_times();

  void log(core::LogLevel level, std::string_view text);

  MasterSetup setup_;
  os::Loop loop_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<core::Engine> engine_;
  Precautions precautions_{[this](core::LogLevel level, std::string_view text) {
    log(level, text);
  }};
  std::optional<Estate> estate_;  ///< of a master that died just now, and that we follow
  std::shared_ptr<const core::Continuity> past_;  ///< what the image before us knew at its end
  std::optional<ipc::Board> board_;
  std::unique_ptr<Media> media_;
  os::Fd fifo_, register_socket_, signals_, log_file_, debug_file_;
  std::map<core::ClientId, std::string> clients_;  ///< named ones, as the status process told
  std::deque<std::pair<core::LogLevel, std::string>>
      early_log_;  ///< until the status process drains
  std::vector<core::Ticket> running_;
  core::Message scratch_, incoming_, log_line_;  ///< reused, so that a turn does not allocate
  std::string encoded_, head_, told_holdings_;
  std::size_t counted_children_ = 0;
  core::Instant last_turn_{}, next_publish_{};
  core::Instant asked_for_ = core::never;  ///< the deadline that the loop was told
  std::optional<MasterEnd> end_;
  FileTimes times_;
  bool started_ = false, publish_ = false, api_open_ = false, ready_told_ = false,
       stop_asked_ = false;
};

}  // namespace hb::master
