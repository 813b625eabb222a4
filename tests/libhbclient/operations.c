/* operations: prints what every operation of ll_cluster_t answers, to compare libraries by it */
#include <hb_api.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ll_cluster_t* the_cluster;
static int link_events = 0;

static struct ha_msg* hello(const char* type, const char* text) {
  struct ha_msg* message = ha_msg_new(0);
  ha_msg_add(message, F_TYPE, type);
  ha_msg_add(message, "text", text);
  return message;
}

/* To everyone of our name, ourselves included. */
static void say(const char* type, const char* text) {
  struct ha_msg* message = hello(type, text);
  printf("sendclustermsg: %d\n", the_cluster->llc_ops->sendclustermsg(the_cluster, message));
  ha_msg_del(message);
}

static const char* shown(const char* text) { return text != NULL && *text != '\0' ? text : "-"; }

static void on_status(const char* node, const char* status, void* place) {
  printf("callback node %s %s %s\n", shown(node), shown(status), (const char*)place);
}
static void on_link(const char* node, const char* link, const char* status, void* place) {
  printf("callback link %s %s %s %s\n", shown(node), shown(link), shown(status),
         (const char*)place);
  if (++link_events == 3) say("end", "sent inside a callback");
}
static void on_client(const char* node, const char* client, const char* status, void* place) {
  printf("callback client %s %s %s %s\n", shown(node), shown(client), shown(status),
         (const char*)place);
}
static void on_message(struct ha_msg* message, void* place) {
  printf("callback message %s '%s' dest %s number %s %s\n", shown(cl_get_string(message, F_TYPE)),
         shown(cl_get_string(message, "text")), shown(cl_get_string(message, F_TO)),
         shown(cl_get_string(message, F_ORDERSEQ)), (const char*)place);
}

static void walk_links(ll_cluster_t* hb, const char* node) {
  const char* link;
  printf("init_ifwalk %s: %d\n", node, hb->llc_ops->init_ifwalk(hb, node));
  while ((link = hb->llc_ops->nextif(hb)) != NULL) {
    printf("link %s of %s: %s\n", link, node, shown(hb->llc_ops->if_status(hb, node, link)));
  }
  printf("end_ifwalk: %d\n", hb->llc_ops->end_ifwalk(hb));
}

static void walk_nodes(ll_cluster_t* hb) {
  char names[16][64];
  int count = 0;
  const char* node;
  printf("init_nodewalk: %d\n", hb->llc_ops->init_nodewalk(hb));
  while ((node = hb->llc_ops->nextnode(hb)) != NULL && count < 16) {
    printf("node %s: type %s, status %s\n", node, shown(hb->llc_ops->node_type(hb, node)),
           shown(hb->llc_ops->node_status(hb, node)));
    printf("weight %d, site '%s'\n", hb->llc_ops->node_weight(hb, node),
           shown(hb->llc_ops->node_site(hb, node)));
    snprintf(names[count++], sizeof names[0], "%s", node);
  }
  printf("end_nodewalk: %d\n", hb->llc_ops->end_nodewalk(hb));
  while (count > 0) {
    walk_links(hb, names[--count]);
  }
  printf("num_nodes: %d\n", hb->llc_ops->num_nodes(hb));
}

static void ask_for_nobody(ll_cluster_t* hb) {
  printf("nobody: status %s, type %s, weight %d, site %s\n",
         shown(hb->llc_ops->node_status(hb, "nobody")), shown(hb->llc_ops->node_type(hb, "nobody")),
         hb->llc_ops->node_weight(hb, "nobody"), shown(hb->llc_ops->node_site(hb, "nobody")));
  printf("errmsg: %s\n", hb->llc_ops->errmsg(hb));
  printf("nobody's links: %d, %s\n", hb->llc_ops->init_ifwalk(hb, "nobody"),
         shown(hb->llc_ops->nextif(hb)));
  printf("errmsg: %s\n", hb->llc_ops->errmsg(hb));
  printf("no link: %s\n", shown(hb->llc_ops->if_status(hb, "n2", "eth9")));
  printf("errmsg: %s\n", hb->llc_ops->errmsg(hb));
}

static void ask_parameters(ll_cluster_t* hb) {
  static const char* const names[] = {"deadtime", "keepalive", "hbversion", "pacemaker",
                                      "crm",      "udpport",   "node",      "nonsense"};
  size_t i;
  for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
    char* value = hb->llc_ops->get_parameter(hb, names[i]);
    printf("parameter %s: %s\n", names[i],
           strcmp(names[i], "hbversion") == 0 && value != NULL ? "some" : shown(value));
    free(value);
  }
  printf("deadtime %ld, keepalive %ld, node %s, facility %d, resources %s\n",
         hb->llc_ops->get_deadtime(hb), hb->llc_ops->get_keepalive(hb),
         shown(hb->llc_ops->get_mynodeid(hb)), hb->llc_ops->get_logfacility(hb),
         shown(hb->llc_ops->get_resources(hb)));
}

