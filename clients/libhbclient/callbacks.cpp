// callbacks: which of the program's functions is called for which type of message
#include "clients/libhbclient/callbacks.hpp"

#include "clients/libhbclient/ha_msg.hpp"

namespace hb::clients::libhbclient {

void Callbacks::set(const std::string& type, bool wanted, Entry entry) {
  if (wanted)
    entries_.insert_or_assign(type, entry);
  else
    entries_.erase(type);
}

void Callbacks::set_message(const std::string& type, llc_msg_callback_t function, void* data) {
  set(type, function != nullptr, {Kind::message, function, data});
}

void Callbacks::set_node_status(llc_nstatus_callback_t function, void* data) {
  for (const char* type : {"status", "NS_st"})
    set(type, function != nullptr, {Kind::node, function, data});
}

void Callbacks::set_link_status(llc_ifstatus_callback_t function, void* data) {
  set("ifstat", function != nullptr, {Kind::link, function, data});
}

void Callbacks::set_client_status(llc_cstatus_callback_t function, void* data) {
  for (const char* type : {"hbapi-clstat", "respond-cstatus"})
    set(type, function != nullptr, {Kind::client, function, data});
}

bool Callbacks::call(const core::Message& message) const {
  const auto found = entries_.find(message.type());
  if (found == entries_.end()) return false;
  const Entry entry = found->second;  // a copy: the function may set another
  const auto text = [&](const char* name) { return std::string(message.text_or_empty(name)); };
  switch (entry.kind) {
    case Kind::message:
      if (ha_msg* c_message = to_c(message)) {
        std::get<llc_msg_callback_t>(entry.function)(c_message, entry.data);
        ha_msg_del(c_message);
      }
      return true;
    case Kind::node:
      std::get<llc_nstatus_callback_t>(entry.function)(text("src").c_str(), text("st").c_str(),
                                                       entry.data);
      return true;
    case Kind::link:
      std::get<llc_ifstatus_callback_t>(entry.function)(
          text("node").c_str(), text("ifname").c_str(), text("st").c_str(), entry.data);
      return true;
    case Kind::client: {
      const bool is_answer = message.type() == "respond-cstatus";
      std::get<llc_cstatus_callback_t>(entry.function)(
          text("src").c_str(), text(is_answer ? "cn" : "from_id").c_str(),
          text(is_answer ? "cs" : "st").c_str(), entry.data);
      return true;
    }
  }
  return false;
}

}  // namespace hb::clients::libhbclient
