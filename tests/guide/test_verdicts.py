"""All 96 verdicts against a table written out by hand here: no cell of the shipped edition can move unseen."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest

from opsguide.errors import InputError
from opsguide.guide import editions, kinds
from opsguide.guide.decision import APPLIES_INSTEAD, decide

UH, IH, IC, EC = kinds.KINDS
WHO = {"p": kinds.PROVIDER, "o": kinds.OPERATIONS, "-": kinds.NOT_APPLICABLE}

# user host, infrastructure host, infrastructure container, end-user container:
# p Hosting Provider, o Jelastic Operations, - N/A
TABLE = """
    adding-new-host                                pp--
    user-host-decommission                         p---
    virtuozzo-software-and-kernel-update           oo--
    windows-host-software-update                   o--o
    rebooting-host-container                       ppp-
    restarting-processes                           pppp
    editing-system-files                           ppoo
    ssh-configuration                              ppoo
    infra-container-resources                      --p-
    uploader-configuration                         --o-
    managing-jca-accounts                          -p--
    managing-os-user-accounts                      pppp
    host-firewall-configuration                    oo--
    container-firewall-configuration               --oo
    ip-configuration-and-routing                   oooo
    zabbix-agent-configuration                     pppp
    logrotate-configuration                        ppoo
    file-access-settings                           ppoo
    infrastructure-migration-to-a-new-host         -o--
    ssl-certificates-update                        --p-
    infrastructure-container-limits-configuration  --o-
    additional-software                            oooo
    outdated-data-removal-from-database            --o-
    backup-and-restore                             pp--
