"""Suite H as a table: what hostile output may not do, and how JupyterLab is reached."""

from __future__ import annotations

from suites import Fault


def claim(name: str, **ways: str) -> Fault:
    return Fault(name, ways)


CLAIMS = [
    claim(
        "no script runs",
        report="test_a_report_of_hostile_output_runs_no_script_fetches_nothing_and_needs_no_refusal",
        notebook="test_a_record_of_hostile_output_in_jupyterlab_runs_nothing_and_asks_nobody_else",
    ),
    claim(
        "nothing is fetched, the policy has nothing to refuse",
        report="test_a_report_of_hostile_output_runs_no_script_fetches_nothing_and_needs_no_refusal",
        notebook="test_a_record_of_hostile_output_in_jupyterlab_runs_nothing_and_asks_nobody_else",
    ),
    claim("JupyterLab binds to loopback", lab="test_jupyterlab_is_reached_by_its_user_alone"),
    claim("its token is on", lab="test_jupyterlab_is_reached_by_its_user_alone"),
    claim("kernels are on a private transport", lab="test_jupyterlab_is_reached_by_its_user_alone"),
]
