// callbacks: which of the program's functions is called for which type of message
#pragma once

#include "clients/libhbclient/hb_api_cxx.hpp"

#include "core/message.hpp"

#include <map>
#include <string>
#include <variant>

namespace hb::clients::libhbclient {

/// One function for each type of message; the last one set holds.
class Callbacks {
 public:
  void set_message(const std::string& type, llc_msg_callback_t function, void* data);
  void set_node_status(llc_nstatus_callback_t function, void* data);
  void set_link_status(llc_ifstatus_callback_t function, void* data);
  void set_client_status(llc_cstatus_callback_t function, void* data);

  /// Calls the message's function; false if it has none.
  [[nodiscard]] bool call(const core::Message& message) const;

 private:
  using Function = std::variant<llc_msg_callback_t, llc_nstatus_callback_t,
                                llc_ifstatus_callback_t>;
  enum class Kind { message, node, link, client };
  struct Entry {
    Kind kind;
    Function function;
    void* data;
  };
  void set(const std::string& type, bool wanted, Entry entry);

  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace hb::clients::libhbclient
