// callbacks: which of the program's functions is called for which type of message
#pragma once

#include "clients/libhbclient/hb_api_cxx.hpp"

#include "core/message.hpp"

#include <functional>
#include <map>
#include <string>

namespace hb::clients::libhbclient {

/// One function for each kind of event, and one for each type of message. A null function removes
/// one. Those of events come before those of messages.
class Callbacks {
 public:
  void set_message(const std::string& type, llc_msg_callback_t function, void* data);
  void set_node_status(llc_nstatus_callback_t function, void* data);
  void set_link_status(llc_ifstatus_callback_t function, void* data);
  void set_client_status(llc_cstatus_callback_t function, void* data);

  /// Calls the message's function; false if it has none.
  [[nodiscard]] bool call(const core::Message& message) const;

 private:
  template <class Function>
  struct Entry {
    Function function = nullptr;
    void* data = nullptr;
  };
  [[nodiscard]] bool call_event(const core::Message& message) const;

  Entry<llc_nstatus_callback_t> node_;
  Entry<llc_ifstatus_callback_t> link_;
  Entry<llc_cstatus_callback_t> client_;
  std::map<std::string, Entry<llc_msg_callback_t>, std::less<>> messages_;
};

}  // namespace hb::clients::libhbclient
