// connectivity: ipfail's decisions: which of two nodes sees more ping nodes, and who gives up what
#include "clients/connectivity.hpp"

namespace hb::clients {

Connectivity::Event Connectivity::read(const core::Message& message) const {
  const std::string_view type = message.type();
  const std::string_view state = message.text_or_empty("st");
  const bool ours = message.text_or_empty("src") == settings_.node;
  if (type == "ifstat" && state == "dead") return {News::changed};
  if (type == "status" && state == "dead" && message.text_or_empty("info") == "ping") {
    return {News::changed};
  }
  if (type == "NS_st" && state == "ping") return {News::changed};
  if (ours) return {};  // messages to the cluster come back to their sender
  if (type == "hbapi-clstat") return {state == "join" ? News::changed : News::nothing};
  if (type == "num_ping_nodes") {
    const auto count = message.decimal("num_ping");
    return count ? Event{News::count_of_other, *count} : Event{};
  }
  if (type == "you_are_dead") return {News::told_to_give_up};
  if (type == "abort_giveup") return {News::told_to_stay};
  return {};
}

Connectivity::Outcome Connectivity::handle(const Event& event, std::uint64_t own,
                                           core::Instant now) {
  switch (event.news) {
    case News::nothing: return {};
    case News::changed:
      return {Say::our_count, {"Asking other side for ping node count."}};
    case News::count_of_other: return compare(event.count, own, now);
    case News::told_to_give_up:
      plan(Step::give_up_all, now + settings_.delay);
      return {Say::nothing, {"Giving up because we were told that we have less ping nodes."}};
    case News::told_to_stay:
      // Only what was lost by comparison is saved by it: foreign resources still go home.
      if (!pending_ || pending_->step != Step::give_up_all) {
        return {Say::nothing, {"No giveup timer to abort."}};
      }
      pending_.reset();
      return {Say::nothing, {"Aborted delayed giveup: both nodes see the same."}};
  }
  return {};
}

Connectivity::Outcome Connectivity::compare(std::uint64_t other, std::uint64_t own,
                                            core::Instant now) {
  if (own > other) {
    pending_.reset();  // the other one gives up, so nothing leaves this node
    return {Say::you_are_dead, {"Telling other node that we have more visible ping nodes."}};
  }
  if (own < other) {
    plan(Step::give_up_all, now + settings_.delay);
    return {Say::nothing, {"Giving up because we have less ping nodes."}};
  }
  pending_.reset();
  if (!settings_.failback) return {Say::abort_giveup, {"Ping node count is balanced."}};
  plan(Step::give_up_foreign, now + settings_.delay);
  return {Say::abort_giveup,
          {"Ping node count is balanced.", "Giving up foreign resources (auto_failback)."}};
}

/// Told twice, it happens no later.
void Connectivity::plan(Step step, core::Instant at) {
  if (pending_ && pending_->step == step && pending_->at <= at) return;
  pending_ = Pending{step, at};
}

Connectivity::Due Connectivity::due(std::string_view holding, core::Instant now) {
  if (!pending_ || now < pending_->at) return {};
  const Step step = pending_->step;
  pending_.reset();
  if (holding == "transition") {
    // Nothing can be given up while resources move; what holds then is found by a new count.
    plan(step == Step::look_again ? step : Step::count_again, now + unsettled_pause);
    return {};
  }
  const bool holds_foreign = holding == "foreign" || holding == "all";
  const bool holds_any = holds_foreign || holding == "local";
  switch (step) {
    case Step::count_again:
      return {GiveUp::nothing, Say::our_count, {"Asking other side for ping node count."}};
    case Step::look_again:
      if (!holds_any) return {};
      return {GiveUp::nothing, Say::our_count,
              {"What was given up is still here. Asking other side for ping node count."}};
    case Step::give_up_foreign:
      if (!holds_foreign) return {};
      return {GiveUp::foreign, Say::nothing, {"giveup() called (timeout worked)"}};
    case Step::give_up_all:
      if (!holds_any) return {};
      plan(Step::look_again, now + second_look);
      return {GiveUp::all, Say::nothing, {"giveup() called (timeout worked)"}};
  }
  return {};
}

}  // namespace hb::clients
