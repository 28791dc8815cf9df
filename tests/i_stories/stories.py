"""Suite I as a table: each story of an operator, and the tests that tell it, wherever they stand."""

from __future__ import annotations

from suites import proven

STORIES = [
    proven("approve before a change", "not built: a second person approves; test_plan_bound.py tells of plans"),
    proven(
        "confirm with the resolved parameters and the elements shown",
        "test_the_last_line_of_a_plan_is_the_whole_command_and_last_is_the_last_plan"
        " test_what_was_planned_is_what_is_done_and_the_record_compares_them",
    ),
    proven("resume after failure", "test_a_failed_run_is_gone_on_from_and_what_it_did_is_not_done_again"),
    proven("resume after a kill", "test_after_a_kill_the_change_that_ended_well_is_proved_and_not_sent_again"),
    proven("resume after a broker crash", "test_after_a_crash_it_is_settled_first_and_what_was_said_is_believed"),
    proven(
        "start again refused when the world has moved",
        "test_it_is_refused_when_another_run_has_changed_the_element_since"
        " test_a_service_that_was_restarted_since_the_plan_refuses_it_with_what_moved",
    ),
    proven(
        "retry only what failed in a batch",
        "test_a_planted_failure_stops_the_batch_and_retry_runs_what_did_not_end_well",
    ),
    proven(
        "keep the batch's selection on a re-run",
        "test_a_retry_takes_the_rows_of_the_record_and_names_what_the_sheet_says_now",
    ),
    proven(
        "one lock across different runbooks",
        "test_of_two_runs_at_once_one_is_refused_before_anything_is_sent"
        " test_a_run_on_a_host_and_one_on_its_container_exclude_each_other",
    ),
    proven(
        "never both members of a pair",
        "test_the_peer_of_a_member_that_a_failed_run_left_out_is_refused_until_it_is_back"
        " test_a_drain_is_refused_while_the_other_member_does_not_run",
    ),
    proven(
        "see who may do it and what to do next on every refusal",
        "test_every_verdict_says_the_cell_the_edition_who_may_act_and_what_is_next"
        " test_every_refusal_of_a_cell_names_an_activity_and_the_command_that_shows_it",
    ),
    proven(
        "see live output",
        "test_each_line_is_on_the_launchers_screen_within_a_second test_each_line_is_in_the_notebook_within_a_second"
        " test_each_line_is_on_stock_papermills_screen_within_a_second",
    ),
    proven(
        "find the last time this failed on such a host in one query",
        "test_the_last_time_that_it_ended_so_on_such_an_element_is_one_query",
    ),
    proven("compare two runs", "test_a_run_is_told_as_text_and_two_are_compared"),
    proven("hand a run to a colleague", "not built: no test goes on from a run under another account"),
    proven(
        "know from the record alone why this was allowed",
        "test_the_first_screen_says_who_what_when_why_what_changed_and_what_is_open",
    ),
]
