// loop: readiness of descriptors, one absolute deadline, and a hook after each batch (Asio inside)
#define BOOST_ASIO_DISABLE_THREADS
#include "os/loop.hpp"

#include "core/result.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

#include <sys/timerfd.h>
#include <unistd.h>

namespace hb::os {
namespace {

namespace asio = boost::asio;
using Wait = asio::posix::descriptor_base::wait_type;

/// Memory of the one outstanding wait of a descriptor, so that re-arming it allocates nothing.
struct HandlerMemory {
  alignas(std::max_align_t) std::byte bytes[256];
  bool used = false;
};

template <class T>
struct HandlerAllocator {
  using value_type = T;
  HandlerMemory* memory;

  explicit HandlerAllocator(HandlerMemory& given) : memory{&given} {}
  template <class Other>
  HandlerAllocator(const HandlerAllocator<Other>& other) : memory{other.memory} {}
  template <class Other>
  bool operator==(const HandlerAllocator<Other>& other) const { return memory == other.memory; }

  T* allocate(std::size_t count) {
    ENSURE(!memory->used && count * sizeof(T) <= sizeof memory->bytes);
    memory->used = true;
    return reinterpret_cast<T*>(memory->bytes);
  }
  void deallocate(T*, std::size_t) { memory->used = false; }
};

/// One wait for one kind of readiness of one descriptor.
struct Arm {
  HandlerMemory memory;
  Loop::Callback callback;
  bool pending = false;  ///< Asio holds a handler that points here
  bool ready = false;
};

struct Watch {
  Watch(asio::io_context& context, int number) : descriptor{context}, fd{number} {}
  asio::posix::stream_descriptor descriptor;
  int fd;
  bool gone = false;
  bool paused = false;  ///< for reading; a wait under way is let run, and passed over
  Arm read, write;
};

struct OnReady {
  using allocator_type = HandlerAllocator<std::byte>;
  Arm* arm;
  allocator_type get_allocator() const { return allocator_type{arm->memory}; }
  void operator()(const boost::system::error_code& error) const {
    arm->pending = false;
    arm->ready = !error;
  }
};

void wait_for(Watch& watch, Arm& arm, Wait kind) {
  arm.pending = true;
  watch.descriptor.async_wait(kind, OnReady{&arm});
}

}  // namespace

struct Loop::State {
  // Declared before the watches: their descriptors must go first.
  asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  std::vector<std::unique_ptr<Watch>> watches;
  Callback turn_hook;
  Fd timer;
  core::Instant wanted = core::never;  ///< what deadline() said last
  core::Instant armed = core::never;   ///< when the timer fires: not after `wanted`
  bool fired = false;                  ///< the timer still says so
  bool stopped = false;

  Watch* find(int fd) {
    const auto found = std::ranges::find_if(
        watches, [fd](const auto& watch) { return watch->fd == fd && !watch->gone; });
    return found == watches.end() ? nullptr : found->get();
  }
  void arm(core::Instant at);
  void settle_timer();
  void run_ready();
  void rearm();
};

void Loop::State::arm(core::Instant at) {
  const auto since = at.time_since_epoch();
  itimerspec time{};
  time.it_value.tv_sec = std::chrono::floor<std::chrono::seconds>(since).count();
  time.it_value.tv_nsec = (since % std::chrono::seconds{1}).count();
  if (at == core::never) time.it_value = {};  // disarms
  else if (since <= core::Duration::zero()) time.it_value = {0, 1};
  ENSURE(::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &time, nullptr) == 0);
  armed = at;
  fired = false;  // setting it takes the expirations back: no read is needed
}

void Loop::State::settle_timer() {
  if (fired || (armed == core::never && wanted != core::never)) arm(wanted);
}

/// Calls what is ready. Callbacks may add and remove watches: new ones land behind `count`, removed
/// ones stay until rearm().
void Loop::State::run_ready() {
  const std::size_t count = watches.size();
  for (std::size_t i = 0; i < count && !stopped; ++i) {
    Watch& watch = *watches[i];
    const bool readable = std::exchange(watch.read.ready, false) && !watch.paused;
    if (readable && !watch.gone) watch.read.callback();
    if (std::exchange(watch.write.ready, false) && !watch.gone && watch.write.callback) {
      std::exchange(watch.write.callback, nullptr)();
    }
  }
}

/// Waits are renewed only here, behind all that is ready already: a descriptor that stays readable
/// cannot keep Asio busy for ever.
void Loop::State::rearm() {
  std::erase_if(watches, [](const auto& watch) {
    return watch->gone && !watch->read.pending && !watch->write.pending;
  });
  settle_timer();
  for (const auto& watch : watches) {
    if (watch->gone) continue;
    if (!watch->read.pending && !watch->paused) wait_for(*watch, watch->read, Wait::wait_read);
    if (!watch->write.pending && watch->write.callback) {
      wait_for(*watch, watch->write, Wait::wait_write);
    }
  }
}

Loop::Loop() : state_{std::make_unique<State>()} {
  state_->timer = Fd{::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)};
  ENSURE(state_->timer.valid());
  watch(state_->timer.get(), [this] {
    state_->fired = true;
    state_->armed = core::never;
    if (instant_now() >= state_->wanted) state_->wanted = core::never;
  });
}

Loop::~Loop() {
  // The descriptors belong to others; Asio must neither close them nor call back.
  for (const auto& watch : state_->watches) {
    if (!watch->gone) (void)watch->descriptor.release();
  }
  state_->context.restart();
  state_->context.poll();  // the cancelled waits, whose memory is in the watches
}

void Loop::watch(int descriptor, Callback ready) {
  ENSURE(state_->find(descriptor) == nullptr);
  auto watch = std::make_unique<Watch>(state_->context, descriptor);
  boost::system::error_code error;
  watch->descriptor.assign(descriptor, error);
  ENSURE(!error);  // not a descriptor, or one that cannot be waited for: a bug of the caller
  watch->read.callback = std::move(ready);
  wait_for(*watch, watch->read, Wait::wait_read);
  state_->watches.push_back(std::move(watch));
}

void Loop::pause(int descriptor) {
  if (Watch* watch = state_->find(descriptor)) watch->paused = true;
}

void Loop::resume(int descriptor) {
  if (Watch* watch = state_->find(descriptor)) watch->paused = false;  // rearm() waits again
}

void Loop::when_writable(int descriptor, Callback ready) {
  Watch* watch = state_->find(descriptor);
  ENSURE(watch != nullptr);
  watch->write.callback = std::move(ready);
  if (!watch->write.pending) wait_for(*watch, watch->write, Wait::wait_write);
}

void Loop::unwatch(int descriptor) {
  Watch* watch = state_->find(descriptor);
  if (watch == nullptr) return;
  watch->gone = true;  // the object stays until its cancelled handlers have run
  (void)watch->descriptor.release();
}

void Loop::deadline(core::Instant at) {
  // Re-armed only to fire earlier: two system calls saved on nearly every turn. A wake-up that is
  // too early finds nothing due and costs one turn.
  state_->wanted = at;
  if (at < state_->armed) state_->arm(at);
}

void Loop::on_turn(Callback hook) { state_->turn_hook = std::move(hook); }

void Loop::run() {
  state_->stopped = false;
  while (!state_->stopped) {
    state_->rearm();
    state_->context.restart();
    // One handler a turn: what else is ready waits inside Asio, without another system call.
    state_->context.run_one();
    state_->run_ready();
    if (!state_->stopped && state_->turn_hook) state_->turn_hook();
  }
}

void Loop::stop() { state_->stopped = true; }

}  // namespace hb::os
