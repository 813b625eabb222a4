// hblinks: the walk of the management verb status_hblinks, made through libhbclient
#include <hb_api.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace {

struct Delete {
  void operator()(ll_cluster_t* hb) const { hb->llc_ops->delete_(hb); }
};
using Cluster = std::unique_ptr<ll_cluster_t, Delete>;

/// What the walk found, or why it could not be made.
struct Answer {
  bool made;
  std::string text;
};

Answer failure(const Cluster& hb, std::string_view what) {
  return {false, std::string(what) + ": " + hb->llc_ops->errmsg(hb.get())};
}

/// Whether a link of `node` is dead; nothing can be said if the walk breaks off.
Answer walk_links(const Cluster& hb, const char* node) {
  if (hb->llc_ops->init_ifwalk(hb.get(), node) != HA_OK)
    return failure(hb, std::string("cannot walk the links of ") + node);
  Answer answer{true, "good"};
  while (const char* link = hb->llc_ops->nextif(hb.get())) {
    const char* status = hb->llc_ops->if_status(hb.get(), node, link);
    if (status == nullptr) return failure(hb, std::string("no status of ") + link);
    if (std::string_view(status) == "dead") answer.text = "has_dead";
  }
  hb->llc_ops->end_ifwalk(hb.get());
  return answer;
}

Answer walk_nodes(const Cluster& hb) {
  if (hb->llc_ops->init_nodewalk(hb.get()) != HA_OK) return failure(hb, "cannot walk the nodes");
  const std::string self = hb->llc_ops->get_mynodeid(hb.get());
  Answer answer{true, "good"};
  while (const char* node = hb->llc_ops->nextnode(hb.get())) {
    const char* type = hb->llc_ops->node_type(hb.get(), node);
    if (type == nullptr) return failure(hb, std::string("no type of ") + node);
    if (std::string_view(type) == "ping" || node == self) continue;
    const Answer links = walk_links(hb, node);
    if (!links.made) return links;
    if (links.text == "has_dead") answer = links;
  }
  hb->llc_ops->end_nodewalk(hb.get());
  return answer;
}

}  // namespace

int main() {
  const Cluster hb(ll_cluster_new("heartbeat"));
  if (!hb) return 2;
  const Answer answer = hb->llc_ops->signon(hb.get(), nullptr) == HA_OK
                            ? walk_nodes(hb)
                            : failure(hb, "cannot sign on");
  std::printf("%s\n%s\n", answer.made ? "ok" : "fail", answer.text.c_str());
  return answer.made ? 0 : 1;
}
