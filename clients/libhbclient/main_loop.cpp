// main_loop: the cluster object as a source of GLib's main loop, by means of libplumb
#include "clients/libhbclient/boundary.hpp"
#include "clients/libhbclient/hb_api_cxx.hpp"
#include "clients/libhbclient/plumb.hpp"

#include <memory>

namespace {

using Dispatch = int (*)(ll_cluster_t*, void*);
using Notify = void (*)(void*);

/// What the program gave, kept until the source ends.
struct Watch {
  ll_cluster_t* cluster;
  Dispatch dispatch;
  void* data;
  Notify notify;
};

int dispatch(IPC_Channel*, void* data) {
  const auto* watch = static_cast<Watch*>(data);
  return watch->dispatch(watch->cluster, watch->data);
}

void end(void* data) {
  const std::unique_ptr<Watch> watch(static_cast<Watch*>(data));
  if (watch->notify != nullptr) watch->notify(watch->data);
}

}  // namespace

/// Calls `function` from GLib's main loop when there is something to read, until it returns 0; then
/// calls `notify`. The source is libplumb's for channels: nullptr without libplumb, when not signed
/// on, or without memory. Declared by hb_api.h beside GLib only.
// habit: after a lost connection libplumb's loop calls neither any more.
HB_EXPORT void* G_main_add_ll_cluster(int priority, ll_cluster_t* cluster, int can_recurse,
                                      Dispatch function, void* data, Notify notify) {
  using Add = void* (*)(int, IPC_Channel*, int, int (*)(IPC_Channel*, void*), void*, Notify);
  using namespace hb::clients::libhbclient;
  const auto add = reinterpret_cast<Add>(plumb_symbol("G_main_add_IPC_Channel"));
  if (add == nullptr || cluster == nullptr || function == nullptr) return nullptr;
  IPC_Channel* channel = cluster->llc_ops->ipcchan(cluster);
  if (channel == nullptr) return nullptr;
  return guarded<void*>(nullptr, [&] {
    auto watch = std::make_unique<Watch>(Watch{cluster, function, data, notify});
    return add(priority, channel, can_recurse, dispatch, watch.release(), end);
  });
}
