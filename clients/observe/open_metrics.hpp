// open_metrics: metric families as OpenMetrics text, by its rules of names, units and escaping
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hb::clients::observe {

enum class MetricType : std::uint8_t { gauge, counter, unknown };

using Labels = std::vector<std::pair<std::string_view, std::string>>;

/// Families in the order of their first sample; the samples of one stand together, as they must.
class OpenMetrics {
 public:
  /// `name` without `_total`, which counters get; the unit is what follows the last `_` if that is
  /// `seconds` or `bytes`. Bytes of `name` that no name may have become `_`.
  void add(std::string_view name, MetricType type, std::string_view help, const Labels& labels,
           std::string_view value);
  void add(std::string_view name, MetricType type, std::string_view help, const Labels& labels,
           std::uint64_t value) {
    add(name, type, help, labels, std::to_string(value));
  }
  /// With `# EOF`.
  [[nodiscard]] std::string text() const;

 private:
  struct Family {
    std::string name;
    MetricType type{};
    std::string help, samples;
  };
  std::vector<Family> families_;
};

}  // namespace hb::clients::observe
