// resource_log_text: every log line of the resource logic that scripts and people grep for
#pragma once

/// The wording is 3.0.6's (configuration.md §10.3, resources.md §5), blanks included.
namespace hb::core::resource_text {

// Groups
inline constexpr char acquiring[] = "Acquiring resource group: {}";
inline constexpr char releasing[] = "Releasing resource group: {}";
inline constexpr char taking_over_group[] = "Taking over resource group {}";
inline constexpr char giving_up_group[] = "Giving up resources due to failure of {}";
inline constexpr char monitor_failed[] = "{}: does not run any more, says its monitor ({})";
inline constexpr char recovering[] = "{}: stopping and starting it in its place (try {} of {})";
inline constexpr char return_code[] = "Return code {} from {}";
inline constexpr char no_script[] = "Cannot locate resource script {}";
inline constexpr char retrying_stop[] = "Retrying failed stop operation [{}]";
inline constexpr char not_lsb[] = "Resource script for {} probably not LSB-compliant.";
inline constexpr char must_succeed[] = "it ({}) MUST succeed on a stop when already stopped";
inline constexpr char narrowly_avoided[] = "Machine reboot narrowly avoided!";
inline constexpr char stop_failure[] = "Resource STOP failure. Reboot required!";

inline constexpr char leaving_it[] = "{}: does not start on this node; leaving it to another one";
inline constexpr char stays_failed[] =
    "{}: failed, and stays so by its policy; mend it, then: cl_status cleanup GROUP";
inline constexpr char failure_limit[] =
    "{}: failed {} times on this node and is not started here any more; mend it, then: cl_status "
    "cleanup GROUP";
inline constexpr char withheld[] =
    "{}: would not stop on {}, which is gone: it may still run there, so it is started nowhere. "
    "Make sure that {} is off, then: cl_status cleanup GROUP";
inline constexpr char withheld_cleared[] = "{}: somebody says that it runs on {} no more";
inline constexpr char cleaned_up[] = "{}: its failures on this node are forgotten (cleanup)";
inline constexpr char kept_here[] = "{}: stays here, as it failed on {} and waits for a cleanup";

// Maintenance
inline constexpr char maintenance_on[] =
    "Maintenance is on: nothing is started, moved or monitored; heartbeats go on.";
inline constexpr char maintenance_off[] = "Maintenance is off.";
inline constexpr char not_in_maintenance[] = "{} refused: maintenance is on.";

// Death of a node
inline constexpr char gave_up[] = "Dead node {} gave up resources.";
inline constexpr char no_stonith[] = "No STONITH device configured.";
inline constexpr char not_protected[] = "Shared disks are not protected.";
inline constexpr char resetting[] = "Resetting node {} with [{}]";
inline constexpr char now_reset[] = "node {} now reset.";
inline constexpr char not_reset[] = "Host {} not reset!";
inline constexpr char stonith_failed[] = "STONITH of {} failed.  Retrying...";
inline constexpr char checking_device[] = "Checking status of STONITH device [{}]";
inline constexpr char not_operational[] = "STONITH device {} not operational!";
inline constexpr char fenced_elsewhere[] = "node {} was reset by {}.";
inline constexpr char fencing_cancelled[] =
    "node {} is here again: it is not reset any more.";
inline constexpr char declared_off[] = "node {} is off, says somebody: it is not reset any more.";
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
