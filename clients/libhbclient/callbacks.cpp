// callbacks: which of the program's functions is called for which type of message
#include "clients/libhbclient/callbacks.hpp"

#include "clients/libhbclient/ha_msg.hpp"

namespace hb::clients::libhbclient {

void Callbacks::set_message(const std::string& type, llc_msg_callback_t function, void* data) {
  if (function != nullptr)
    messages_.insert_or_assign(type, Entry<llc_msg_callback_t>{function, data});
  else
    messages_.erase(type);
}
void Callbacks::set_node_status(llc_nstatus_callback_t function, void* data) {
  node_ = {function, data};
}
void Callbacks::set_link_status(llc_ifstatus_callback_t function, void* data) {
  link_ = {function, data};
}
void Callbacks::set_client_status(llc_cstatus_callback_t function, void* data) {
  client_ = {function, data};
}

/// Entries are copied before the call, since the function may set others. A field that is missing
/// becomes an empty text: programs compare these without a look whether they are there.
bool Callbacks::call_event(const core::Message& message) const {
  const std::string_view type = message.type();
  const auto text = [&](const char* name) { return std::string(message.text_or_empty(name)); };
  if (const auto node = node_; node.function != nullptr && (type == "status" || type == "NS_st")) {
    node.function(text("src").c_str(), text("st").c_str(), node.data);
    return true;
  }
  if (const auto link = link_; link.function != nullptr && type == "ifstat") {
    link.function(text("node").c_str(), text("ifname").c_str(), text("st").c_str(), link.data);
    return true;
  }
  const bool is_answer = type == "respond-cstatus";
  if (const auto client = client_;
      client.function != nullptr && (is_answer || type == "hbapi-clstat")) {
    client.function(text("src").c_str(), text(is_answer ? "cn" : "from_id").c_str(),
                    text(is_answer ? "cs" : "st").c_str(), client.data);
    return true;
  }
  return false;
}

bool Callbacks::call(const core::Message& message) const {
  if (call_event(message)) return true;
  const auto found = messages_.find(message.type());
  if (found == messages_.end()) return false;
  const auto entry = found->second;
  if (ha_msg* c_message = to_c(message)) {
    entry.function(c_message, entry.data);
    ha_msg_del(c_message);
  }
  return true;
}

}  // namespace hb::clients::libhbclient
