// fencing: runs the programs that reset a node, and reports how they ended
#include "status/fencing.hpp"

#include "os/clock.hpp"

#include <fmt/core.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

namespace hb::status {

namespace {

using core::ActionEnd;
using core::LogLevel;

/// What a program reads that is given nothing more: parameters, which need no writer.
os::Fd input_of(std::string_view text) {
  os::Fd file{::memfd_create("fence-input", MFD_CLOEXEC)};
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::lseek(file.get(), 0, SEEK_SET) != 0) {
    return {};
  }
  return file;
}

void keep_last(std::string& text, std::size_t bytes) {
  if (text.size() > bytes) text.erase(0, text.size() - bytes);
}

}  // namespace

Fencing::~Fencing() {
  for (const Run& run : runs_) {
    surroundings_.loop.unwatch(run.process.pidfd());
    if (run.pipe) surroundings_.loop.unwatch(run.pipe.get());
  }
}

void Fencing::run(const core::Message& record) {
  const auto ticket = record.decimal("ticket").value_or(0);
  LaunchPlan plan;
  plan.path = record.text_or_empty("program");
  for (std::size_t i = 0; i < record.size(); ++i) {
    if (record[i].name == "arg") plan.arguments.emplace_back(record[i].value);
  }
  const auto fail = [&](std::string_view why) {
    surroundings_.log(LogLevel::error, why);
    done_(ticket, ActionEnd::missing, 0, why);
  };
  std::array<int, 2> ends{};
  const os::Fd input = input_of(record.text_or_empty("input"));
  if (runs_.size() >= limits::fence_runs || !input || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(plan.path + ": no room to run it: " + std::strerror(errno));
  }
  os::Fd read_end{ends[0]}, write_end{ends[1]};
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  plan.environment = surroundings_.settings.environment;
  plan.folder = surroundings_.settings.workdir;
  plan.in = input.get();
  plan.out = plan.error = write_end.get();
  auto process = ForeignProcess::launch(plan);
  if (!process) return fail(process.error().text);
  const auto now = os::instant_now();
  const std::chrono::milliseconds timeout{
      static_cast<std::int64_t>(record.decimal("timeout").value_or(0))};
  runs_.push_back(Run{ticket, plan.path, std::move(*process), std::move(read_end), {},
                      now + timeout});
  const Place place = std::prev(runs_.end());
  surroundings_.loop.watch(place->process.pidfd(), [this, place] { ended(place); });
  surroundings_.loop.watch(place->pipe.get(), [this, place] { read_output(*place); });
}

void Fencing::read_output(Run& run) const {
  std::array<char, 4096> buffer;
  // Bounded: a program that floods its output must not keep the runner from its work.
  for (int round = 0; round < 16; ++round) {
    const ssize_t got = ::read(run.pipe.get(), buffer.data(), buffer.size());
    if (got > 0) {
      run.output.append(buffer.data(), static_cast<std::size_t>(got));
      keep_last(run.output, core::limits::script_output_bytes);
      continue;
    }
    if (got == 0) {
      surroundings_.loop.unwatch(run.pipe.get());
      run.pipe.reset();
    }
    return;
  }
}

void Fencing::ended(Place place) {
  const auto end = place->process.reap();
  if (!end) return;
  surroundings_.loop.unwatch(place->process.pidfd());
  if (place->pipe) read_output(*place);
  if (place->pipe) surroundings_.loop.unwatch(place->pipe.get());
  const bool is_exit = end->how == ProcessEnd::How::exited;
  const ActionEnd how = place->timed_out ? ActionEnd::timed_out
                        : is_exit        ? ActionEnd::exited
                                         : ActionEnd::signaled;
  const Run run = std::move(*place);
  runs_.erase(place);
  done_(run.ticket, how, end->code, run.output);
}

void Fencing::kill(std::uint64_t ticket) {
  const auto run = std::ranges::find(runs_, ticket, &Run::ticket);
  if (run != runs_.end()) end_softly(*run, os::instant_now());
}

void Fencing::end_all() {
  for (Run& run : runs_) {
    if (run.kill_at == core::never) end_softly(run, os::instant_now());
  }
}

void Fencing::end_softly(Run& run, core::Instant now) const {
  run.process.signal_group(SIGTERM);
  run.timeout_at = core::never;
  if (run.kill_at == core::never) run.kill_at = now + limits::fence_grace;
}

void Fencing::tick(core::Instant now) {
  for (Run& run : runs_) {
    if (run.timeout_at <= now) {
      run.timed_out = true;
      surroundings_.log(LogLevel::error,
                        fmt::format("{} took longer than fence_timeout and is ended", run.program));
      end_softly(run, now);
    }
    if (run.kill_at <= now) {
      run.process.signal_group(SIGKILL);
      run.kill_at = now + limits::fence_grace;
    }
  }
}

core::Instant Fencing::next_deadline() const {
  core::Instant next = core::never;
  for (const Run& run : runs_) next = std::min({next, run.timeout_at, run.kill_at});
  return next;
}

}  // namespace hb::status
