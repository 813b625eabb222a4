/* main_loop: a client that waits in GLib's main loop, by the way that hb_api.h offers for it */
#include <hb_api.h>

#include <glib.h>
#include <stdio.h>
#include <string.h>

static GMainLoop* loop;
static int calls = 0;

static const char* shown(const char* text) { return text != NULL && *text != '\0' ? text : "-"; }

/* All that is there must be read, since the loop calls again only when more comes. */
static gboolean dispatch(ll_cluster_t* hb, gpointer data) {
  struct ha_msg* message;
  ++calls;
  while (hb->llc_ops->msgready(hb)) {
    message = hb->llc_ops->readmsg(hb, 0);
    if (message == NULL) break;
    printf("message %s text %s, data %s\n", shown(cl_get_string(message, "t")),
           shown(cl_get_string(message, "text")), (const char*)data);
    if (strcmp(shown(cl_get_string(message, "t")), "last") == 0) g_main_loop_quit(loop);
    ha_msg_del(message);
  }
  return TRUE;
}

static void say(ll_cluster_t* hb, const char* type) {
  struct ha_msg* message = ha_msg_new(0);
  ha_msg_add(message, "t", type);
  ha_msg_add(message, "text", "hello");
  printf("send %s: %d\n", type, hb->llc_ops->sendclustermsg(hb, message));
  ha_msg_del(message);
}

int main(void) {
  static char data[] = "its data";
  ll_cluster_t* hb = ll_cluster_new("heartbeat");
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (hb == NULL || hb->llc_ops->signon(hb, "ping") != HA_OK) return 1;
  loop = g_main_loop_new(NULL, FALSE);
  printf("source: %s\n", G_main_add_ll_cluster(G_PRIORITY_DEFAULT, hb, FALSE, dispatch, data,
                                               NULL) != NULL ? "some" : "none");
  say(hb, "first");
  say(hb, "last");
  g_main_loop_run(loop);
  printf("called: %s\n", calls > 0 && calls < 5 ? "a few times" : "not well");
  printf("signoff: %d\n", hb->llc_ops->signoff(hb, 0)); /* the loop still has the channel */
  printf("delete: %d\n", hb->llc_ops->delete(hb));
  return 0;
}
