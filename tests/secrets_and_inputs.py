"""Suites F and G as tables: each sink and form of a secret, each sort of input, and the tests that prove it."""

from __future__ import annotations

from suites import proven

SECRETS = [
    proven(
        "plain, URL, JSON, repr, HTML, shell, hex, reversed",
        "test_a_known_value_is_hidden_in_every_listed_spelling test_no_value_is_left_in_any_text",
    ),
    proven("base64, bare and inside at all offsets", "test_a_known_value_is_hidden_inside_base64_at_every_offset"),
    proven(
        "split writes",
        "test_a_value_that_arrives_in_two_pieces_is_hidden_wherever_it_is_cut "
        "test_a_value_that_arrives_byte_by_byte_is_hidden test_a_very_long_line_is_never_cut_within_a_secret",
    ),
    proven(
        "private keys",
        "test_a_private_keys_body_is_hidden_over_many_lines_or_within_one "
        "test_no_byte_of_a_key_is_in_records_state_output_or_logs",
    ),
    proven(
        "parameters",
        "test_parameters_that_the_record_hides_are_not_passed_on "
        "test_a_password_that_was_pasted_with_an_answer_stands_nowhere "
        "test_a_password_in_the_address_of_a_repository_stands_nowhere",
    ),
    proven(
        "output, journal, notebook and report of every runbook",
        "test_nbval_runs_every_cell_of_every_runbook_in_plan_mode test_a_secret_in_the_configuration_stands_in_no_record",
    ),
    proven(
        "a request and what leaves as a hand-off",
        "test_a_cell_of_jelastic_operations_ends_as_a_complete_request test_a_secret_file_is_read_for_no_request "
        "test_a_secret_that_a_record_holds_all_the_same_is_in_no_mail_and_no_file",
    ),
    proven(
        "errors and tracebacks",
        "test_a_record_that_lost_its_port_is_refused_without_showing_its_password "
        "test_an_options_file_that_the_client_does_not_take_shows_no_password "
        "test_a_patch_that_does_not_fit_says_nothing_of_what_is_in_the_file",
    ),
    proven(
        "what the platform answers and hands out",
        "test_a_password_in_a_whole_record_is_sent_and_neither_shown_nor_kept "
        "test_the_secret_of_the_command_stands_nowhere_even_when_the_host_echoes_it",
    ),
    proven(
        "tokens of persons, hashes of passwords",
        "test_somebody_leaves_and_only_that_persons_token_is_refused "
        "test_from_lock_to_removal_each_step_is_seen_on_the_host_and_no_hash_is_kept",
    ),
    proven(
        "a batch's record", "test_a_value_that_records_hide_is_not_in_the_batch_s_record_and_its_row_is_not_retried"
    ),
    proven("the process list and the environment", "test_the_password_is_in_no_argument_and_no_environment"),
    proven("what is not caught is told", "test_what_is_not_caught_is_told_to_whoever_reads_records"),
    proven("history files", "not built: no shell of a run is interactive, so none writes a history; nobody looks"),
]

INPUTS = [
    proven(
        "names and values of parameters",
        "test_no_names_make_anything_but_values_or_an_input_error "
        "test_no_value_makes_anything_but_itself_or_an_input_error test_bad_input_is_exit_2_and_leaves_nothing "
        "test_bad_parameters_are_refused_before_a_kernel_and_leave_no_record",
    ),
    proven(
        "files of parameters",
        "test_an_error_in_a_file_names_file_line_and_key test_a_file_of_parameters_is_named_with_its_line "
        "test_what_a_file_lacks_is_told_with_the_file test_what_the_command_line_says_is_not_laid_to_the_file",
    ),
    proven(
        "command lines",
        "test_what_is_no_command_line_says_so_in_the_same_shape_and_as_json "
        "test_what_does_not_fit_is_exit_2_and_says_what_next",
    ),
    proven("sheets", "test_a_row_that_does_not_fit_is_named_and_nothing_runs"),
    proven(
        "inventories",
        "test_a_broken_inventory_is_refused_with_file_line_and_key test_a_huge_file_is_refused_before_it_is_parsed "
        "test_a_broken_way_to_the_support_is_refused_with_file_line_and_key",
    ),
    proven(
        "editions",
        "test_a_malformed_file_is_refused_with_its_line test_no_bytes_make_anything_but_an_edition_or_an_input_error",
    ),
    proven("scopes", "test_a_broken_scope_is_named_by_place_and_key"),
    proven(
        "notebooks",
        "test_what_is_no_runbook_is_refused_with_file_and_line test_a_broken_runbook_is_exit_2_and_leaves_no_record "
        "test_a_hostile_notebook_is_valid_and_holds_text_and_png_only",
    ),
    proven(
        "policy and people",
        "test_a_wrong_key_or_value_is_named test_a_file_that_is_not_such_a_list_is_bad_input_and_is_named",
    ),
    proven(
        "messages to the broker",
        "test_a_line_that_is_no_request_ends_the_session_or_is_refused_and_frees_the_element "
        "test_requests_of_a_megabyte_and_odd_types_do_no_harm",
    ),
    proven(
        "values reach the remote arguments byte for byte",
        "test_values_arrive_byte_for_byte test_any_value_arrives_byte_for_byte_through_sudo "
        "test_a_value_is_one_word_of_the_argument_vector_whatever_it_holds",
    ),
]
