// probe: rare paths that a campaign must have walked
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hb::sim {

/// Counts how often something rare happened in this campaign. A probe is hit by a log line of the
/// engine that contains its text, or by the simulator itself through hit().
class Probes {
 public:
  Probes();
  void saw_log(std::string_view line);
  void hit(std::string_view name);
  /// Adds what another process of the campaign counted, as written by counts().
  void merge(const std::vector<std::uint64_t>& counts);
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::vector<std::string> never_hit() const;
  void print() const;

 private:
  std::vector<std::uint64_t> counts_;
};

}  // namespace hb::sim
