// operations: the table of ll_cluster_t's 44 operations, and the object's making and end
#include "clients/libhbclient/boundary.hpp"
#include "clients/libhbclient/cluster.hpp"
#include "clients/libhbclient/hb_api_cxx.hpp"

#include <cstring>
#include <memory>
#include <type_traits>

namespace hb::clients::libhbclient {

namespace {

/// What the program holds; its first bytes are the public struct.
struct Object {
  ll_cluster_t shown{};
  Cluster cluster{register_socket(), Cluster::usual_patience};
};

Object* object_of(ll_cluster_t* lcl) {
  return lcl != nullptr ? static_cast<Object*>(lcl->ll_cluster_private) : nullptr;
}

void destroy_if_doomed(Object* object) {
  if (object->cluster.is_doomed && !object->cluster.is_calling_back()) delete object;
}

/// What an operation answers when it cannot be carried out at all.
template <class Answer, auto Failure>
constexpr Answer failure() {
  if constexpr (std::is_pointer_v<Answer>)
    return nullptr;
  else
    return Failure;
}

/// A method of Cluster as a C function. `Failure` is for those that return numbers.
template <auto Method, int Failure = HA_FAIL>
struct Operation;
template <class Answer, class... Arguments, Answer (Cluster::*Method)(Arguments...), int Failure>
struct Operation<Method, Failure> {
  static Answer call(ll_cluster_t* lcl, Arguments... arguments) {
    Object* object = object_of(lcl);
    if (object == nullptr) return failure<Answer, Failure>();
    const Answer answer = guarded<Answer>(failure<Answer, Failure>(), [&] {
      return (object->cluster.*Method)(arguments...);
    });
    destroy_if_doomed(object);
    return answer;
  }
};

template <auto Method, int Failure = HA_FAIL>
constexpr auto operation = &Operation<Method, Failure>::call;

/// Signs off and frees; during a callback, when that has returned.
int delete_object(ll_cluster_t* lcl) {
  Object* object = object_of(lcl);
  if (object == nullptr) return HA_FAIL;
  guarded<int>(HA_FAIL, [&] { return object->cluster.signoff(1); });
  object->cluster.is_doomed = true;
  destroy_if_doomed(object);
  return HA_OK;
}

using C = Cluster;
llc_ops operations{
    operation<&C::signon>,
    operation<&C::signoff>,
    &delete_object,
    operation<&C::set_msg_callback>,
    operation<&C::set_nstatus_callback>,
    operation<&C::set_ifstatus_callback>,
    operation<&C::set_cstatus_callback>,
    operation<&C::init_nodewalk>,
    operation<&C::nextnode>,
    operation<&C::end_nodewalk>,
    operation<&C::node_status>,
    operation<&C::node_weight, -1>,
    operation<&C::node_site>,
    operation<&C::node_type>,
    operation<&C::num_nodes, -1>,
    operation<&C::init_ifwalk>,
    operation<&C::nextif>,
    operation<&C::end_ifwalk>,
    operation<&C::if_status>,
    operation<&C::client_status>,
    operation<&C::get_uuid_by_name>,
    operation<&C::get_name_by_uuid>,
    operation<&C::sendclustermsg>,
    operation<&C::sendnodemsg>,
    operation<&C::sendnodemsg_byuuid>,
    operation<&C::send_ordered_clustermsg>,
    operation<&C::send_ordered_nodemsg>,
    operation<&C::inputfd, -1>,
    operation<&C::ipcchan>,
    operation<&C::msgready, 0>,
    operation<&C::setmsgsignal>,
    operation<&C::rcvmsg, 0>,
    operation<&C::readmsg>,
    operation<&C::setfmode>,
    operation<&C::get_parameter>,
    operation<&C::get_deadtime, 0>,
    operation<&C::get_keepalive, 0>,
    operation<&C::get_mynodeid>,
    operation<&C::get_logfacility, -1>,
    operation<&C::get_resources>,
    operation<&C::chan_is_connected, 0>,
    operation<&C::set_sendq_len>,
    operation<&C::set_send_block_mode>,
    operation<&C::errmsg>,
};
static_assert(sizeof operations == 44 * sizeof(void*));

}  // namespace

}  // namespace hb::clients::libhbclient

HB_EXPORT ll_cluster_t* ll_cluster_new(const char* type) {
  using namespace hb::clients::libhbclient;
  if (type == nullptr || std::strcmp(type, "heartbeat") != 0) return nullptr;
  return guarded<ll_cluster_t*>(nullptr, [] {
    auto object = std::make_unique<Object>();
    object->shown = {object.get(), &operations};
    return &object.release()->shown;
  });
}