static void ask_uuids(ll_cluster_t* hb) {
  static const char* const names[] = {"n1", "n2", "10.77.0.2", "nobody"};
  size_t i;
  for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
    cl_uuid_t uuid, other;
    char name[64] = "untouched", small[2] = "x";
    memset(&uuid, 0x55, sizeof uuid);
    printf("uuid of %s: %d", names[i], hb->llc_ops->get_uuid_by_name(hb, names[i], &uuid));
    memset(&other, 0, sizeof other);
    printf(memcmp(&uuid, &other, sizeof uuid) == 0 ? " zero" : " some");
    memset(&other, 0x55, sizeof other);
    printf(memcmp(&uuid, &other, sizeof uuid) == 0 ? " untouched" : "");
    printf(", back: %d", hb->llc_ops->get_name_by_uuid(hb, &uuid, name, sizeof name));
    printf(" %s", name);
    printf(", in 2 bytes: %d", hb->llc_ops->get_name_by_uuid(hb, &uuid, small, sizeof small));
    printf(" %02x %02x\n", small[0], small[1]);
  }
}

static void ask_clients(ll_cluster_t* hb) {
  printf("client x of n1: %s\n", shown(hb->llc_ops->client_status(hb, "n1", "x", 5000)));
  printf("client ping of n2: %s\n", shown(hb->llc_ops->client_status(hb, "n2", "ping", 5000)));
  printf("client x of n2: %s\n", shown(hb->llc_ops->client_status(hb, "n2", "x", 5000)));
  printf("client x of nobody: %s\n", shown(hb->llc_ops->client_status(hb, "nobody", "x", 500)));
  printf("errmsg: %s\n", hb->llc_ops->errmsg(hb));
}

static void set_options(ll_cluster_t* hb) {
  int mode;
  for (mode = -1; mode <= 4; ++mode) {
    printf("setfmode %d: %d\n", mode, hb->llc_ops->setfmode(hb, mode));
  }
  printf("errmsg: %s\n", hb->llc_ops->errmsg(hb));
  printf("setfmode default: %d\n", hb->llc_ops->setfmode(hb, LLC_FILTER_DEFAULT));
  printf("setmsgsignal 0: %d\n", hb->llc_ops->setmsgsignal(hb, 0));
  printf("setmsgsignal 9: %d\n", hb->llc_ops->setmsgsignal(hb, 9));
  printf("errmsg: %s\n", hb->llc_ops->errmsg(hb));
  printf("set_sendq_len 100: %d\n", hb->llc_ops->set_sendq_len(hb, 100));
  printf("set_sendq_len 0: %d\n", hb->llc_ops->set_sendq_len(hb, 0));
  printf("set_send_block_mode 0: %d\n", hb->llc_ops->set_send_block_mode(hb, 0));
  printf("set_send_block_mode 1: %d\n", hb->llc_ops->set_send_block_mode(hb, 1));
  printf("chan_is_connected: %d\n", hb->llc_ops->chan_is_connected(hb) != 0);
  printf("inputfd: %s, ipcchan: %s\n", hb->llc_ops->inputfd(hb) >= 0 ? "some" : "none",
         hb->llc_ops->ipcchan(hb) != NULL ? "some" : "none");
}

/* What this client sends to the cluster comes back to it. */
static void exchange(ll_cluster_t* hb) {
  static char place[] = "its place";
  struct ha_msg* message;
  struct ha_msg* reply;
  const char* self = hb->llc_ops->get_mynodeid(hb);
  int i;
  while (hb->llc_ops->msgready(hb)) { /* our own join, if nothing took it yet */
    message = hb->llc_ops->readmsg(hb, 0);
    if (message == NULL) break;
    /* Heartbeats, seen while the filter let all pass, are as many as there were. */
    if (strcmp(shown(cl_get_string(message, F_TYPE)), T_APICLISTAT) == 0) {
      printf("waiting: %s\n", shown(cl_get_string(message, F_TYPE)));
    }
    ha_msg_del(message);
  }
  printf("readmsg: %s\n", hb->llc_ops->readmsg(hb, 0) == NULL ? "nothing" : "a message");

  message = hello("hello", "to all");
  printf("sendclustermsg: %d\n", hb->llc_ops->sendclustermsg(hb, message));
  printf("sendnodemsg: %d\n", hb->llc_ops->sendnodemsg(hb, message, self));
  ha_msg_del(message);
  for (i = 0; i < 2; ++i) {
    reply = hb->llc_ops->readmsg(hb, 1);
    printf("came back: %s '%s' from %s to %s dest %s\n", shown(cl_get_string(reply, F_TYPE)),
           shown(cl_get_string(reply, "text")), shown(cl_get_string(reply, F_FROMID)),
           shown(cl_get_string(reply, F_TOID)), shown(cl_get_string(reply, F_TO)));
    ha_msg_del(reply);
  }
  hb->llc_ops->set_msg_callback(hb, "hello", on_message, place);
  message = hello("hello", "in order");
  for (i = 0; i < 2; ++i) {
    printf("send_ordered_clustermsg: %d\n", hb->llc_ops->send_ordered_clustermsg(hb, message));
  }
  printf("send_ordered_nodemsg: %d\n", hb->llc_ops->send_ordered_nodemsg(hb, message, self));
  ha_msg_del(message);
  say("hello", "for the callback");
  say("goodbye", "without callback");
  printf("rcvmsg: %d\n", hb->llc_ops->rcvmsg(hb, 1));
}

