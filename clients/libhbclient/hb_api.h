/* hb_api: the public C interface of the cluster daemon, as programs for Heartbeat know it */
#ifndef SYSTOLE_HB_API_H
#define SYSTOLE_HB_API_H

/*
 * A program signs on with the local daemon, walks nodes and links, asks for their states, and, if it
 * signed on by name, exchanges messages with its namesakes on the other nodes:
 *
 *     ll_cluster_t* hb = ll_cluster_new("heartbeat");
 *     if (hb->llc_ops->signon(hb, NULL) != HA_OK) complain(hb->llc_ops->errmsg(hb));
 *     hb->llc_ops->init_nodewalk(hb);
 *     while ((node = hb->llc_ops->nextnode(hb)) != NULL) ...
 *     hb->llc_ops->end_nodewalk(hb);
 *     hb->llc_ops->signoff(hb, 1);
 *     hb->llc_ops->delete(hb);
 *
 * Compile with `pkg-config --cflags --libs libhbclient`; the whole program is example.c in
 * /usr/share/doc/heartbeat, the manual page libhbclient(3).
 *
 * Limits of time. No call waits without limit:
 *   - signing on, every question and every sending: 30 seconds, then it fails and the connection is
 *     closed (a late answer could be taken for that to the next question);
 *   - client_status: the limit that the caller gives;
 *   - readmsg and rcvmsg with `blocking`: until a message comes, as long as the daemon is alive:
 *     after 30 seconds of silence it is asked a question, which it must answer in 30 seconds.
 *
 * Texts that are returned as `const char*` belong to the library and stay as they are until the
 * same operation is called again on the same object. An object is not for two threads at once.
 * Compatible in source and binary form with Debian's libhbclient.so.1 on 64-bit machines.
 */

#include <stddef.h>
#include <stdint.h>

/* Users of cluster-glue (libplumb) and GLib know their types already; ours then are the same. */
#if !defined(HB_API_STANDALONE) && defined(__has_include)
#if __has_include(<glib.h>) && __has_include(<ha_msg.h>) && __has_include(<clplumbing/ipc.h>)
#include <glib.h>
#include <ha_msg.h>
#include <clplumbing/cl_uuid.h>
#include <clplumbing/ipc.h>
#define HB_API_WITH_CLUSTER_GLUE 1
#elif __has_include(<glib.h>) && __has_include(<heartbeat/ha_msg.h>) && \
    __has_include(<clplumbing/ipc.h>)
#include <glib.h>
#include <heartbeat/ha_msg.h>
#include <clplumbing/cl_uuid.h>
#include <clplumbing/ipc.h>
#define HB_API_WITH_CLUSTER_GLUE 1
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef HA_OK
#define HA_OK 1   /* what most operations return when they succeed */
#define HA_FAIL 0 /* errmsg() may tell why */
#endif

/* ---- messages: ordered fields of name and value */

/* A message. Programs that also link libplumb get libplumb's messages from this library. */
struct ha_msg;

#ifndef HB_API_WITH_CLUSTER_GLUE

/* The 16 bytes that name a node for ever. */
typedef struct cl_uuid_s {
  unsigned char uuid[16];
} cl_uuid_t;

/* libplumb's connection; see ipcchan. */
typedef struct IPC_CHANNEL IPC_Channel;

/* A new message without fields, or NULL. `fields` is a guess of how many there will be, and may be
 * 0. The caller must ha_msg_del() it. */
struct ha_msg* ha_msg_new(int fields);
struct ha_msg* ha_msg_copy(const struct ha_msg* message);
/* NULL is allowed. */
void ha_msg_del(struct ha_msg* message);

/* Append a field; a second one of the same name is legal, and the first is found. HA_OK or HA_FAIL:
 * a name that is empty or has one of '=', '(' in front or a control byte, or no memory. */
int ha_msg_add(struct ha_msg* message, const char* name, const char* value);
int ha_msg_add_int(struct ha_msg* message, const char* name, int value);
int ha_msg_add_ul(struct ha_msg* message, const char* name, unsigned long value);
int ha_msg_addbin(struct ha_msg* message, const char* name, const void* value, size_t size);
int ha_msg_adduuid(struct ha_msg* message, const char* name, const cl_uuid_t* value);
/* Adds a copy of the message `value`. */
int ha_msg_addstruct(struct ha_msg* message, const char* name, const void* value);

