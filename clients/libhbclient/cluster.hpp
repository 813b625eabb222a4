// cluster: what one ll_cluster_t object is: the operations over a connection to the daemon
#pragma once

#include "clients/hbclient.hpp"
#include "clients/libhbclient/callbacks.hpp"
#include "clients/libhbclient/channel.hpp"
#include "clients/libhbclient/hb_api_cxx.hpp"
#include "clients/libhbclient/ordering.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hb::clients::libhbclient {

/// A method for each operation of hb_api.h, with its arguments and its answer: this is the C
/// interface's own vocabulary. Not thread-safe. Sources: client-api §2, §3.
class Cluster final : private ChannelOwner {
 public:
  static constexpr std::chrono::seconds usual_patience{30};
  /// Messages that one non-blocking read hands to callbacks at most, so that it ends in a flood.
  static constexpr int callbacks_in_a_row = 1000;

  /// `patience` is for every question, for sending, and between two signs of life while a blocking
  /// read waits.
  Cluster(std::string socket_path, Milliseconds patience);
  ~Cluster() = default;

  int signon(const char* id);
  int signoff(int destroy_channel);

  int set_msg_callback(const char* type, llc_msg_callback_t function, void* data);
  int set_nstatus_callback(llc_nstatus_callback_t function, void* data);
  int set_ifstatus_callback(llc_ifstatus_callback_t function, void* data);
  int set_cstatus_callback(llc_cstatus_callback_t function, void* data);

  int init_nodewalk();
  const char* nextnode();
  int end_nodewalk();
  const char* node_status(const char* node);
  int node_weight(const char* node);
  const char* node_site(const char* node);
  const char* node_type(const char* node);
  int num_nodes();
  int init_ifwalk(const char* node);
  const char* nextif();
  int end_ifwalk();
  const char* if_status(const char* node, const char* link);
  const char* client_status(const char* node, const char* id, int timeout);
  int get_uuid_by_name(const char* node, cl_uuid_t* uuid);
  int get_name_by_uuid(cl_uuid_t* uuid, char* name, std::size_t size);

  int sendclustermsg(ha_msg* message);
  int sendnodemsg(ha_msg* message, const char* node);
  int sendnodemsg_byuuid(ha_msg* message, cl_uuid_t* uuid);
  int send_ordered_clustermsg(ha_msg* message);
  int send_ordered_nodemsg(ha_msg* message, const char* node);

  int inputfd();
  IPC_Channel* ipcchan();
  int msgready();
  int setmsgsignal(int signal);
  int rcvmsg(int blocking);
  ha_msg* readmsg(int blocking);
  int setfmode(unsigned int mode);

  char* get_parameter(const char* name);
  long get_deadtime();
  long get_keepalive();
  const char* get_mynodeid();
  int get_logfacility();
  const char* get_resources();
  int chan_is_connected();
  int set_sendq_len(int length);
  int set_send_block_mode(int blocking);
  const char* errmsg();

  /// True while one of the program's callbacks runs: the object must live on then.
  [[nodiscard]] bool is_calling_back() const { return depth_ > 0; }
  bool is_doomed = false;

 private:
  using Clock = std::chrono::steady_clock;

  int descriptor() const override;
  bool is_open() const override;
  bool is_message_ready() override;
  bool is_sending_blocked() const override;
  void flush() override;
  bool wait_for_input() override;
  void close() override;

  bool may_ask();
  bool may_send(const char* operation, const void* message);
  int failed(std::string reason);
  const char* answer(std::string& place, core::Result<std::string> result, bool tells_reason);
  std::optional<std::vector<core::Message>> ask(std::string_view request, std::string_view name,
                                                std::string_view value);
  int number_of(std::string_view request, std::string_view field, const char* node);
  int send(const char* operation, ha_msg* message, const char* node, const cl_uuid_t* uuid,
           bool ordered);
  std::optional<core::Message> next_message(bool blocking);
  /// The next message without a callback; `budget` ends a non-blocking read in a flood.
  std::optional<core::Message> next_uncalled(bool blocking);
  bool is_alive();

  Milliseconds patience_;
  HbClient client_;
  Channel channel_;
  std::string id_, error_;
  bool casual_ = true;
  bool sends_block_ = true;
  int depth_ = 0;

  std::vector<NodeEntry> nodes_;
  std::size_t nodes_left_ = 0;
  const NodeEntry* node_ = nullptr;  ///< that nextnode returned last
  Clock::time_point nodes_at_{};
  std::vector<LinkEntry> links_;
  std::size_t links_left_ = 0;
  const LinkEntry* link_ = nullptr;
  std::string links_of_;
  Clock::time_point links_at_{};

  std::string status_, site_, type_, link_status_, client_status_, resources_;
  Callbacks callbacks_;
  Ordering ordering_;
  std::map<std::string, std::uint64_t, std::less<>> order_numbers_;  ///< sent, by destination
};

}  // namespace hb::clients::libhbclient
