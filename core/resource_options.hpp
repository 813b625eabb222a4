// resource_options: haresources.options text to the policies of groups and resources
#pragma once

#include "core/haresources.hpp"

#include <string_view>
#include <vector>

namespace hb::core {

/// One line, one target, then settings as pairs of words (README, "Scripts that hang or fail"):
///   default                  SETTING VALUE...   for all
///   group KEY                SETTING VALUE...   the group's first resource as haresources has it
///   resource RESOURCE        SETTING VALUE...   as haresources has it, in whatever group
/// Settings: timeout, start_timeout, stop_timeout, status_timeout, monitor_timeout, monitor: times;
/// not for `resource`: start_retries, recoveries, failure_limit (numbers), failure_window (time),
/// after_failure (move or stay). The narrower target wins, wherever it stands. '#': a comment.
///
/// Writes into the policies of `groups`; findings in order of line. With an error among them the
/// groups must not be used.
[[nodiscard]] std::vector<Finding> apply_resource_options(std::string_view text,
                                                          std::vector<Group>& groups);

}  // namespace hb::core
