// main: the simulator's command line: one seed told in full, or a campaign of many
#include "tests/sim/cluster.hpp"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using hb::sim::Outcome;
using hb::sim::Probes;

/// Below this a campaign is too short to meet every rare path.
constexpr std::uint64_t whole_campaign = 1000;
/// A failing campaign stops after this many seeds: the first ones are enough to work with.
constexpr std::uint64_t most_failures = 10;
/// The campaign is shared by so many processes.
constexpr std::uint64_t workers = 2;

struct Options {
  std::uint64_t from = 1, count = 0;
  bool verbose = false;
};

/// In a campaign every so many seeds are run twice; with --seed always.
constexpr std::uint64_t twice_every = 8;

volatile std::uint64_t seed_under_way = 0;

/// An ENSURE that does not hold tells no seed.
void tell_seed(int) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "  again: make sim SEED=%llu\n",
                                 static_cast<unsigned long long>(seed_under_way));
  static_cast<void>(!::write(STDOUT_FILENO, text.data(), static_cast<std::size_t>(size)));
}

bool run_one(std::uint64_t seed, bool verbose, bool twice, Probes& probes) {
  seed_under_way = seed;
  const Outcome first = run_cluster(seed, verbose, probes);
  if (!first.failure.empty()) {
    fmt::print("seed {} failed {}\n  again: make sim SEED={}\n", seed, first.failure, seed);
    return false;
  }
  if (!twice) return true;
  // The same seed must give the same run, else no failure could be repeated.
  Probes ignored;
  const Outcome second = run_cluster(seed, false, ignored);
  if (first.hash != second.hash) {
    fmt::print("seed {} failed: two runs differ ({:x}, {:x})\n  again: make sim SEED={}\n", seed,
               first.hash, second.hash, seed);
    return false;
  }
  if (verbose) fmt::print("seed {}: all invariants held, hash {:x}\n", seed, first.hash);
  return true;
}

/// Runs every `workers`th seed and reports counts through the pipe.
[[noreturn]] void work(const Options& options, std::uint64_t share, int out) {
  Probes probes;
  std::uint64_t failures = 0;
  for (std::uint64_t i = share; i < options.count && failures < most_failures; i += workers) {
    const std::uint64_t seed = options.from + i;
    if (!run_one(seed, false, seed % twice_every == 0, probes)) ++failures;
    std::fflush(stdout);
  }
  const auto& counts = probes.counts();
  const std::size_t size = counts.size() * sizeof counts[0];
  const bool told = ::write(out, counts.data(), size) == static_cast<ssize_t>(size);
  std::_Exit(failures == 0 && told ? 0 : 1);
}

int campaign(const Options& options) {
  Probes total;
  bool good = true;
  std::vector<std::pair<pid_t, int>> children;
  for (std::uint64_t share = 0; share < workers; ++share) {
    int ends[2];
    if (::pipe(ends) != 0) return 1;
    const pid_t child = ::fork();
    if (child == 0) work(options, share, ends[1]);
    ::close(ends[1]);
    children.emplace_back(child, ends[0]);
  }
  for (const auto& [child, in] : children) {
    std::vector<std::uint64_t> counts(total.counts().size());
    const std::size_t size = counts.size() * sizeof counts[0];
    if (::read(in, counts.data(), size) == static_cast<ssize_t>(size)) total.merge(counts);
    int status = 0;
    ::waitpid(child, &status, 0);
    good = good && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  if (options.verbose) total.print();
  if (good && options.count >= whole_campaign) {
    for (const std::string& name : total.never_hit()) {
      fmt::print("no seed of this campaign walked the rare path '{}'\n", name);
      good = false;
    }
  }
  if (good) {
    const auto hours = std::chrono::duration<double, std::ratio<3600>>(hb::sim::simulated_time());
    fmt::print("sim: {} seeds from {}, {:.0f} simulated hours, all invariants held\n",
               options.count, options.from, hours.count() * static_cast<double>(options.count));
  }
  return good ? 0 : 1;
}

std::uint64_t number(const char* text) {
  std::uint64_t value = 0;
  const std::string_view whole = text == nullptr ? "" : text;
  const auto [stop, error] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (error != std::errc{} || stop != whole.data() + whole.size()) {
    fmt::print(stderr, "sim: '{}' is not a number\n", whole);
    std::exit(2);
  }
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, tell_seed);
  Options options;
  bool single = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const char* const next = i + 1 < argc ? argv[i + 1] : nullptr;
    if (word == "--verbose") {
      options.verbose = true;
    } else if (word == "--seed") {
      options.from = number(next);
      single = true;
      ++i;
    } else if (word == "--seeds") {
      options.count = number(next);
      ++i;
    } else if (word == "--from") {
      options.from = number(next);
      ++i;
    } else {
      fmt::print(stderr, "usage: sim --seed N | --seeds N [--from M] [--verbose]\n");
      return 2;
    }
  }
  if (single) {
    Probes probes;
    return run_one(options.from, options.verbose, true, probes) ? 0 : 1;
  }
  return campaign(options);
}
