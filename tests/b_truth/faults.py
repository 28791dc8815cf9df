"""Suite B as a table: each fault, through stock papermill, through our launcher, and by hand in a kernel or JupyterLab."""

from __future__ import annotations

from suites import Fault

NO_TIME = "no: neither a kernel nor JupyterLab ends a cell by the clock"
NO_TAB = "no: there is no tab"
NO_KERNEL = "no: a launcher never restarts its kernel"
LAUNCHER = "test_a_launcher_ended_in_the_change_leaves_one_known_change_and_no_kernel"
STOCK = "test_stock_papermill_ended_in_the_change_leaves_one_known_change_and_no_kernel"
JUPYTER = "test_a_jupyterlab_ended_in_the_change_leaves_one_known_change_and_no_kernel"
BROKER = "test_a_broker_killed_under_a_launcher_leaves_the_truth"
CELLS = "test_cells_that_somebody_changed_never_change_the_element_twice_or_unseen"
STORE = "test_a_store_that_fills_in_mid_run_stops_it_and_keeps_what_was_written"
POWER = "test_power_lost_after_any_sync_of_a_run_leaves_the_truth_on_the_disk"
KILLS = "test_two_hundred_runs_with_the_broker_killed_at_random_moments_tell_the_truth"
TABS = "test_the_buttons_for_interrupt_and_restart_leave_the_truth_and_one_change_each_run"
AGAIN = "test_after_an_unknown_change_no_new_run_no_papermill_and_no_batch_sends_a_second"


def fault(name: str, papermill: str, ours: str, hand: str) -> Fault:
    return Fault(name, {"papermill": papermill, "opsguide run": ours, "by hand": hand})


KERNEL = "test_a_launcher_whose_kernel_is_killed_in_the_change_leaves_one_known_change"
TIME = "test_a_change_cell_over_its_time_is_stopped_and_its_change_is_known"
TWO = "test_a_second_run_by_stock_papermill_or_by_hand_is_refused_while_the_first_goes_on"

FAULTS = [
    fault("kernel killed in a cell", KERNEL, KERNEL, "test_a_kernel_killed_in_the_change_leaves_the_change_known"),
    fault("cell over its time", TIME, TIME, NO_TIME),
    fault(
        "interrupt button, Ctrl-C",
        STOCK,
        LAUNCHER,
        f"{TABS} test_the_stop_button_ends_a_look_at_once_and_lets_a_change_come_to_its_end",
    ),
    fault("SIGTERM to the launcher", STOCK, LAUNCHER, JUPYTER),
    fault("SIGHUP to the launcher", STOCK, LAUNCHER, JUPYTER),
    fault("SIGKILL to the launcher", STOCK, LAUNCHER, JUPYTER),
    fault(
        "SIGKILL to the broker before a change",
        BROKER,
        BROKER,
        f"test_a_broker_killed_before_the_change_closes_as_interrupted_and_sends_nothing {KILLS}",
    ),
    fault(
        "SIGKILL to the broker during a change",
        BROKER,
        BROKER,
        f"test_a_broker_killed_in_the_change_leaves_it_unknown_and_held_for_everybody {KILLS}",
    ),
    fault(
        "SIGKILL to the broker after a change",
        BROKER,
        BROKER,
        f"test_a_broker_killed_after_the_change_closes_as_interrupted_without_a_hold {KILLS}",
    ),
    fault(
        "a second change after unknown",
        AGAIN,
        f"{AGAIN} test_after_an_unknown_change_cron_with_nothing_of_our_environment_sends_no_second",
        "test_a_broker_killed_in_the_change_leaves_it_unknown_and_held_for_everybody",
    ),
    fault("store full in mid-run", STORE, STORE, STORE),
    fault(
        "two runs at once on one element",
        TWO,
        "test_of_two_runs_at_once_one_is_refused_before_anything_is_sent",
        TWO,
    ),
    fault("SystemExit in a cell", CELLS, CELLS, "test_a_system_exit_in_a_cell_is_no_success"),
    fault("a cell skipped", CELLS, CELLS, "test_a_cell_out_of_order_is_refused_and_sends_nothing"),
    fault("a cell edited", CELLS, CELLS, "test_an_edited_change_is_refused_and_the_record_says_so"),
    fault("a cell run twice", CELLS, CELLS, "test_a_cell_run_twice_sends_its_change_once"),
    fault("a cell out of order", CELLS, CELLS, "test_a_cell_out_of_order_is_refused_and_sends_nothing"),
    fault(
        "a cell after a kernel restart",
        NO_KERNEL,
        NO_KERNEL,
        f"{TABS} test_a_restarted_kernel_needs_a_new_begin_and_the_old_run_is_interrupted",
    ),
    fault("browser closed", NO_TAB, NO_TAB, "test_a_browser_closed_in_the_change_does_not_stop_the_run"),
    fault("tab forgotten", NO_TAB, NO_TAB, "test_a_forgotten_tab_is_sealed_as_interrupted_and_its_element_is_free"),
    fault(
        "tab kept open and saved again after the end",
        NO_TAB,
        NO_TAB,
        "test_a_tab_that_is_kept_open_and_saved_again_after_the_end_leaves_the_record_as_it_was",
    ),
    fault(
        "nothing synced after the last fsync",
        "no: the broker writes, whoever asks; shown through our launcher",
        POWER,
        "no: the broker writes, whoever asks; shown through our launcher",
    ),
]
