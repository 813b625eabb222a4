// bench_ring: the shared-memory ring beside a pipe and a socketpair; the price of a bare wake
#include "ipc/channel.hpp"
#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/process.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hb;

namespace {

/// An ordinary signed status message.
constexpr std::size_t frame_bytes = 350;
constexpr int pings = 20'000;
constexpr int frames = 400'000;
/// A master hands out or takes this many a turn when it is busy.
constexpr int frames_a_turn = 32;

void wait_readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  (void)::poll(&waiting, 1, 10'000);
}

/// One end of a way to send frames: what the two processes of each measurement do.
struct Way {
  std::function<void(core::Bytes)> send;     ///< may wait for room
  std::function<void()> flush;
  std::function<int(int most)> receive;      ///< waits for at least one
};

Way over_channel(ipc::Channel& channel, ipc::RecordType type) {
  Way way;
  way.send = [&channel, type](core::Bytes frame) {
    while (!channel.push(type, 0, core::Instant{}, frame)) {
      channel.flush();
      ::sched_yield();
    }
  };
  way.flush = [&channel] { channel.flush(); };
  way.receive = [&channel](int most) {
    for (;;) {
      channel.awake();
      const auto taken = channel.drain(static_cast<std::size_t>(most),
                                       [](const ipc::RecordView&) {});
      if (!taken) ::_exit(3);
      if (*taken > 0) return static_cast<int>(*taken);
      if (!channel.prepare_to_sleep()) continue;
      wait_readable(channel.bell());
      if (channel.take_bell() == ipc::BellState::closed) return 0;
    }
  };
  return way;
}

/// One frame one system call, as heartbeat 3.0.6 did it; `in` and `out` may be one socket.
Way over_descriptor(int in, int out) {
  Way way;
  way.send = [out](core::Bytes frame) {
    while (::write(out, frame.data(), frame.size()) < 0) {
      pollfd waiting{out, POLLOUT, 0};
      (void)::poll(&waiting, 1, 10'000);
    }
  };
  way.flush = [] {};
  way.receive = [in](int most) {
    static std::array<std::byte, frame_bytes> frame;
    wait_readable(in);
    int taken = 0;
    while (taken < most && ::read(in, frame.data(), frame.size()) > 0) ++taken;
    return taken;
  };
  return way;
}

struct Result {
  double p50 = 0, p99 = 0;   ///< one way, microseconds
  double frames_a_second = 0;
  double cpu = 0;            ///< microseconds a frame, both processes
};

double microseconds(core::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

core::Duration cpu_time(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto of = [](const timeval& time) {
    return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

/// The other process: echoes the pings, then swallows the stream and answers it once.
void serve(const Way& way) {
  const std::vector<std::byte> frame(frame_bytes);
  for (int i = 0; i < pings; ++i) {
    if (way.receive(1) == 0) ::_exit(1);
    way.send(frame);
    way.flush();
  }
  for (int taken = 0; taken < frames;) {
    const int now = way.receive(frames_a_turn);
    if (now == 0) ::_exit(1);
    taken += now;
  }
  way.send(frame);
  way.flush();
}

Result measure(const Way& way) {
  const std::vector<std::byte> frame(frame_bytes);
  std::vector<double> times;
  times.reserve(pings);
  const auto cpu_before = cpu_time(RUSAGE_SELF);
  for (int i = 0; i < pings; ++i) {
    const auto start = os::instant_now();
    way.send(frame);
    way.flush();
    (void)way.receive(1);
    times.push_back(microseconds(os::instant_now() - start) / 2);
  }
  const auto start = os::instant_now();
  for (int i = 0; i < frames; ++i) {
    way.send(frame);
    if (i % frames_a_turn == frames_a_turn - 1) way.flush();
  }
  way.flush();
  (void)way.receive(1);
  const auto time = os::instant_now() - start;
  std::ranges::sort(times);
  Result result;
  result.p50 = times[times.size() / 2];
  result.p99 = times[times.size() * 99 / 100];
  result.frames_a_second = frames / (microseconds(time) / 1e6);
  result.cpu = microseconds(cpu_time(RUSAGE_SELF) - cpu_before);
  return result;
}

/// Forks the other process, so that both sides have a core to themselves where there are two.
Result run(const Way& here, const Way& there) {
  const auto before = cpu_time(RUSAGE_CHILDREN);
  const pid_t child = ::fork();
  if (child == 0) {
    serve(there);
    ::_exit(0);
  }
  Result result = measure(here);
  ::waitpid(child, nullptr, 0);
  result.cpu += microseconds(cpu_time(RUSAGE_CHILDREN) - before);
  result.cpu /= 2.0 * pings + frames;
  return result;
}

void print(const char* name, const Result& result, const Result& ring) {
  fmt::print("{:<11} {:>7.1f} {:>7.1f} {:>11.0f} {:>8.2f}   {:>5.2f} {:>5.2f} {:>5.2f}\n", name,
             result.p50, result.p99, result.frames_a_second, result.cpu, result.p50 / ring.p50,
             ring.frames_a_second / result.frames_a_second, result.cpu / ring.cpu);
}

/// What this machine asks for waking a process that does nothing, as a heartbeat does it: the floor
/// below every figure of CPU at a given rate of packets.
double bare_wake() {
  constexpr int wakes = 200;
  constexpr itimerspec each_10_ms{{0, 10'000'000}, {0, 10'000'000}};
  const os::Fd timer{::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
  (void)::timerfd_settime(timer.get(), 0, &each_10_ms, nullptr);
  const auto before = cpu_time(RUSAGE_SELF);
  for (int i = 0; i < wakes; ++i) {
    std::uint64_t expirations = 0;
    (void)!::read(timer.get(), &expirations, sizeof expirations);
  }
  return microseconds(cpu_time(RUSAGE_SELF) - before) / wakes;
}

}  // namespace

int main() {
  auto made = ipc::Channel::create(ipc::Role::status, core::no_link, 1);
  if (!made) return 1;
  auto adopted = ipc::Channel::adopt(std::move(made->second));
  if (!adopted) return 1;
  const Result ring = run(over_channel(made->first, ipc::RecordType::log_line),
                          over_channel(*adopted, ipc::RecordType::log));

  int to[2], from[2], pair[2];
  if (::pipe2(to, O_NONBLOCK) != 0 || ::pipe2(from, O_NONBLOCK) != 0 ||
      ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) != 0) {
    return 1;
  }
  const Result pipe = run(over_descriptor(from[0], to[1]), over_descriptor(to[0], from[1]));
  const Result socketpair =
      run(over_descriptor(pair[0], pair[0]), over_descriptor(pair[1], pair[1]));

  fmt::print("{} pings and {} frames of {} bytes between two processes\n", pings, frames,
             frame_bytes);
  fmt::print("            one way, us      frames/s  CPU us    times the ring's: p50, rate, CPU\n");
  fmt::print("               p50     p99              a frame\n");
  print("ring", ring, ring);
  print("pipe", pipe, ring);
  print("socketpair", socketpair, ring);
  fmt::print("a bare process that a timer wakes every 10 ms: {:.1f} us CPU a wake\n", bare_wake());
}