/* Replace the first field of that name, or append one. */
int cl_msg_modstring(struct ha_msg* message, const char* name, const char* value);
int cl_msg_modbin(struct ha_msg* message, const char* name, const void* value, size_t size);
int cl_msg_moduuid(struct ha_msg* message, const char* name, const cl_uuid_t* value);
int ha_msg_mod_int(struct ha_msg* message, const char* name, int value);
int ha_msg_mod_ul(struct ha_msg* message, const char* name, unsigned long value);
/* Removes the first field of that name. */
int cl_msg_remove(struct ha_msg* message, const char* name);

/* The first field of that name, if it is of the right kind; NULL or HA_FAIL else. Texts and bytes
 * belong to the message, and are gone when that field is replaced or the message deleted. */
const char* cl_get_string(const struct ha_msg* message, const char* name);
const void* cl_get_binary(const struct ha_msg* message, const char* name, size_t* size);
int cl_get_uuid(const struct ha_msg* message, const char* name, cl_uuid_t* value);
struct ha_msg* cl_get_struct(struct ha_msg* message, const char* name);
/* Decimal numbers. */
int ha_msg_value_int(const struct ha_msg* message, const char* name, int* value);
int ha_msg_value_ul(const struct ha_msg* message, const char* name, unsigned long* value);
/* 0 text, 1 bytes, 2 message, 3 list, 4 and 5 compressed; negative if there is no such field. */
int cl_get_type(const struct ha_msg* message, const char* name);

/* Names of fields. */
#define F_TYPE "t"
#define F_SUBTYPE "subt"
#define F_ORIG "src"
#define F_ORIGUUID "srcuuid"
#define F_TO "dest"
#define F_TOUUID "destuuid"
#define F_NODE "node"
#define F_IFNAME "ifname"
#define F_STATUS "st"
#define F_CLIENTNAME "cn"
#define F_CLIENTSTATUS "cs"
#define F_FROMID "from_id"
#define F_TOID "to_id"
#define F_TIME "ts"
#define F_SEQ "seq"
#define F_LOAD "ld"
#define F_COMMENT "info"
#define F_TTL "ttl"
#define F_HBGENERATION "hg"
#define F_CLIENT_GENERATION "client_gen"
#define F_ORDERSEQ "oseq"
#define F_RESOURCES "rsc_hold"
#define F_RTYPE "rtype"
#define F_ISSTABLE "isstable"
#define F_WEIGHT "weight"
#define F_SITE "site"

/* Types of messages, which are the values of F_TYPE. */
#define T_STATUS "status"
#define T_NS_STATUS "NS_st"
#define T_IFSTATUS "ifstat"
#define T_APICLISTAT "hbapi-clstat"
#define T_QCSTATUS "query-cstatus"
#define T_RCSTATUS "respond-cstatus"
#define T_ASKRESOURCES "ask_resources"
#define T_RESOURCES "resource"
#define T_STARTING "starting"
#define T_SHUTDONE "shutdone"
#define T_STONITH "stonith"

#endif /* HB_API_WITH_CLUSTER_GLUE */

/* ---- the cluster object */

typedef struct ll_cluster ll_cluster_t;

/* A message of the type it was registered for. The library deletes the message afterwards. */
typedef void (*llc_msg_callback_t)(struct ha_msg* message, void* private_data);
/* A node's state changed. */
typedef void (*llc_nstatus_callback_t)(const char* node, const char* status, void* private_data);
/* A link to a node went up or is dead. */
typedef void (*llc_ifstatus_callback_t)(const char* node, const char* link, const char* status,
                                        void* private_data);
/* A client of our name joined or left on a node, or the answer to client_status(NULL, ...). */
typedef void (*llc_cstatus_callback_t)(const char* node, const char* client, const char* status,
                                       void* private_data);