static void events(ll_cluster_t* hb) {
  static char place[] = "its place";
  struct ha_msg* message;
  printf("set callbacks: %d %d %d\n", hb->llc_ops->set_nstatus_callback(hb, on_status, place),
         hb->llc_ops->set_ifstatus_callback(hb, on_link, place),
         hb->llc_ops->set_cstatus_callback(hb, on_client, place));
  hb->llc_ops->set_msg_callback(hb, "status", on_message, place);
  say("status", "for the event's callback");
  say("NS_st", "for the event's callback");
  say("goodbye", "without callback");
  printf("rcvmsg: %d\n", hb->llc_ops->rcvmsg(hb, 1));
  hb->llc_ops->set_nstatus_callback(hb, NULL, NULL);
  say("status", "for the message's callback");
  say("goodbye", "without callback");
  printf("rcvmsg: %d\n", hb->llc_ops->rcvmsg(hb, 1));
  printf("ready for events\n");
  fflush(stdout);
  message = hb->llc_ops->readmsg(hb, 1); /* the tester makes three link events */
  printf("event: %s text=%s\n", message != NULL ? shown(cl_get_string(message, F_TYPE)) : "none",
         message != NULL ? shown(cl_get_string(message, "text")) : "");
  ha_msg_del(message);
}

/* A client without a name may ask, but not send. */
static void casual_sends(ll_cluster_t* hb) {
  struct ha_msg* message = hello("hello", "not allowed");
  cl_uuid_t uuid;
  memset(&uuid, 0x55, sizeof uuid);
  printf("casual: %d", hb->llc_ops->sendclustermsg(hb, message));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  printf("casual: %d", hb->llc_ops->sendnodemsg(hb, message, "n1"));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  printf("casual: %d", hb->llc_ops->sendnodemsg_byuuid(hb, message, &uuid));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  printf("casual: %d", hb->llc_ops->send_ordered_clustermsg(hb, message));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  printf("casual: %d", hb->llc_ops->send_ordered_nodemsg(hb, message, "n1"));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  ha_msg_del(message);
}

static void before_signon(ll_cluster_t* hb) {
  struct ha_msg* message = hello("hello", "too early");
  printf("before: deadtime %ld, keepalive %ld, node '%s', facility %d, errmsg '%s'\n",
         hb->llc_ops->get_deadtime(hb), hb->llc_ops->get_keepalive(hb),
         shown(hb->llc_ops->get_mynodeid(hb)), hb->llc_ops->get_logfacility(hb),
         hb->llc_ops->errmsg(hb));
  printf("signoff %d\n", hb->llc_ops->signoff(hb, 0));
  printf("init_nodewalk %d", hb->llc_ops->init_nodewalk(hb));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  printf("nextnode %s\n", shown(hb->llc_ops->nextnode(hb)));
  printf("weight %d, nodes %d\n", hb->llc_ops->node_weight(hb, "n1"), hb->llc_ops->num_nodes(hb));
  printf("resources %s\n", shown(hb->llc_ops->get_resources(hb)));
  printf("sendclustermsg %d", hb->llc_ops->sendclustermsg(hb, message));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  ha_msg_del(message);
}

int main(int argc, char** argv) {
  const char* id = argc > 1 ? argv[1] : NULL;
  ll_cluster_t* hb = ll_cluster_new("heartbeat");
  the_cluster = hb;
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("other types: %s\n", ll_cluster_new("nonsense") == NULL ? "none" : "some");
  before_signon(hb);
  printf("signon: %d '%s'\n", hb->llc_ops->signon(hb, id), hb->llc_ops->errmsg(hb));
  printf("end without begin: %d %d\n", hb->llc_ops->end_nodewalk(hb), hb->llc_ops->end_ifwalk(hb));
  printf("next without begin: %s\n", shown(hb->llc_ops->nextnode(hb)));
  walk_nodes(hb);
  ask_for_nobody(hb);
  ask_parameters(hb);
  ask_uuids(hb);
  ask_clients(hb);
  set_options(hb);
  if (id != NULL) {
    exchange(hb);
    if (argc == 2) events(hb); /* a second word leaves them out */
  } else {
    casual_sends(hb);
  }
  printf("signoff: %d\n", hb->llc_ops->signoff(hb, 1));
  printf("signoff: %d\n", hb->llc_ops->signoff(hb, 1));
  printf("chan_is_connected: %d\n", hb->llc_ops->chan_is_connected(hb) != 0);
  printf("after: %d", hb->llc_ops->init_nodewalk(hb));
  printf(" %s\n", hb->llc_ops->errmsg(hb));
  printf("signon again: %d\n", hb->llc_ops->signon(hb, id));
  printf("status: %s\n", shown(hb->llc_ops->node_status(hb, "n2")));
  printf("delete: %d\n", hb->llc_ops->delete(hb));
  return 0;
}
