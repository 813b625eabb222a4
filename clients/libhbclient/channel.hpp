// channel: the cluster's connection in the form of libplumb's channels, for its main loop
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace hb::clients::libhbclient {

/// What a channel asks of the connection it stands for. Nothing here waits but wait_for_input.
class ChannelOwner {
 public:
  ChannelOwner() = default;
  ChannelOwner(const ChannelOwner&) = delete;
  ChannelOwner& operator=(const ChannelOwner&) = delete;
  virtual int descriptor() const = 0;
  virtual bool is_open() const = 0;
  virtual bool is_message_ready() = 0;
  virtual bool is_sending_blocked() const = 0;
  virtual void flush() = 0;
  /// Bounded; false if nothing came.
  virtual bool wait_for_input() = 0;
  virtual void close() = 0;

 protected:
  ~ChannelOwner() = default;
};

/// Has the layout of libplumb's IPC_Channel (256 bytes, taken from Debian's by offsetof), so that
/// programs may hand it to G_main_add_IPC_Channel. It tells whether a message is there and which
/// descriptor to poll; raw sending and receiving fail, since the messages are the cluster object's.
class Channel {
 public:
  explicit Channel(ChannelOwner& owner);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// Brings the state that libplumb reads directly up to date, and gives the IPC_Channel*.
  void* refresh();

  struct Operations;
  /// The layout of libplumb's queues. Ours are always empty; a length of 0 would make its main loop
  /// not poll for input.
  struct Queue {
    std::size_t length = 0;
    std::size_t longest = 64;
    void* list = nullptr;
    long warned_at = 0;
    int warnings = 0;
  };
  /// The layout.
  struct Shape {
    int status;
    int references;
    pid_t peer;
    ChannelOwner* owner;
    const Operations* operations;
    unsigned padding_bytes;
    unsigned bytes_remaining;
    int should_send_block;
    int should_block_fail;
    Queue* send_queue;
    Queue* receive_queue;
    void* pool;
    int high_flow_mark;
    int low_flow_mark;
    void* high_flow_data;
    void* low_flow_data;
    void (*high_flow)(void*, void*);
    void (*low_flow)(void*, void*);
    int kind;
    char failure[128];
    uid_t peer_user;
    gid_t peer_group;
  };

 private:
  Shape shape_{};
  Queue send_queue_, receive_queue_;
};

}  // namespace hb::clients::libhbclient
