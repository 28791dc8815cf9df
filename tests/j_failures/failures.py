"""Suite J as a table: each planted failure and the tests whose screen shows the way on."""

from __future__ import annotations

from suites import proven

FAILURES = [
    proven("service does not start", "test_a_service_that_does_not_start_shows_where_to_read_why"),
    proven("config invalid", "test_an_invalid_configuration_is_named_before_anything_is_changed"),
    proven("disk full", "test_a_full_disk_leaves_the_old_file_and_says_what_the_host_answered"),
    proven("host unreachable", "test_a_host_that_cannot_be_reached_sends_nothing_and_says_what_to_check"),
    proven("key changed", "test_a_changed_host_key_is_not_believed_and_says_how_to_tell"),
    proven("container locked", "test_a_locked_container_stops_a_decommission_before_it_begins"),
    proven("API refuses", "test_a_platform_api_that_refuses_or_is_down_says_which_and_repeats_nothing"),
    proven(
        "evacuation fails half-way",
        "test_an_evacuation_that_fails_half_way_is_completed_node_by_node"
        " test_an_evacuation_that_does_not_start_says_that_the_host_is_out_and_how_to_take_it_back",
    ),
    proven("backup store missing", "test_a_missing_backup_store_is_named_and_nothing_is_saved_into_the_empty_folder"),
    proven("certificate mismatch", "test_a_key_of_another_certificate_leads_to_the_runbook_that_replaces_both"),
]
