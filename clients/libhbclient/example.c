/* example: lists the cluster's nodes and their links, and then, if given a name, what happens
 *
 *     cc example.c -o example $(pkg-config --cflags --libs libhbclient)
 *     ./example            lists and ends; for root and members of group haclient
 *     ./example watcher    lists, then tells every change until the daemon stops; ha.cf must have
 *                          `apiauth watcher uid=...` or `gid=...` for the user who runs it
 */
#include <hb_api.h>

#include <stdio.h>
#include <string.h>

/* Every operation gets the object first; errmsg tells why one failed, if that is known. */
static int complain(ll_cluster_t* hb, const char* what) {
  fprintf(stderr, "cannot %s: %s\n", what, hb->llc_ops->errmsg(hb));
  return 0;
}

/* One node walk and one link walk may be under way at a time: a link walk inside a node walk is
 * what most programs do. The names stay valid until the next walk of their kind begins. */
static int list(ll_cluster_t* hb) {
  const char *node, *link, *status;
  if (hb->llc_ops->init_nodewalk(hb) != HA_OK) return complain(hb, "list the nodes");
  while ((node = hb->llc_ops->nextnode(hb)) != NULL) {
    status = hb->llc_ops->node_status(hb, node);
    printf("%s is %s", node, status != NULL ? status : "unknown");
    printf(" (%s%s)\n", hb->llc_ops->node_type(hb, node),
           strcmp(node, hb->llc_ops->get_mynodeid(hb)) == 0 ? ", this one" : "");
    if (hb->llc_ops->init_ifwalk(hb, node) != HA_OK) return complain(hb, "list the links");
    while ((link = hb->llc_ops->nextif(hb)) != NULL) {
      status = hb->llc_ops->if_status(hb, node, link);
      printf("  link %s is %s\n", link, status != NULL ? status : "unknown");
    }
    hb->llc_ops->end_ifwalk(hb);
  }
  hb->llc_ops->end_nodewalk(hb);
  status = hb->llc_ops->get_resources(hb);
  printf("resources here: %s\n", status != NULL ? status : "not managed by the daemon");
  return 1;
}

static void node_changed(const char* node, const char* status, void* unused) {
  (void)unused;
  printf("%s is now %s\n", node, status);
}

static void link_changed(const char* node, const char* link, const char* status, void* unused) {
  (void)unused;
  printf("link %s to %s is now %s\n", link, node, status);
}

/* readmsg calls the callbacks, and returns only messages that have none. */
static int watch(ll_cluster_t* hb) {
  struct ha_msg* message;
  hb->llc_ops->set_nstatus_callback(hb, node_changed, NULL);
  hb->llc_ops->set_ifstatus_callback(hb, link_changed, NULL);
  if (hb->llc_ops->setfmode(hb, LLC_FILTER_DEFAULT) != HA_OK) return complain(hb, "set the filter");
  while ((message = hb->llc_ops->readmsg(hb, 1)) != NULL) {
    const char* type = cl_get_string(message, F_TYPE);
    printf("a message of type %s\n", type != NULL ? type : "?");
    ha_msg_del(message);
  }
  return complain(hb, "watch any longer");
}

int main(int argc, char** argv) {
  const char* name = argc > 1 ? argv[1] : NULL; /* NULL: a casual client */
  int good;
  ll_cluster_t* hb = ll_cluster_new("heartbeat");
  if (hb == NULL) return 1;
  setvbuf(stdout, NULL, _IOLBF, 0);
  good = hb->llc_ops->signon(hb, name) == HA_OK ? list(hb) : complain(hb, "sign on");
  if (good && name != NULL) good = watch(hb);
  hb->llc_ops->delete(hb); /* signs off first */
  return good ? 0 : 1;
}