"""
ROWS = [line.split() for line in TABLE.split("\n") if line.strip()]
EXPECTED = {(slug, kind): letter for slug, cells in ROWS for kind, letter in zip(kinds.KINDS, cells, strict=True)}
SEED = editions.load("seed")


def check_table(edition: editions.Edition) -> None:
    """Every verdict of an edition against the table above: row, order, mode, exit code, who may."""
    assert [a.slug for a in edition.activities] == [slug for slug, _ in ROWS]
    assert set(edition.cells) == set(EXPECTED)
    for (slug, kind), letter in EXPECTED.items():
        for asked in ("plan", "apply"):
            verdict = decide(edition, slug, kind, asked)
            wanted = {"p": (asked, 0), "o": ("request", 3), "-": ("refused", 4)}[letter]
            assert (verdict.mode, verdict.exit, verdict.party) == (*wanted, WHO[letter]), (slug, kind, asked)


def test_each_of_the_96_cells_decides_as_the_guide_says() -> None:
    assert len(EXPECTED) == 96
    check_table(SEED)


@pytest.mark.parametrize("cell", EXPECTED, ids="-x-".join)
def test_a_flipped_cell_is_noticed(cell: tuple[str, str]) -> None:
    for party in set(kinds.PARTIES) - {SEED.cells[cell]}:
        with pytest.raises(AssertionError):
            check_table(replace(SEED, cells={**SEED.cells, cell: party}))


def test_a_cell_flipped_in_the_bytes_of_the_file_is_noticed() -> None:
    content = (files("opsguide.guide") / "editions" / "seed.csv").read_bytes()
    lines = content.splitlines(keepends=True)
    caught = 0
    for number, line in enumerate(lines[1:], start=1):
        fields = line.decode().rstrip("\r\n").split(",")
        for column in range(1, 5):
            party = next(p for p in kinds.PARTIES if p != fields[column])
            flipped = ",".join([*fields[:column], party, *fields[column + 1 :]]) + "\n"
            edition = editions.parse("seed", b"".join([*lines[:number], flipped.encode(), *lines[number + 1 :]]), "x")
            assert (edition.cells[SEED.activities[number - 1].slug, kinds.KINDS[column - 1]]) == party
            assert edition.digest != SEED.digest
            with pytest.raises(AssertionError):
                check_table(edition)
            caught += 1
    assert caught == 96


def test_the_table_has_31_provider_28_operations_and_37_cells_that_do_not_apply() -> None:
    parties = list(SEED.cells.values())
    assert [parties.count(p) for p in kinds.PARTIES] == [31, 28, 37]
    assert [list(EXPECTED.values()).count(letter) for letter in "po-"] == [31, 28, 37]


@pytest.mark.parametrize(("kind", "counts"), [(UH, (11, 5, 8)), (IH, (11, 5, 8)), (IC, (6, 10, 8)), (EC, (3, 8, 13))])
def test_each_column_has_its_counts(kind: str, counts: tuple[int, int, int]) -> None:
    column = [party for (_, k), party in SEED.cells.items() if k == kind]
    assert tuple(column.count(p) for p in kinds.PARTIES) == counts


def test_titles_and_numbers_are_the_guides() -> None:
    titles = {a.slug: a.title for a in SEED.activities}
    assert titles["rebooting-host-container"] == "Rebooting Host/Container"
    assert titles["ip-configuration-and-routing"] == "IP Configuration and Routing"
    assert [a.number for a in SEED.activities] == list(range(1, 25))
    assert SEED.activity("6").runbook == "06-restarting-processes.ipynb"


# decision.py, sentence by sentence


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_for_the_provider_the_run_goes_on_in_the_mode_that_was_asked(mode: str) -> None:
    assert decide(SEED, "restarting-processes", UH, mode).mode == mode


@pytest.mark.parametrize("mode", ["", "request", "refused", "Apply", "apply ", "dry"])
def test_there_is_no_other_mode_to_ask_for(mode: str) -> None:
    with pytest.raises(InputError, match="not a mode"):
        decide(SEED, "restarting-processes", UH, mode)


@pytest.mark.parametrize("mode", ["plan", "apply"])
def test_for_jelastic_operations_a_request_is_written_whatever_mode_was_asked(mode: str) -> None:
    verdict = decide(SEED, "editing-system-files", IC, mode)
    assert (verdict.mode, verdict.exit) == ("request", 3)
    assert "Jelastic Support" in verdict.next


def test_a_cell_that_does_not_apply_names_the_activity_that_does() -> None:
    verdict = decide(SEED, "rebooting-host-container", EC)
    assert verdict.exit == 4
    assert verdict.next == (
        "Restarting Processes applies to an end-user container (Hosting Provider): opsguide show restarting-processes"
    )


def test_a_cell_without_another_activity_names_where_this_one_is_run() -> None:
    said = decide(SEED, "uploader-configuration", UH).next
    assert said == "Uploader Configuration is run on an infrastructure container: opsguide show uploader-configuration"
    assert (
        "a user host or an infrastructure host, which carries the container"
        in decide(SEED, "backup-and-restore", EC).next
    )


def test_every_refusal_of_a_cell_names_an_activity_and_the_command_that_shows_it() -> None:
    refused = [cell for cell, party in EXPECTED.items() if party == "-"]
    assert len(refused) == 37
    for slug, kind in refused:
        words, _, shown = decide(SEED, slug, kind).next.rpartition(": opsguide show ")
        assert words.startswith(SEED.activity(shown).title)


def test_each_activity_that_is_named_instead_applies_and_stands_for_a_cell_that_does_not() -> None:
    for (slug, kind), other in APPLIES_INSTEAD.items():
        assert EXPECTED[slug, kind] == "-"
        assert EXPECTED[other, kind] != "-"
        assert SEED.activity(other).title in decide(SEED, slug, kind).next


def test_an_activity_named_instead_is_not_named_where_another_edition_does_not_have_it_for_that_kind() -> None:
    cells = {**SEED.cells, ("restarting-processes", EC): kinds.NOT_APPLICABLE}
    verdict = decide(replace(SEED, cells=cells), "rebooting-host-container", EC)
    where = "a user host or an infrastructure host or an infrastructure container"
    assert verdict.next == f"Rebooting Host/Container is run on {where}: opsguide show rebooting-host-container"


def test_an_activity_that_applies_nowhere_leads_to_the_guides_first_note() -> None:
    cells = {**SEED.cells, **{("ssl-certificates-update", k): kinds.NOT_APPLICABLE for k in kinds.KINDS}}
    assert decide(replace(SEED, cells=cells), "ssl-certificates-update", EC).next == kinds.NOTE_1


@pytest.mark.parametrize("cell", EXPECTED, ids="-x-".join)
def test_every_verdict_says_the_cell_the_edition_who_may_act_and_what_is_next(cell: tuple[str, str]) -> None:
    verdict = decide(SEED, *cell)
    assert SEED.activity(cell[0]).title in verdict.words
    assert kinds.words(cell[1]) in verdict.words
    assert "edition seed" in verdict.words
    assert verdict.who_may
    assert verdict.next or verdict.exit == 0


@pytest.mark.parametrize("kind", ["", "host", "User-Host", "windows-host", "user-host "])
def test_a_kind_that_the_edition_does_not_have_is_refused_with_the_first_note(kind: str) -> None:
    with pytest.raises(InputError) as refused:
        decide(SEED, "restarting-processes", kind)
    assert refused.value.next.endswith(kinds.NOTE_1)


def test_an_activity_that_the_edition_does_not_have_is_refused_with_the_first_note() -> None:
    with pytest.raises(InputError) as refused:
        decide(SEED, "polishing-the-floor", UH)
    assert refused.value.next.endswith(kinds.NOTE_1)
