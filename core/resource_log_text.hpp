// resource_log_text: every log line of the resource logic that scripts and people grep for
#pragma once

/// The wording is 3.0.6's (configuration.md §10.3, resources.md §5), blanks included.
namespace hb::core::resource_text {

// Groups
inline constexpr char acquiring[] = "Acquiring resource group: {}";
inline constexpr char releasing[] = "Releasing resource group: {}";
inline constexpr char taking_over_group[] = "Taking over resource group {}";
inline constexpr char giving_up_group[] = "Giving up resources due to failure of {}";
inline constexpr char return_code[] = "Return code {} from {}";
inline constexpr char no_script[] = "Cannot locate resource script {}";
inline constexpr char retrying_stop[] = "Retrying failed stop operation [{}]";
inline constexpr char not_lsb[] = "Resource script for {} probably not LSB-compliant.";
inline constexpr char must_succeed[] = "it ({}) MUST succeed on a stop when already stopped";
inline constexpr char narrowly_avoided[] = "Machine reboot narrowly avoided!";
inline constexpr char stop_failure[] = "Resource STOP failure. Reboot required!";

// Death of a node
inline constexpr char gave_up[] = "Dead node {} gave up resources.";
inline constexpr char no_stonith[] = "No STONITH device configured.";
inline constexpr char not_protected[] = "Shared disks are not protected.";
inline constexpr char being_acquired[] = "Resources being acquired from {}.";
inline constexpr char takeover_cancelled[] =
    "Resource takeover cancelled - shutdown in progress.";
inline constexpr char mach_down_for[] = "mach_down takeover complete for node {}.";
inline constexpr char mach_down[] = "mach_down takeover complete.";

// Transitions
inline constexpr char local_completed[] = "local resource transition completed.";
inline constexpr char remote_completed[] = "remote resource transition completed.";
inline constexpr char initial_complete[] = "Initial resource acquisition complete ({})";
inline constexpr char local_acquired[] = "Local Resource acquisition completed.";
inline constexpr char local_acquired_none[] = "Local Resource acquisition completed. (none)";
inline constexpr char no_local[] = "No local resources [{}] to acquire.";
inline constexpr char both_ours[] = "Both machines own our resources!";
inline constexpr char both_foreign[] = "Both machines own foreign resources!";

// Standby
inline constexpr char going_standby[] = "Going standby [{}].";
inline constexpr char wants_standby[] = "{} wants to go standby [{}]";
inline constexpr char can_take[] = "standby: {} can take our {} resources";
inline constexpr char give_up_standby[] = "give up {} HA resources (standby).";
inline constexpr char release_completed[] = "{} HA resource release completed (standby).";
inline constexpr char standby_completed[] = "Local standby process completed [{}].";
inline constexpr char acquire_from[] = "standby: acquire [{}] resources from {}";
inline constexpr char acquire_standby[] = "acquire {} HA resources (standby).";
inline constexpr char acquisition_completed[] = "{} HA resource acquisition completed (standby).";
inline constexpr char acquisition_done[] = "Standby resource acquisition done [{}].";
inline constexpr char other_completed[] =
    "Other node completed standby takeover of {} resources.";
inline constexpr char no_reply[] = "No reply to standby request.  Standby request cancelled.";
inline constexpr char in_progress[] =
    "Standby in progress- new request from {} ignored [{} seconds left]";
inline constexpr char other_in_flux[] =
    "standby message [{}] from {} ignored.  Other side is in flux.";
inline constexpr char local_in_flux[] =
    "standby message [{}] from {} ignored.  local resources in flux.";
inline constexpr char ignored_message[] = "Ignored standby message '{}' from {} in state {}";
inline constexpr char only_nice[] = "Standby mode only implemented when nice_failback on";
inline constexpr char cancelling[] = "Cancelling pending standby operation";

// Shutdown
inline constexpr char giving_up_all[] = "Giving up all HA resources.";
inline constexpr char relinquished[] = "All HA resources relinquished.";
inline constexpr char shutdown_notice[] = "Received shutdown notice from '{}'.";
inline constexpr char shutdown_delayed[] =
    "Shutdown delayed until current resource activity finishes.";

}  // namespace hb::core::resource_text