/* What a client receives, for setfmode. */
#define LLC_FILTER_DEFAULT 0 /* everything that is meant for clients */
#define LLC_FILTER_PMODE 1   /* ... and what is meant for others; these three for root only */
#define LLC_FILTER_ALLHB 2   /* ... and heartbeats that change nothing */
#define LLC_FILTER_RAW 3     /* ... and all that arrives */

/* The operations. Their order is part of the binary interface. Numbers are milliseconds where they
 * are times; operations return HA_OK or HA_FAIL unless said otherwise; a text is NULL on failure. */
struct llc_ops {
  /* Signs on with the local daemon: by name, which the daemon's `apiauth` lines must allow, or as a
   * casual client (NULL), who may ask but not send. An object that is signed on is signed off. */
  int (*signon)(ll_cluster_t* lcl, const char* client_id);
  /* Signs off. `destroy_channel` 0: the connection stays open until the main loop that got it by
   * ipcchan() destroys it, or until delete. */
  int (*signoff)(ll_cluster_t* lcl, int destroy_channel);
  /* Signs off and frees the object. (C++ calls this member delete_.) */
#ifdef __cplusplus
  int (*delete_)(ll_cluster_t* lcl);
#else
  int (*delete)(ll_cluster_t* lcl);
#endif

  /* Callbacks: readmsg and rcvmsg call them instead of returning the message. NULL removes one.
   * nstatus is for messages `status` and `NS_st`, ifstatus for `ifstat`, cstatus for `hbapi-clstat`
   * and `respond-cstatus`; these three come before one of set_msg_callback for the same type. A
   * callback may use the object, and even delete it. */
  int (*set_msg_callback)(ll_cluster_t* lcl, const char* type, llc_msg_callback_t callback,
                          void* private_data);
  int (*set_nstatus_callback)(ll_cluster_t* lcl, llc_nstatus_callback_t callback,
                              void* private_data);
  int (*set_ifstatus_callback)(ll_cluster_t* lcl, llc_ifstatus_callback_t callback,
                               void* private_data);
  int (*set_cstatus_callback)(ll_cluster_t* lcl, llc_cstatus_callback_t callback,
                              void* private_data);

  /* Walk over all nodes, ping nodes too, from the last in ha.cf to the first. */
  int (*init_nodewalk)(ll_cluster_t* lcl);
  const char* (*nextnode)(ll_cluster_t* lcl);
  int (*end_nodewalk)(ll_cluster_t* lcl);

  /* `init` (never heard of), `up`, `active`, `dead`; `ping` for a ping node that answers. */
  const char* (*node_status)(ll_cluster_t* lcl, const char* node);
  /* -1 on failure. */
  int (*node_weight)(ll_cluster_t* lcl, const char* node);
  const char* (*node_site)(ll_cluster_t* lcl, const char* node);
  /* `normal` or `ping`. */
  const char* (*node_type)(ll_cluster_t* lcl, const char* node);
  /* Normal nodes, ourselves included; -1 on failure. */
  int (*num_nodes)(ll_cluster_t* lcl);

  /* Walk over the links of a node, from the last in ha.cf to the first, each name once. */
  int (*init_ifwalk)(ll_cluster_t* lcl, const char* node);
  const char* (*nextif)(ll_cluster_t* lcl);
  int (*end_ifwalk)(ll_cluster_t* lcl);
  /* `up` or `dead`. The local node's own links mean nothing. */
  const char* (*if_status)(ll_cluster_t* lcl, const char* node, const char* link);

  /* `online` or `offline`; NULL if there was no answer in `timeout` milliseconds. `node` NULL asks
   * all nodes, for named clients; returns NULL at once, and the answers go to cstatus callbacks. */
  const char* (*client_status)(ll_cluster_t* lcl, const char* node, const char* client_id,
                               int timeout);

  int (*get_uuid_by_name)(ll_cluster_t* lcl, const char* node, cl_uuid_t* uuid);
  /* A name that does not fit `size` bytes with its NUL is cut. */
  int (*get_name_by_uuid)(ll_cluster_t* lcl, cl_uuid_t* uuid, char* name, size_t size);

