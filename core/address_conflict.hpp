// address_conflict: addresses of a silent node that still answer on the service network
#pragma once

#include "core/placement.hpp"
#include "core/types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace hb::core {

namespace conflict_limits {
/// So long before a node is declared dead the addresses that it serves are asked for, so that the
/// answer is there with the verdict and costs a takeover no time; less where dead times are short.
inline constexpr Duration lead = std::chrono::milliseconds{200};
/// The part of a dead time that the lead may be at most.
inline constexpr int lead_part = 4;
/// An answer counts at a verdict that comes within this: the lead, and room for a busy machine.
inline constexpr Duration memory = std::chrono::milliseconds{600};
/// An address that still answered at the verdict is asked for again at this pace ...
inline constexpr Duration pause = std::chrono::milliseconds{300};
/// ... until it has been silent for so long (four times asked, with three requests each).
inline constexpr Duration silence = std::chrono::milliseconds{1200};
}  // namespace conflict_limits

/// Who answers for the addresses of groups that we may have to take. A conflict is answered
/// questions at the moment of a death; it ends when nobody answers any more. Answers at other times
/// mean nothing: the owner is alive, and gives its groups away in its own time.
class AddressConflicts {
 public:
  explicit AddressConflicts(std::size_t groups) : rows_(groups) {}

  /// Somebody answered; `text` says from where.
  void answered(Instant now, GroupId group, std::string_view text);
  /// Their owner is dead, or gone without a word: those that answered a moment ago are in conflict
  /// from now on, and are returned.
  GroupSet judge(Instant now, const GroupSet& groups);
  /// A live node has it, or it runs here: whoever answers may do so.
  void settle(GroupId group);
  /// Ends conflicts that nobody answers for, and returns them.
  GroupSet expire(Instant now);
  /// Those to be asked for again.
  GroupSet due(Instant now);

  [[nodiscard]] bool stands(GroupId group) const { return conflicts_.test(group.value); }
  [[nodiscard]] const std::string& who(GroupId group) const { return rows_[group.value].who; }
  [[nodiscard]] Instant next_deadline() const;
  /// It stood when the last master crashed: asked for anew.
  void remember(Instant now, GroupId group);

 private:
  struct Row {
    Instant answered{};
    Instant ask_at = never;
    std::string who;
  };
  GroupSet conflicts_;
  std::vector<Row> rows_;
};

}  // namespace hb::core
