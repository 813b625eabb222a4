// channel: the cluster's connection in the form of libplumb's channels, for its main loop
#include "clients/libhbclient/channel.hpp"

#include "clients/libhbclient/boundary.hpp"

#include <unistd.h>

namespace hb::clients::libhbclient {

namespace {

using Shape = Channel::Shape;

static_assert(sizeof(Shape) == 256 && offsetof(Shape, owner) == 16 &&
              offsetof(Shape, operations) == 24 && offsetof(Shape, send_queue) == 48 &&
              offsetof(Shape, high_flow) == 96 && offsetof(Shape, failure) == 116 &&
              offsetof(Shape, peer_user) == 244);
static_assert(sizeof(Channel::Queue) == 40 && offsetof(Channel::Queue, longest) == 8);

// libplumb's numbers
constexpr int connected = 1, disconnected = 3;
constexpr int good = 0, failed = 1, broken = 2, timed_out = 4;
constexpr int client_side = 1;

int told(bool value) { return value ? 1 : 0; }

void update(Shape* shape) { shape->status = shape->owner->is_open() ? connected : disconnected; }

void destroy(Shape* shape) {
  shape->owner->close();
  update(shape);
}
int disconnect(Shape* shape) {
  destroy(shape);
  return good;
}
int initiate(Shape* shape) { return shape->owner->is_open() ? good : failed; }
int authorize(Shape*, void*) { return failed; }
int send_raw(Shape*, void*) { return failed; }
int receive_raw(Shape*, void**) { return failed; }

int wait_in(Shape* shape) {
  return guarded<int>(failed, [&] {
    const bool came = shape->owner->wait_for_input();
    update(shape);
    if (shape->status == disconnected) return broken;
    return came ? good : timed_out;
  });
}
int resume(Shape* shape) {
  return guarded<int>(failed, [&] {
    shape->owner->flush();
    update(shape);
    return shape->status == connected ? good : broken;
  });
}
/// True also at the end of the connection, as the main loop must then notice it.
int is_message_pending(Shape* shape) {
  return guarded<int>(0, [&] {
    const bool ready = shape->owner->is_message_ready();
    update(shape);
    return told(ready || shape->status == disconnected);
  });
}
int is_sending_blocked(Shape* shape) { return told(shape->owner->is_sending_blocked()); }
int descriptor(Shape* shape) { return shape->owner->descriptor(); }
int set_length(Shape*, int) { return good; }
void set_high_flow(Shape* shape, void (*callback)(void*, void*), void* data) {
  shape->high_flow = callback;
  shape->high_flow_data = data;
}
void set_low_flow(Shape* shape, void (*callback)(void*, void*), void* data) {
  shape->low_flow = callback;
  shape->low_flow_data = data;
}
void* new_message(Shape*, const void*, int, void*) { return nullptr; }
int unknown(Shape*) { return 0; }
int is_full(Shape*) { return 0; }
int kind(Shape*) { return client_side; }

}  // namespace

/// In libplumb's order.
struct Channel::Operations {
  void (*destroy)(Shape*);
  int (*initiate)(Shape*);
  int (*verify_authority)(Shape*, void*);
  int (*assert_authority)(Shape*, void*);
  int (*send)(Shape*, void*);
  int (*receive)(Shape*, void**);
  int (*wait_in)(Shape*);
  int (*wait_out)(Shape*);
  int (*is_message_pending)(Shape*);
  int (*is_sending_blocked)(Shape*);
  int (*resume)(Shape*);
  int (*send_descriptor)(Shape*);
  int (*receive_descriptor)(Shape*);
  int (*set_send_length)(Shape*, int);
  int (*set_receive_length)(Shape*, int);
  void (*set_high_flow)(Shape*, void (*)(void*, void*), void*);
  void (*set_low_flow)(Shape*, void (*)(void*, void*), void*);
  void* (*new_message)(Shape*, const void*, int, void*);
  int (*unknown)(Shape*);
  int (*is_send_queue_full)(Shape*);
  int (*is_receive_queue_full)(Shape*);
  int (*kind)(Shape*);
  int (*disconnect)(Shape*);
};

Channel::Channel(ChannelOwner& owner) {
  static const Operations operations{
      destroy,       initiate,   authorize,  authorize,          send_raw,           receive_raw,
      wait_in,       resume,     is_message_pending, is_sending_blocked, resume,     descriptor,
      descriptor,    set_length, set_length, set_high_flow,      set_low_flow,       new_message,
      unknown,       is_full,    is_full,    kind,               disconnect};
  static_assert(sizeof operations == 23 * sizeof(void*));
  shape_.owner = &owner;
  shape_.operations = &operations;
  shape_.references = 1;
  shape_.should_send_block = 1;
  shape_.kind = client_side;
  shape_.peer = -1;
  shape_.send_queue = &send_queue_;
  shape_.receive_queue = &receive_queue_;
  update(&shape_);
}

void* Channel::refresh() {
  update(&shape_);
  return &shape_;
}

}  // namespace hb::clients::libhbclient
