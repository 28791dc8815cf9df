"""Suite A: 20 in both members of the resolvers' pair; what is served is read by Python's own TLS, verified, all the time."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import REPOSITORY, Desk, Record, wait_for
from opsguide.guide import scopes, slots
from opsguide_lab import certificates
from opsguide_lab.elements import entering
from stepping import Stepped, stepped

pytestmark = pytest.mark.lab
BOOK = "20-ssl-certificates-update.ipynb"
BOTH = {"resolver1": "127.0.64.21", "resolver2": "127.0.64.22"}
FOLDER = "etc/nginx/ssl"
WATCH = """
import select, socket, ssl, sys, time
trusted = ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")
while True:
    for address in ("127.0.64.21", "127.0.64.22"):
        with socket.create_connection((address, 443), 60) as line:
            with trusted.wrap_socket(line, server_hostname="app.lab.example") as tls:
                print(address, tls.getpeercert()["serialNumber"], tls.version(), time.monotonic(), flush=True)
    if select.select([sys.stdin], [], [], 0.1)[0]:  # closed: that was all
        break
"""


def served(lab: Any) -> dict[str, str]:
    """The serial that each member serves, by an accepted handshake from a user host, once the old worker of a reload is gone."""
    for element in BOTH:
        wait_for(lambda e=element: lab.inside(e, ["pgrep", "-c", "-f", "nginx: worker"]).stdout == "1\n")
    done = lab.inside("uh-01", ["python3", "-c", WATCH])
    assert done.returncode == 0, done.stderr
    return {address: serial for address, serial, *_ in map(str.split, done.stdout.splitlines())}


def openssl(*words: str, text: str = "") -> str:
    return subprocess.run(["openssl", *words], input=text, check=True, capture_output=True, text=True).stdout


def asked(place: Path, what: str) -> str:
    """The `-serial` or the `-fingerprint` of a certificate."""
    return openssl("x509", "-in", f"{place}.crt", "-noout", what, "-sha256").strip().partition("=")[2]


def master(lab: Any, element: str) -> str:
    return lab.inside(element, ["cat", "/run/nginx.pid"]).stdout


def files(lab: Any, element: str) -> dict[str, bytes]:
    folder = Path(lab.container_root(element)) / FOLDER
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lay(lab: Any, element: str, place: Path) -> None:
    """A new pair beside the old one, as an operator lays it there."""
    for kind in ("crt", "key"):
        line = ["sh", "-c", f"umask 077; cat > /{FOLDER}/platform.{kind}.new"]
        lab.inside(element, line, stdin=Path(f"{place}.{kind}").read_text())


OLD, NEW = certificates.PLACE / certificates.SERVED, certificates.PLACE / certificates.NEXT


@pytest.fixture(autouse=True)
def as_built(lab: Any) -> Iterator[None]:
    yield
    for element in BOTH:
        lab.restore_certificates(element)


def given(element: str, **more: Any) -> dict[str, Any]:
    other = next(name for name in BOTH if name != element)
    fixed = {"element": element, "mode": "apply", "reason": "test", "pinned_by": "nobody, all were asked"}
    fixed |= {"certificate": f"/{FOLDER}/platform.crt", "key": f"/{FOLDER}/platform.key", "names": ["app.lab.example"]}
    fixed |= {"address": BOTH[element], "peer_address": BOTH[other], "roots": "/etc/ssl/certs/ca-certificates.crt"}
    return {**fixed, **more}


def serves(lab: Any, wanted: dict[str, str]) -> bool:
    """Whether that is what they serve, once a reload is over."""
    return bool(wait_for(lambda: served(lab) == wanted, what=f"{wanted} is served"))


def test_one_member_after_the_other_serves_the_new_certificate_and_no_handshake_fails(
    desk: Desk, lab: Any, tmp_path: Path
) -> None:
    """Then a run on one that serves it already changes nothing, and `back` brings the saved pair back."""
    old, new = asked(OLD, "-serial"), asked(NEW, "-serial")
    assert serves(lab, dict.fromkeys(BOTH.values(), old))
    before = [master(lab, element) for element in BOTH], files(lab, "resolver1"), files(lab, "resolver2")
    line = entering("uh-01", ["python3", "-c", WATCH])
    told, run = tmp_path / "told", dict[str, tuple[float, float]]()
    with told.open("w") as out:
        watch = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=out, text=True)
    try:
        wait_for(lambda: told.read_text().count("\n") >= 2)
        for element in BOTH:
            begun = time.monotonic()
            done = desk("run", "20", "-f", str(REPOSITORY / f"parameters/runs/20-{element}.yml"))
            assert done.code == 0, done
            assert served(lab) == {BOTH["resolver1"]: new, BOTH["resolver2"]: new if element == "resolver2" else old}
            run[BOTH[element]] = begun, time.monotonic()
            if element == "resolver1":
                assert files(lab, "resolver2") == before[2]
    finally:
        watch.communicate(timeout=120)
    seen = [line.split() for line in told.read_text().splitlines()]
    assert watch.returncode == 0, "every handshake was accepted"
    assert {version for _, _, version, _ in seen} == {"TLSv1.3"}
    for address, (begun, over) in run.items():
        of = [(float(at), number) for one, number, _, at in seen if one == address]
        assert {number for _, number in of} == {old, new}
        assert {number for at, number in of if at < begun} == {old}
        assert {number for at, number in of if at > over} <= {new}, "from the old to the new, and never back"
    assert [master(lab, element) for element in BOTH] == before[0], "reloaded, not restarted"
    kept = files(lab, "resolver1")
    assert {name: kept[f"{name}.old"] for name in ("platform.crt", "platform.key")} == {
        name: before[1][name] for name in ("platform.crt", "platform.key")
    }
    assert [[e["step"] for e in desk.record(n).sent("change")] for n in (0, 1)] == [["swap", "reload"]] * 2
    assert "both" not in {e["step"] for e in desk.record(0).sent()}
    assert "both" in {e["step"] for e in desk.record(1).sent()}
    assert "a pair lies beside" in str(stepped(desk, BOOK, **given("resolver1")))
    known = {"fingerprint": asked(NEW, "-fingerprint").lower()}
    assert stepped(desk, BOOK, **given("resolver1", **known)) is None
    assert not desk.record().sent("change")
    with refused_by_the_program(lab, OLD):
        error = stepped(desk, BOOK, **given("resolver1", back=True, **known))
    assert "answer:  in place: the new pair, whole, as before" in str(error)
    assert files(lab, "resolver1") == kept, "all files are where they were"
    lab.inside("resolver1", ["systemctl", "reload", "nginx"])
    assert serves(lab, dict.fromkeys(BOTH.values(), new))
    error = stepped(desk, BOOK, **given("resolver1", back=True, follows=desk.record().intent["run"], **known))
    assert error is None, error
    assert [e["step"] for e in desk.record().sent("change")] == ["back"]
    assert served(lab) == {BOTH["resolver1"]: old, BOTH["resolver2"]: new}
    assert files(lab, "resolver1") == before[1], "the old pair in place, the new one beside it again"
    assert master(lab, "resolver1") == before[0][0]
    assert stepped(desk, BOOK, **given("resolver2", remove="old", **known)) is None
    assert [e["step"] for e in desk.record().sent("change")] == ["spare"]
    left = files(lab, "resolver2")
    assert left == {name: kept[name] for name in ("platform.crt", "platform.key")}, "no key of the old pair is left"


def wrong(place: Path, how: str) -> None:
    """A pair that is wrong in one way."""
    names = ("*.other.example",) if how == "names" else certificates.NAMES
    kind = ("rsa:1024",) if how == "weak" else certificates.CURVE
    certificates.issue(place, names, 5 if how == "days" else 90, kind)
    chain, key, ca = Path(f"{place}.crt"), Path(f"{place}.key"), certificates.PLACE
    leaf, end, above = chain.read_text().partition("-----END CERTIFICATE-----\n")
    if how == "chain":
        chain.write_text(leaf + end)
    if how == "order":
        chain.write_text(above + leaf + end)
    if how == "expired":
        wish = openssl("req", "-config", "/dev/null", "-new", "-key", str(key), "-subj", "/CN=*.lab.example")
        signer = ["-CA", str(ca / "intermediate.crt"), "-CAkey", str(ca / "intermediate.key"), "-set_serial", "7"]
        chain.write_text(openssl("x509", "-req", *signer, "-days", "-1", text=wish) + above)
    if how == "another":
        key.write_text(Path(f"{OLD}.key").read_text())
    if how == "encrypted":
        key.write_text(openssl("pkey", "-aes256", "-passout", "pass:canary", text=key.read_text()))


@pytest.mark.parametrize(("how", "step", "said"), [
    ("another", "key", "the key belongs to the certificate"), ("expired", "chain", "got certificate has expired"),
    ("days", "chain", "at least 30"), ("names", "names", "does NOT match certificate"),
    ("order", "new", "each certificate is followed by the one that issued it"), ("encrypted", "key", "encrypted"),
    ("chain", "chain", "got unable to get local issuer certificate"), ("weak", "key", "1024 bit"),
])  # fmt: skip
def test_a_pair_that_is_wrong_is_refused_before_anything_is_changed(
    desk: Desk, lab: Any, tmp_path: Path, how: str, step: str, said: str
) -> None:
    wrong(tmp_path / "pair", how)
    lay(lab, "resolver1", tmp_path / "pair")
    before = files(lab, "resolver1")
    error = stepped(desk, BOOK, **given("resolver1"))
    assert error is not None
    assert said in str(error)
    assert "If it goes wrong" in str(error)
    assert desk.record().sent()[-1]["step"] == step
    assert not desk.record().sent("change", "edit")
    assert files(lab, "resolver1") == before


@contextlib.contextmanager
def refused_by_the_program(lab: Any, place: Path) -> Iterator[None]:
    """The test of the configuration does not accept this certificate."""
    program, line = (
        Path(lab.container_root("resolver1")) / "usr/bin/openresty",
        Path(f"{place}.crt").read_text().splitlines()[3],
    )
    words = f'if [ "$1" = -t ] && grep -q "{line}" /{FOLDER}/platform.crt; then echo "cannot load it" >&2; exit 1; fi'
    program.unlink()
    program.write_text(f'#!/bin/sh\n{words}\nexec /usr/sbin/nginx "$@"\n')
    program.chmod(0o755)
    try:
        yield
    finally:
        program.unlink()
        program.symlink_to("/usr/sbin/nginx")


def test_a_pair_that_the_program_refuses_is_taken_out_again_and_the_old_one_is_served(desk: Desk, lab: Any) -> None:
    before = files(lab, "resolver1")
    with refused_by_the_program(lab, NEW):
        error = stepped(desk, BOOK, **given("resolver1"))
    assert "answer:  in place: the old pair, whole, as before" in str(error)
    assert [e["step"] for e in desk.record().sent("change")] == ["swap"]
    assert desk.record().state == "failed"
    assert files(lab, "resolver1") == before
    lab.inside("resolver1", ["systemctl", "reload", "nginx"])
    assert serves(lab, dict.fromkeys(BOTH.values(), asked(OLD, "-serial")))


@pytest.mark.parametrize(("bad", "said"), [
    ({"certificate": "/etc/shadow"}, "Managing OS User Accounts"), ({"key": f"/{FOLDER}/platform.crt"}, "these two files"),
    ({"key": "/root/platform.key"}, "is not a file of"),
    ({"names": ["*.lab.example"]}, "parameter names"), ({"peer_address": "127.0.64.21"}, "the address of the other member"),
    ({"fingerprint": "AA:BB"}, "the pair beside the old one is the one that you asked for"),
    ({"remove": "new"}, "fingerprint names the one in place"),
    ({"remove": "new", "fingerprint": "AA:BB"}, "fingerprint names the pair in place"),
])  # fmt: skip
def test_what_is_given_wrong_is_refused_before_anything_is_changed(
    desk: Desk, lab: Any, bad: dict[str, Any], said: str
) -> None:
    before = files(lab, "resolver1")
    assert said in str(stepped(desk, BOOK, **given("resolver1", **bad)))
    assert not [e for folder in desk.folders() for e in Record(folder).sent("change", "edit")]
    assert files(lab, "resolver1") == before


def test_a_run_that_was_cut_off_after_the_swap_goes_on_with_the_reload(desk: Desk, lab: Any) -> None:
    one = Stepped(desk, BOOK, given("resolver1"))
    assert one.run("swap") is None
    one.close()
    assert served(lab)[BOTH["resolver1"]] == asked(OLD, "-serial")
    error = stepped(desk, BOOK, **given("resolver1", follows=desk.record().intent["run"]))
    assert error is None, error
    assert [e["step"] for e in desk.record().sent("change")] == ["reload"]
    assert served(lab)[BOTH["resolver1"]] == asked(NEW, "-serial")


def test_a_pair_that_a_kill_has_mixed_is_found_by_the_first_look_of_any_run_and_mended_as_it_says(
    desk: Desk, lab: Any
) -> None:
    """Between the two renames of a swap: the new key in place, the old certificate, and both old files saved."""
    lay(lab, "resolver1", NEW)
    killed = "for f in crt key; do cp -a platform.$f platform.$f.old; done; mv platform.key.new platform.key"
    lab.inside("resolver1", ["sh", "-ec", f"cd /{FOLDER}; {killed}"])
    before = files(lab, "resolver1")
    known = {"fingerprint": asked(OLD, "-fingerprint")}
    for more in ({}, {"back": True}, known, {"mode": "plan"}, {"remove": "old", **known}):
        error = str(stepped(desk, BOOK, **given("resolver1", **more)))
        assert "NOT one pair: do not restart the program" in error, error
        assert {e["step"] for e in desk.record().sent()} == {"", "look"}, "no step but the first"
        assert files(lab, "resolver1") == before
    mend = [line for e in desk.record().events("answer") for line in e["out"].splitlines() if line.startswith("cp ")]
    assert len(mend) == 2
    assert lab.inside("resolver1", ["sh", "-ec", "\n".join([*mend, "openresty -t"])]).returncode == 0
    lay(lab, "resolver1", NEW)
    assert stepped(desk, BOOK, **given("resolver1")) is None
    assert served(lab)[BOTH["resolver1"]] == asked(NEW, "-serial")


def test_a_saved_pair_that_has_expired_is_not_put_back(desk: Desk, lab: Any, tmp_path: Path) -> None:
    wrong(tmp_path / "pair", "expired")
    lay(lab, "resolver1", tmp_path / "pair")
    for kind in ("crt", "key"):
        lab.inside("resolver1", ["mv", f"/{FOLDER}/platform.{kind}.new", f"/{FOLDER}/platform.{kind}.old"])
    before = files(lab, "resolver1")
    assert "Certificate will expire" in str(stepped(desk, BOOK, **given("resolver1", back=True)))
    assert not desk.record().sent("change")
    assert files(lab, "resolver1") == before


def test_a_saved_pair_that_could_not_be_reloaded_is_reloaded_later_and_not_moved_again(desk: Desk, lab: Any) -> None:
    put = "mv platform.$k platform.$k.old; mv platform.$k.new platform.$k"
    lab.inside("resolver1", ["sh", "-ec", f"cd /{FOLDER}; for k in crt key; do {put}; done; systemctl reload nginx"])
    wait_for(lambda: served(lab)[BOTH["resolver1"]] == asked(NEW, "-serial"), what="the new pair is served")
    unit = Path(lab.container_root("resolver1")) / "run/systemd/system/nginx.service.d/broken.conf"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nExecReload=\nExecReload=/bin/false\n")
    lab.inside("resolver1", ["systemctl", "daemon-reload"])
    try:
        error = stepped(desk, BOOK, **given("resolver1", back=True))
    finally:
        unit.unlink()
        unit.parent.rmdir()
        lab.inside("resolver1", ["systemctl", "daemon-reload"])
    assert "answer:  in place: the saved pair" in str(error)
    assert served(lab)[BOTH["resolver1"]] == asked(NEW, "-serial")
    error = stepped(desk, BOOK, **given("resolver1", back=True, follows=desk.record().intent["run"]))
    assert error is None, error
    assert [e["step"] for e in desk.record().sent("change")] == ["reload"]
    assert served(lab)[BOTH["resolver1"]] == asked(OLD, "-serial")


FAULTY = """#!/bin/sh
echo . >> "{calls}"
if [ "$(wc -l < "{calls}")" -eq {at} ]; then {fault}; fi
{exec}
"""


@pytest.mark.parametrize("fault", ["exit 1", "trap '' TERM; kill -TERM 0"])
@pytest.mark.parametrize(("step", "before"), [("swap", "old"), ("back", "new")])
def test_whatever_fails_within_a_swap_both_files_are_of_one_pair_and_the_last_line_says_of_which(
    tmp_path: Path, step: str, before: str, fault: str
) -> None:
    """Each program that it calls fails once, or the deadline's TERM comes while it runs."""
    scope = scopes.load("ssl-certificates-update")
    assert scope is not None
    line = next(entry for entry in scope.entries if entry.steps == (step,))
    values = {"certificate": str(tmp_path / "x.crt"), "key": str(tmp_path / "x.key"), "service": "openresty"}
    argv, calls, ends = [slots.fill(token, values) for token in line.tokens()], tmp_path / "calls", set()
    for at in range(1, 20):
        pairs = {"": before, {"old": ".new", "new": ".old"}[before]: {"old": "new", "new": "old"}[before]}
        for path in tmp_path.glob("x.*"):
            path.unlink()
        for end, pair in pairs.items():
            for kind in ("crt", "key"):
                (tmp_path / f"x.{kind}{end}").write_text(f"{pair} {kind}")
        for name in ("mv", "cp", "openresty", "systemctl"):
            real = f'exec /bin/{name} "$@"' if name in ("mv", "cp") else "exit 0"
            (tmp_path / name).write_text(FAULTY.format(calls=calls, at=at, fault=fault, exec=real))
            (tmp_path / name).chmod(0o755)
        calls.unlink(missing_ok=True)
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(argv, env=path, capture_output=True, text=True, start_new_session=True)
        found = {(tmp_path / f"x.{kind}").read_text().partition(" ")[0] for kind in ("crt", "key")}
        assert len(found) == 1, f"call {at} of {step}: two pairs are mixed\n{done}"
        said = {"the old": "old", "the new": "new", "the saved": "old", "": before}
        assert [found] == [{said[" ".join(done.stdout.partition("in place: ")[2].split()[:2])]}], done
        assert "in place: " in done.stdout or done.returncode < 0, f"call {at} of {step} says nothing"
        ends.add((done.returncode == 0, *found))
        if len(calls.read_text().splitlines()) < at:
            break
    after = {"old": "new", "new": "old"}[before]
    assert {(False, before), (True, after)} <= ends, "it was left as it was, and done, at least once each"
