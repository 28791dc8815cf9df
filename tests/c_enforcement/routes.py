"""Suite C as a table: each route past the table, and the tests that show it shut in the default set-up.

`not built: ` is a route that only signatures, approvals or a broker of its own system user will shut.
"""

from __future__ import annotations

from suites import proven

ROUTES = [
    proven(
        "an activity whose cell says no",
        "test_all_37_cells_without_a_party_are_refused_with_a_record_and_without_a_session",
    ),
    proven(
        "wrong kind declared",
        "test_evidence_that_contradicts_refuses test_an_api_that_contradicts_the_inventory_refuses_the_run "
        "test_a_template_of_another_kind_is_refused",
    ),
    proven(
        "another element through a slot or an API argument",
        "test_a_call_bound_to_a_neighbour_is_refused_and_nothing_is_asked "
        "test_a_literal_or_a_neighbour_in_place_of_the_element_is_not_in_the_scope "
        "test_a_call_for_a_neighbour_is_not_part_of_the_run test_a_container_that_no_look_returned_is_not_stopped",
    ),
    proven(
        "another element through a related list",
        "test_another_element_is_not_part_of_the_run test_the_peer_is_never_changed "
        "test_a_row_that_a_look_returns_and_that_the_plan_did_not_see_is_not_changed",
    ),
    proven("a rebound kernel variable", "test_a_rebound_kernel_variable_changes_nothing_of_what_is_sent"),
    proven(
        "a template that differs by one character",
        "test_a_template_that_differs_by_one_character_is_not_in_the_scope "
        "test_each_line_of_a_scope_is_allowed_and_every_way_past_it_is_refused "
        "test_an_edited_change_is_refused_and_the_record_says_so",
    ),
    proven(
        "extra arguments, options, line ends, globs, shell signs in a value",
        "test_a_value_that_does_not_fit_the_slots_type_is_refused "
        "test_no_type_takes_an_option_a_line_end_or_an_invisible_character "
        "test_narrow_types_take_no_shell_signs_no_blanks_and_no_look_alikes test_a_hostile_name_is_bad_input",
    ),
    proven(
        "what is allowed arrives byte for byte",
        "test_values_arrive_byte_for_byte test_values_arrive_byte_for_byte_through_sudo "
        "test_any_value_arrives_byte_for_byte_through_sudo",
    ),
    proven(
        "into a container from its host, by path or by link",
        "test_a_path_that_leads_into_a_container_is_refused test_a_path_into_a_container_is_refused_from_its_host "
        "test_a_common_look_goes_through_no_link_into_a_container",
    ),
    proven(
        "out of a container to its host, by link",
        "test_a_folder_that_leads_out_of_the_container_is_read_by_no_line_of_24 "
        "test_a_link_in_a_home_leads_root_nowhere",
    ),
    proven(
        "a path of another activity, looked at, changed or edited",
        "test_a_path_of_another_activity_is_not_read_either test_a_link_to_a_file_of_another_activity_is_not_read "
        "test_a_change_takes_no_path_of_another_activity "
        "test_a_path_that_became_a_link_since_it_was_looked_at_is_not_changed "
        "test_a_path_of_which_nobody_says_where_it_leads_is_refused",
    ),
    proven(
        "a secret file as evidence of a request, or by its digest",
        "test_a_secret_file_is_read_for_no_request test_a_sample_that_leads_to_a_secret_is_refused "
        "test_a_sample_of_the_uploader_is_no_secret_file_and_no_link_to_one "
        "test_a_secret_or_no_file_is_refused_by_every_look_at_it",
    ),
    proven(
        "a unit or method of another activity, a method that runs commands",
        "test_a_service_that_the_map_denies_is_not_touched test_another_method_is_not_in_the_scope "
        "test_a_kernel_cannot_ask_for_the_command_itself test_a_change_of_another_step_is_refused_in_each_step_but_its_own",
    ),
    proven("a note that changes something", "test_a_note_sends_no_change_and_edits_no_file"),
    proven(
        "a query of 23 that writes",
        "test_every_query_of_23_reads_only_and_ends_by_itself "
        "test_the_account_cannot_write_the_session_cannot_write_and_a_long_query_ends",
    ),
    proven(
        "a message sent again",
        "test_a_cell_run_twice_sends_its_change_once "
        "test_of_two_that_go_on_from_one_run_the_refused_one_does_not_repeat_what_the_other_did",
    ),
    proven("a second kernel on the same run", "test_a_second_kernel_cannot_use_the_run_of_the_first"),
    proven("a client of another version", "test_a_client_of_another_version_is_refused_in_one_sentence"),
    proven(
        "a plan used twice, of another, or beyond itself",
        "test_a_plan_is_carried_out_once test_a_plan_of_another_platform_is_not_followed "
        "test_a_plan_is_followed_once_also_when_the_second_begins_as_the_first_ends",
    ),
    proven(
        "a link in a folder that others write to",
        "test_nothing_is_written_through_a_link_that_somebody_laid_there "
        "test_nothing_is_written_through_a_link_that_another_of_the_group_laid_there",
    ),
    proven(
        "somebody else's name",
        "test_who_asks_is_what_the_kernel_says_of_the_sockets_other_end "
        "test_who_did_it_is_what_the_kernel_says_and_no_words_of_his_pass_for_another_event",
    ),
    proven("policy or scope files edited after begin", "not built: who can edit them can do so before begin, too"),
    proven("an approval used, expired, foreign or self-given", "not built: there are no approvals yet"),
]
