// probe: rare paths that a campaign must have walked
#include "tests/sim/probe.hpp"

#include "core/result.hpp"

#include <fmt/core.h>

#include <array>

namespace hb::sim {

namespace {

/// Name and the log text that shows it; an empty text: hit() by the simulator.
struct Probe {
  std::string_view name, log;
};
constexpr std::array probes = {
    Probe{"lost", " lost packet(s) for ["},
    Probe{"recovered", "No pkts missing from "},
    Probe{"lost-a-lot", "lost a lot of packets!"},
    Probe{"late", "Late heartbeat: Node "},
    Probe{"dead", ": is dead"},
    Probe{"restart-seen", "Heartbeat restart on node "},
    Probe{"partition-healed", " returning after partition."},
    Probe{"own-pause", "This node did not run for "},
    Probe{"link-dead", " dead."},
    Probe{"link-up", " up."},
    Probe{"standby", " wants to go standby ["},
    Probe{"standby-done", "Standby resource acquisition done ["},
    Probe{"standby-unanswered", "No reply to standby request."},
    Probe{"standby-in-flux", "ignored.  Other side is in flux."},
    Probe{"takeover", "mach_down takeover complete."},
    Probe{"shutdown-notice", "Received shutdown notice from "},
    Probe{"relinquished", "All HA resources relinquished."},
    Probe{"shutdown-complete", " Heartbeat shutdown complete."},
    Probe{"start-failed", "Giving up resources due to failure of "},
    Probe{"stop-retried", "Retrying failed stop operation ["},
    Probe{"monitor-failed", ": does not run any more, says its monitor ("},
    Probe{"recovered-in-place", ": stopping and starting it in its place"},
    Probe{"failure-limit", " times on this node and is not started here any more"},
    Probe{"stays-failed", ": failed, and stays so by its policy"},
    Probe{"stop-unknown", ": cannot be stopped; it stays booked here"},
    Probe{"withheld", "which is gone: it may still run there"},
    Probe{"maintenance", "Maintenance is on"},
    Probe{"cleaned-up", ": its failures on this node are forgotten"},
    Probe{"gave-up", " gave up resources."},
    Probe{"replay-refused", "attempted replay attack"},
    Probe{"forged-refused", "do authkeys agree on all nodes?"},
    Probe{"cold-start-alone", ""},
    Probe{"process-paused", ""},
    Probe{"machine-paused", ""},
    Probe{"taken-in-a-pause", ""},
    Probe{"serial", ""},
    Probe{"witness", ""},
    Probe{"lease-granted", ""},
    Probe{"forbidden-to-take", "does not have the witness: nothing is taken over"},
    Probe{"let-go-without-witness", "does not have the witness; releasing it"},
    Probe{"kept-after-a-pause", "No other node took over; kept: "},
    Probe{"given-up-unanswered", ": no answer whether it was taken over"},
    Probe{"fencing", ""},
    Probe{"fencing-denied", ""},
    Probe{"fencing-timed-out", ""},
    Probe{"fencing-adopted", ""},
    Probe{"shot-alive", ""},
    Probe{"shot-dead", ""},
    Probe{"fenced", " now reset."},
    Probe{"fencing-failed", "  Retrying..."},
    Probe{"fenced-elsewhere", " was reset by "},
    Probe{"fencing-cancelled", " is here again: it is not reset any more"},
    Probe{"fencing-confirmed", " is off, says somebody"},
    Probe{"device-broken", " not operational!"},
    Probe{"one-way-cut", ""},
    Probe{"reordered", ""},
    Probe{"duplicated", ""},
    Probe{"power-off", ""},
    Probe{"script-hung", ""},
    Probe{"script-failed", ""},
    Probe{"script-timed-out", ""},
    Probe{"stop-jammed", ""},
    Probe{"left-unknown", ""},
    Probe{"resource-lost", ""},
    Probe{"clients-paused", ""},
    Probe{"irretrievable", "Irretrievably lost packet: node "},
    Probe{"stopped-early", ""},
    Probe{"master-replaced", ""},
    Probe{"calm", ""},
    Probe{"master-crashed", ""},
    Probe{"action-adopted", ""},
    Probe{"move-adopted", ""},
    Probe{"stop-adopted", ""},
    Probe{"runner-lost", ""},
    Probe{"address-lost", ""},
    Probe{"path-lost", "its service interface does not work on this node"},
    Probe{"path-move", ", whose service interface works"},
    Probe{"path-trusted", "its service interface works again on this node"},
    Probe{"conflict-held", "(address_conflict hold)"},
    Probe{"conflict-taken", "(address_conflict take)"},
    Probe{"conflict-over", "its address does not answer any more"},
    Probe{"flapping", ""},
    Probe{"lame", ""},
};

}  // namespace

Probes::Probes() : counts_(probes.size(), 0) {}

void Probes::saw_log(std::string_view line) {
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (!probes[i].log.empty() && line.find(probes[i].log) != std::string_view::npos) ++counts_[i];
  }
}

void Probes::hit(std::string_view name) {
  for (std::size_t i = 0; i < probes.size(); ++i) {
    if (probes[i].name == name) {
      ++counts_[i];
      return;
    }
  }
  ENSURE(!"a probe of this name");
}

void Probes::merge(const std::vector<std::uint64_t>& counts) {
  for (std::size_t i = 0; i < counts.size() && i < counts_.size(); ++i) counts_[i] += counts[i];
}

std::vector<std::string> Probes::never_hit() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] == 0) names.emplace_back(probes[i].name);
  }
  return names;
}

void Probes::print() const {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    fmt::print("  {:<20} {:>9}\n", probes[i].name, counts_[i]);
  }
}

}  // namespace hb::sim