  /* Send a message, which stays the caller's, to the clients of our own name: on all nodes (to
   * ourselves too), or on one. Ordered ones are received in the order in which they were sent.
   * Casual clients may not send. */
  int (*sendclustermsg)(ll_cluster_t* lcl, struct ha_msg* message);
  int (*sendnodemsg)(ll_cluster_t* lcl, struct ha_msg* message, const char* node);
  int (*sendnodemsg_byuuid)(ll_cluster_t* lcl, struct ha_msg* message, cl_uuid_t* uuid);
  int (*send_ordered_clustermsg)(ll_cluster_t* lcl, struct ha_msg* message);
  int (*send_ordered_nodemsg)(ll_cluster_t* lcl, struct ha_msg* message, const char* node);

  /* The descriptor to poll for messages, or -1; ask msgready first, since messages may have come
   * with the answer to a question. */
  int (*inputfd)(ll_cluster_t* lcl);
  /* The same for libplumb's main loop (G_main_add_IPC_Channel): a channel that can be polled, and
   * neither sent to nor received from; NULL if not signed on. */
  IPC_Channel* (*ipcchan)(ll_cluster_t* lcl);
  /* 1 if readmsg has something to do, 0 if not. */
  int (*msgready)(ll_cluster_t* lcl);
  /* The daemon sends this signal with every message; 0, the default, for none. */
  int (*setmsgsignal)(ll_cluster_t* lcl, int signal);
  /* Receives messages, calls callbacks; a message without callback is dropped, and 1 returned. */
  int (*rcvmsg)(ll_cluster_t* lcl, int blocking);
  /* The next message that has no callback; the caller must ha_msg_del() it. NULL: nothing is there,
   * or the connection is lost (chan_is_connected tells). */
  struct ha_msg* (*readmsg)(ll_cluster_t* lcl, int blocking);
  /* LLC_FILTER_... */
  int (*setfmode)(ll_cluster_t* lcl, unsigned int mode);

  /* The text of a directive of ha.cf or its default, to be freed with free(); NULL if not set. */
  char* (*get_parameter)(ll_cluster_t* lcl, const char* name);
  long (*get_deadtime)(ll_cluster_t* lcl);
  long (*get_keepalive)(ll_cluster_t* lcl);
  /* The local node's name; empty before the first signon. */
  const char* (*get_mynodeid)(ll_cluster_t* lcl);
  /* syslog's facility; -1 if the daemon uses none, 0 before the first signon. */
  int (*get_logfacility)(ll_cluster_t* lcl);
  /* `none`, `local`, `foreign`, `all`, or `transition` while that changes. */
  const char* (*get_resources)(ll_cluster_t* lcl);

  int (*chan_is_connected)(ll_cluster_t* lcl);
  /* How many messages the daemon keeps for us while we do not read; at least 1. */
  int (*set_sendq_len)(ll_cluster_t* lcl, int length);
  /* 0: sending never waits, and fails while the daemon does not read. */
  int (*set_send_block_mode)(ll_cluster_t* lcl, int blocking);

  /* Why the last operation failed, if that is known; else empty. Never NULL. */
  const char* (*errmsg)(ll_cluster_t* lcl);
};

struct ll_cluster {
  void* ll_cluster_private;
  struct llc_ops* llc_ops;
};

/* A new object; NULL unless `type` is "heartbeat", or without memory. Contacts nobody yet. */
ll_cluster_t* ll_cluster_new(const char* type);

#ifdef HB_API_WITH_CLUSTER_GLUE
/* Calls `dispatch` from GLib's main loop when readmsg has something to do, until it returns FALSE;
 * then `notify`. `dispatch` should read until msgready says 0. After a lost connection neither is
 * called any more. NULL if the program is not signed on or has no libplumb. */
typedef struct GLLclusterSource_s GLLclusterSource;
GLLclusterSource* G_main_add_ll_cluster(int priority, ll_cluster_t* lcl, gboolean can_recurse,
                                        gboolean (*dispatch)(ll_cluster_t* lcl, gpointer data),
                                        gpointer data, GDestroyNotify notify);
#endif

#ifdef __cplusplus
}
#endif

#endif
