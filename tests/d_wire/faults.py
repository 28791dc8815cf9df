"""Suite D as a table: each fault on the wire and the tests that meet it with a real sshd; what is not built says so."""

from __future__ import annotations

from suites import proven

FAULTS = [
    proven(
        "5 MB on each stream",
        "test_five_megabytes_on_each_stream_arrive_whole test_five_megabytes_on_one_stream_do_not_wait_for_the_other",
    ),
    proven("exit status after both streams", "test_the_exit_status_is_believed_only_after_both_streams"),
    proven("silent command over its deadline", "test_a_silent_command_ends_at_its_deadline"),
    proven(
        "chatty command over its deadline",
        "test_a_chatty_command_ends_at_its_deadline test_a_dripping_command_ends_at_its_deadline",
    ),
    proven(
        "peer frozen",
        "test_a_frozen_peer_is_found_by_the_watchdog test_a_frozen_peer_is_lost_at_the_deadline_and_not_merely_late",
    ),
    proven("link cut in mid-command", "test_a_link_cut_in_mid_command_is_lost"),
    proven(
        "reboot in mid-command",
        "test_a_reboot_in_mid_command_is_lost_and_the_boot_id_tells_that_the_host_came_back",
    ),
    proven(
        "a daemon left holding stdout",
        "test_a_daemon_that_holds_the_output_delays_the_end_by_a_second "
        "test_a_daemon_that_keeps_writing_is_left_after_five_seconds",
    ),
    proven("non-UTF-8 and binary output", "test_bytes_that_are_no_text_arrive_as_they_are"),
    proven(
        "NUL, CR, LF in values",
        "test_values_arrive_byte_for_byte test_what_no_line_can_be_is_refused_before_connecting",
    ),
    proven(
        "MaxSessions reached",
        "test_where_sessions_are_few_further_connections_and_then_patience_serve_all "
        "test_a_server_that_opens_no_session_is_told",
    ),
    proven(
        "MaxStartups reached",
        "test_a_full_waiting_room_is_told_after_three_knocks test_a_waiting_room_that_clears_lets_us_in",
    ),
    proven("unknown host key", "test_an_unknown_host_key_is_refused_as_openssh_does"),
    proven("changed host key", "test_a_changed_host_key_is_refused_as_openssh_does"),
    proven(
        "revoked host key",
        "test_a_revoked_host_key_is_refused_as_openssh_does "
        "test_a_certificate_of_a_host_key_gets_the_verdict_of_openssh",
    ),
    proven(
        "CA-signed host key",
        "test_a_certificate_of_a_host_key_gets_the_verdict_of_openssh "
        "test_authorities_and_hosts_have_keys_of_every_type test_an_authority_that_signs_with_sha1_is_not_believed "
        "test_no_byte_of_a_certificate_can_be_changed",
    ),
    proven(
        "jump host, both keys recorded",
        "test_a_line_goes_through_the_kept_connection_of_the_jump_host test_both_keys_are_checked_and_told "
        "test_a_changed_key_on_either_hop_is_refused_as_openssh_does test_a_jump_host_that_is_down_is_named "
        "test_a_record_holds_the_keys_of_both_hops_and_lines_with_sudo "
        "test_a_jump_host_cut_in_mid_command_is_lost_and_the_next_command_finds_its_way "
        "test_no_agent_is_forwarded_to_either_host",
    ),
    proven(
        "sudo with right, wrong and no password",
        "test_with_the_right_password_root_runs_the_line test_a_wrong_password_runs_nothing_and_is_told "
        "test_without_a_password_where_sudo_wants_one_nothing_is_sent "
        "test_where_sudo_asks_for_nothing_the_line_runs_as_it_is_shown "
        "test_a_password_that_is_wanted_no_more_is_not_sent "
        "test_the_password_is_in_no_argument_and_no_environment "
        "test_the_password_goes_only_after_the_mark_and_before_the_line_has_begun "
        "test_without_a_mark_no_password_goes",
    ),
    proven(
        "keys that are not there, agent gone",
        "test_a_key_that_is_not_there_or_no_key_is_told_before_connecting test_only_the_named_key_is_offered",
    ),
    proven(
        "quoting through both hops",
        "test_values_arrive_byte_for_byte test_values_arrive_byte_for_byte_through_sudo "
        "test_any_value_arrives_byte_for_byte_through_sudo test_the_line_on_the_screen_does_the_same_with_plain_ssh",
    ),
    proven(
        "every line on the screen within a second",
        "test_each_line_is_on_the_launchers_screen_within_a_second "
        "test_each_line_is_on_stock_papermills_screen_within_a_second "
        "test_each_line_is_in_the_notebook_within_a_second",
    ),
]
