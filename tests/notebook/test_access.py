"""What an audit of modes has found: one test for each rule, on lines as `find` prints them."""

from __future__ import annotations

from opsguide.notebook.access import findings
from opsguide.notebook.readings import Reading

SETUID = "4755 root:root /usr/bin/passwd\n4755 anna:users /srv/my tools/sh\n"


def told(text: str) -> Reading:
    return Reading([{"on": "uh-01", "text": text}])


def test_each_finding_is_a_line_with_its_mode_its_owner_and_its_path() -> None:
    table = findings([], setuid_or_setgid=told(SETUID), without_owner=told("644 4242:root /home/gone\n"))
    assert table.lines[0].split() == ["finding", "state", "mode", "owner", "path"]
    assert [line.split() for line in table.lines[1:]] == [
        ["setuid", "or", "setgid", "new", "4755", "root:root", "/usr/bin/passwd"],
        ["setuid", "or", "setgid", "new", "4755", "anna:users", "/srv/my", "tools/sh"],
        ["without", "owner", "new", "644", "4242:root", "/home/gone"],
    ]
    assert repr(table) == "\n".join(table.lines)


def test_what_is_known_by_its_path_or_a_star_is_not_new() -> None:
    assert findings(["/usr/bin/passwd"], setuid=told(SETUID)).new == ["/srv/my tools/sh"]
    assert findings(["/usr/bin/*", "/srv/*/sh"], setuid=told(SETUID)).new == []
    assert findings(["/usr/bin/passw"], setuid=told(SETUID)).new == ["/srv/my tools/sh", "/usr/bin/passwd"]


def test_nothing_looked_for_is_no_table_and_nothing_found_is_its_head() -> None:
    assert repr(findings([], setuid=Reading([]))) == ""
    assert len(findings([], setuid=told("")).lines) == 1


def test_what_does_not_print_in_a_path_is_shown_by_its_number() -> None:
    table = findings([], open=told("666 root:root /srv/a\x1b[2Jb\n"))
    assert table.lines[1].endswith(" /srv/a␛[2Jb")
    assert table.new == ["/srv/a\x1b[2Jb"]
