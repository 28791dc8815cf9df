"""The inventory: what is taken, and that every refusal names file, line and key."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opsguide.errors import InputError
from opsguide.reach import inventory, support
from opsguide.reach.elements import Become
from opsguide.reach.inventory import Platform, find, load

REPOSITORY = Path(__file__).resolve().parents[2]
GOOD = """\
platform: lab
practice: true
edition: seed
domain: lab.example
state: state
ssh: {user: root, key: "file:keys/id", known_hosts: kh, config: /etc/ssh_config, port: 2222}
api: {url: "http://127.0.64.100:8080", token: "env:TOKEN", timeout: "20 s"}
hosts:
  ih-01: {kind: infrastructure-host, address: 127.0.64.1, id: 1, group: infra}
  ih-02: {kind: infrastructure-host, address: 127.0.64.2, id: 2, port: 22}
  uh-01: {kind: user-host, address: 127.0.64.3, id: 3, machine_id: 0123456789abcdef0123456789abcdef}
  new-01: {joining: user-host, address: 127.0.64.5}
containers:
  hcore1: {kind: infrastructure-container, component: hcore, host: ih-01, ctid: 305, peer: hcore2}
  hcore2: {kind: infrastructure-container, component: hcore, host: ih-02, ctid: 305, peer: hcore1}
  node101: {kind: end-user-container, host: uh-01, ctid: 101, env: shop, node: 1001}
"""


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "lab.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def lab(tmp_path: Path) -> Platform:
    return load(written(tmp_path, GOOD))


KEYS = {name: getattr(inventory, name) for name in ("TOP", "SSH", "API", "HOST", "BECOME", "CONTAINER")}
KEYS |= {name: getattr(support, name) for name in ("SUPPORT", "SMTP")}


@pytest.mark.parametrize("keys", KEYS)
def test_the_example_names_and_explains_every_key(keys: str) -> None:
    text = (REPOSITORY / "parameters/platforms/example.yml").read_text()
    assert [key for key in KEYS[keys] if not re.search(rf"\b{key}\b", text)] == []


def test_a_good_file_becomes_a_platform(lab: Platform, tmp_path: Path) -> None:
    assert (lab.name, lab.practice, lab.edition, lab.domain) == ("lab", True, "seed", "lab.example")
    assert list(lab.elements) == ["ih-01", "ih-02", "uh-01", "new-01", "hcore1", "hcore2", "node101"]
    assert lab.digest == hashlib.sha256(GOOD.encode()).hexdigest()
    assert lab.state == tmp_path / "state"
    assert lab.ssh.key == f"file:{tmp_path}/keys/id"
    assert lab.ssh.known_hosts == tmp_path / "kh"
    assert str(lab.ssh.config) == "/etc/ssh_config"
    assert lab.api is not None
    assert (lab.api.url, lab.api.timeout) == ("http://127.0.64.100:8080", 20.0)


def test_elements_know_their_kind_host_peer_and_containers(lab: Platform) -> None:
    node, hcore, host = lab.element("node101"), lab.element("hcore1"), lab.element("ih-01")
    assert node.is_end_user_container
    assert node.is_container
    assert not node.is_host
    assert hcore.is_infrastructure_container
    assert (host.is_host, host.is_infrastructure_host, host.is_user_host) == (True, True, False)
    assert (host.host, host.port, lab.element("ih-02").port) == ("ih-01", 2222, 22)
    assert lab.containers_on("uh-01") == [node]
    assert lab.containers_on(host) == [hcore]
    assert lab.host_of(node).name == "uh-01"
    assert (hcore.peer, node.peer) == ("hcore2", "")
    assert (lab.element("new-01").kind, lab.element("new-01").joining) == ("user-host", "user-host")


def test_an_unknown_element_offers_close_matches(lab: Platform) -> None:
    with pytest.raises(InputError, match="did you mean uh-01"):
        lab.element("uh-1")


def test_the_example_beside_the_lab_loads() -> None:
    assert load(REPOSITORY / "parameters/platforms/example.yml").practice is False


BROKEN = [
    ("id: 3,", "id: 3, jump: ih-03,", r"11: hosts\.uh-01\.jump: there is no host 'ih-03'; did you mean ih-0"),
    ("id: 3,", "id: 3, jump: hcore1,", r"11: hosts\.uh-01\.jump: there is no host 'hcore1'"),
    ("id: 3,", "id: 3, jump: uh-01,", r"11: hosts\.uh-01\.jump: the way goes in a circle: uh-01 → uh-01"),
    ("id: 3,", "id: 3, become: {sudo: false, password: 'env:X'},", r"11: hosts\.uh-01\.become\.password: only sudo"),
    ("id: 3,", "id: 3, become: {sudo: true, password: hunter2},", r"11: hosts\.uh-01\.become\.password: not a secret"),
    ("id: 3,", "id: 3, become: {sudo: yes},", r"11: hosts\.uh-01\.become\.sudo: 'yes' is ambiguous"),
    ("id: 3,", "id: 3, become: {},", r"11: hosts\.uh-01\.become: the key sudo is missing"),
    ("kind: user-host,", "kind: usr-host,", r"11: hosts\.uh-01\.kind: 'usr-host' is not .*user-host"),
    ("kind: user-host,", "", r"11: hosts\.uh-01: the key kind is missing"),
    ("address: 127.0.64.3", "adress: 127.0.64.3", r"11: hosts\.uh-01\.adress: unknown key; did you mean address"),
    ("address: 127.0.64.3", "address: 127.0.64.300", r"11: hosts\.uh-01\.address: .*neither"),
    ("address: 127.0.64.3", "address: -oProxyCommand=x", r"11: hosts\.uh-01\.address"),
    ("address: 127.0.64.2", "address: 127.0.64.1, port: 2222", r"10: hosts\.ih-02\.port: stands twice"),
    ("127.0.64.2, id: 2, port: 22", "127.0.64.1, id: 2", r"10: hosts\.ih-02\.address: .*that of ih-01 on line 9"),
    ("id: 2", "id: 1", r"10: hosts\.ih-02\.id: 1 is that of ih-01"),
    ("id: 2", "id: '2'", r"10: hosts\.ih-02\.id: expected a whole number, found text"),
    ("id: 2", "id: 012", r"10: hosts\.ih-02\.id: '012' is not a plain"),
    ("id: 2", "id: 0", r"10: hosts\.ih-02\.id: 0 is not between"),
    ("port: 22}", "port: 70000}", r"10: hosts\.ih-02\.port: 70000 is not between 1 and 65535"),
    ("  ih-02:", "  ih-01:", r"10: hosts\.ih-01: stands twice; first on line 9"),
    ("  ih-02:", "  IH_02:", r"10: hosts\.IH_02: the name of an element"),
    ("  ih-02:", "  [x]:", r"10"),
    ("  node101:", "  uh-01:", r"16: containers\.uh-01: the name is taken by hosts\.uh-01 on line 11"),
    ("host: uh-01, ctid", "host: uh-10, ctid", r"16: containers\.node101\.host: .*did you mean uh-01"),
    ("host: uh-01, ctid", "host: ih-01, ctid", r"16: containers\.node101\.host: ih-01 is an infrastructure host"),
    ("host: uh-01, ctid", "host: hcore1, ctid", r"16: containers\.node101\.host: there is no host"),
    ("ctid: 101, ", "", r"16: containers\.node101: the key ctid is missing"),
    ("env: shop, ", "", r"16: containers\.node101: the key env is missing"),
    ("env: shop, ", "env: no, ", r"16: containers\.node101\.env: expected text, found true or false; write"),
    ("env: shop, ", "env: shop, peer: hcore1, ", r"16: containers\.node101\.peer"),
    ("component: hcore, host: ih-01", "host: ih-01", r"14: containers\.hcore1: the key component"),
    ("peer: hcore2", "peer: hcore3", r"14: containers\.hcore1\.peer: there is no element 'hcore3'; did you"),
    (", peer: hcore1", "", r"14: containers\.hcore1\.peer: hcore2 does not name hcore1"),
    ("host: ih-02, ctid: 305", "host: ih-01, ctid: 306", r"1[45]: containers\.hcore[12]\.peer: .*two hosts"),
    ("host: ih-02, ctid: 305", "host: ih-01, ctid: 305", r"15: containers\.hcore2\.ctid: 305 on ih-01 is"),
    ("joining: user-host", "kind: infrastructure-host, joining: user-host", r"12: hosts\.new-01\.joining"),
    ("practice: true", "practice: yes", r"2: practice: 'yes' is ambiguous; write true or false"),
    ("practice: true", "practice: 'true'", r"2: practice: expected true or false, found text"),
    ("platform: lab", "", r"2: the key platform is missing"),
    ("platform: lab", "platform: [lab]", r"1: platform: expected text, found a list"),
    ("platform: lab", "platfrom: lab", r"1: platfrom: unknown key; did you mean platform"),
    ("platform: lab", "<<: {a: b}", r"1: <<: unknown key"),
    ("platform: lab", "platform: !!python/name:os.system", r"1"),
    ("platform: lab", "platform: &a [*a]", r"1"),
    ("\nhosts:", "\nhosts: 5\nx:", r"9: x: unknown key"),
    ("timeout: \"20 s\"", "timeout: \"20\"", r"7: api\.timeout: '20' is not a duration"),
    ("http://127.0.64.100:8080", "http://me:pw@127.0.64.100", r"7: api\.url: not a plain address"),
    ("http://127.0.64.100:8080", "ftp://127.0.64.100", r"7: api\.url"),
    ("http://127.0.64.100:8080", "http://127.0.64.100:x", r"7: api\.url"),
    ("http://127.0.64.100:8080", "http://[", r"7: api\.url"),
    ("0123456789abcdef0123456789abcdef", "0123", r"11: hosts\.uh-01\.machine_id"),
    ("user: root", "user: -oX", r"6: ssh\.user"),
    ("domain: lab.example", "domain: lab..example", r"4: domain"),
    ("domain: lab.example", "\tdomain: x", r"4: not YAML"),
    ("domain: lab.example", "domain: [" + "[" * 5000, r".*not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "words"), BROKEN, ids=[f"{i}" for i in range(len(BROKEN))])
def test_a_broken_inventory_is_refused_with_file_line_and_key(tmp_path: Path, good: str, bad: str, words: str) -> None:
    assert GOOD.count(good) >= 1
    with pytest.raises(InputError, match=rf"lab\.yml:{words}") as refused:
        load(written(tmp_path, GOOD.replace(good, bad, 1)))
    assert refused.value.exit_code == 2
    assert refused.value.where.endswith("lab.yml")


SUPPORT = """\
support:
  to: help@vendor.test
  from: ops@provider.test
  smtp: {host: mail.provider.test, security: starttls, user: me, password: "env:MAIL", ca: ca.pem}
hosts:"""
MAIL = GOOD.replace("practice: true", "practice: false").replace("\nhosts:", f"\n{SUPPORT}")
BROKEN_MAIL = [
    ("starttls", "STARTTLS", r"11: support\.smtp\.security: 'STARTTLS' is not one of starttls, tls, plain"),
    ("starttls", "plain", r"11: support\.smtp\.security: plain, which has no TLS, is not sent off"),
    ("mail.provider.test, security: starttls", "127.0.0.1, security: plain", r"11: support\.smtp\.user: no password"),
    ('user: me, password: "env:MAIL", ', "user: me, ", r"11: support\.smtp: the key password is missing"),
    ("user: me, ", "", r"11: support\.smtp: the key user is missing"),
    ("env:MAIL", "hunter2-hunter2", r"11: support\.smtp\.password: not a secret reference"),
    ("host: mail.provider.test, ", "", r"11: support\.smtp: the key host is missing"),
    ("host: mail.provider.test", 'host: "a b"', r"11: support\.smtp\.host: 'a b' is neither"),
    ("ca: ca.pem", "port: 0", r"11: support\.smtp\.port"),
    ("ca: ca.pem", 'timeout: "9"', r"11: support\.smtp\.timeout"),
    ("ca: ca.pem", "verify: false", r"11: support\.smtp\.verify: unknown key"),
    ("help@vendor.test", '"a@b\\r\\nBcc: c@d"', r"9: support\.to: .* is not a plain mail address"),
    ("help@vendor.test", '"Help <help@vendor.test>"', r"9: support\.to: .* is not a plain mail address"),
    ("  to: help@vendor.test\n", "", r"8: support: the key to is missing"),
    ("  smtp:", "  folder: x\n#", r"9: support\.to: mail is sent by a server"),
    ("practice: false", "practice: true", r"11: support\.smtp\.host: a practice platform sends no mail off"),
    ("id: 1,", 'id: 1, region: "a\\nb",', r"13: hosts\.ih-01\.region: .* is not the name of a region"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "words"), BROKEN_MAIL, ids=[f"{i}" for i in range(len(BROKEN_MAIL))])
def test_a_broken_way_to_the_support_is_refused_with_file_line_and_key(
    tmp_path: Path, good: str, bad: str, words: str
) -> None:
    assert MAIL.count(good) >= 1
    with pytest.raises(InputError, match=rf"lab\.yml:{words}") as refused:
        load(written(tmp_path, MAIL.replace(good, bad, 1)))
    assert "hunter2" not in str(refused.value)


def test_the_way_to_the_support_and_the_regions_of_hosts(tmp_path: Path) -> None:
    found = load(
        written(tmp_path, MAIL.replace("domain:", "region: west\ndomain:").replace("id: 2,", "id: 2, region: east,"))
    )
    assert (found.support.to, found.support.sender) == ("help@vendor.test", "ops@provider.test")
    assert found.support.smtp is not None
    assert (found.support.smtp.port, found.support.smtp.timeout, found.support.smtp.ca) == (
        587,
        60.0,
        tmp_path / "ca.pem",
    )
    assert [found.region_of(found.element(name)) for name in ("ih-01", "ih-02", "hcore1", "hcore2")] == [
        "west",
        "east",
    ] * 2
    assert load(written(tmp_path, GOOD)).support.smtp is None


def test_a_way_that_goes_in_a_circle_is_refused(tmp_path: Path) -> None:
    circle = GOOD.replace("id: 1,", "id: 1, jump: ih-02,").replace("id: 2,", "id: 2, jump: ih-01,")
    with pytest.raises(InputError, match=r"hosts\.ih-01\.jump: .*circle: ih-01 → ih-02 → ih-01"):
        load(written(tmp_path, circle))


def test_jump_and_become_for_all_hosts_give_way_to_a_hosts_own(tmp_path: Path) -> None:
    general = GOOD.replace("port: 2222}", 'port: 2222, jump: ih-01, become: {sudo: true, password: "file:pw"}}')
    own = general.replace("id: 3,", 'id: 3, jump: "", become: {sudo: false},')
    found = load(written(tmp_path, own.replace("id: 2,", "id: 2, become: {sudo: true},"))).elements
    assert [found[name].jump for name in ("ih-01", "ih-02", "uh-01", "new-01")] == ["", "ih-01", "", "ih-01"]
    secret = Become(f"file:{tmp_path}/pw")
    assert [found[n].become for n in ("ih-01", "ih-02", "uh-01", "new-01")] == [secret, Become(), None, secret]
    assert (found["hcore1"].jump, found["hcore1"].become) == ("", None)


@pytest.mark.parametrize("secret", ["hunter2-hunter2", "password:hunter2-hunter2"])
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(InputError, match=r"lab\.yml:7: api\.token: not a secret reference") as refused:
        load(written(tmp_path, GOOD.replace("env:TOKEN", secret)))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", b"# only words\n", b"- a\n", b"\xff\xfe\x00", b"a: b\n---\nc: d\n", b"a: \x00"]
)
def test_what_is_no_inventory_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"lab\.yml"):
        load(written(tmp_path, content))


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 MiB"):
        load(written(tmp_path, b"# x\n" * 1_100_000))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load(tmp_path / "none.yml")


def test_a_platform_is_found_by_name_or_by_path(tmp_path: Path) -> None:
    folder = tmp_path / "parameters/platforms"
    folder.mkdir(parents=True)
    (folder / "lab.yml").write_text(GOOD)
    assert find("lab", tmp_path) == folder / "lab.yml"
    assert find(str(folder / "lab.yml")) == folder / "lab.yml"
    with pytest.raises(InputError, match="did you mean lab"):
        find("labb", tmp_path)
    with pytest.raises(InputError, match="there is no inventory"):
        find("./no.yml", tmp_path)
    for odd in ("..", "x" * 300, "LAB"):
        with pytest.raises(InputError):
            find(odd, tmp_path)


def test_two_hundred_elements_load_within_50_ms(tmp_path: Path) -> None:
    rows = [
        f"  c{i}: {{kind: end-user-container, host: uh-01, ctid: {i}, env: e{i}, node: {i}}}" for i in range(5000, 5200)
    ]
    path = written(tmp_path, GOOD + "\n".join(rows) + "\n")
    times = []
    for _ in range(5):
        begun = time.process_time()
        load(path)
        times.append(time.process_time() - begun)
    assert min(times) < 0.05, times


def test_reading_an_inventory_imports_nothing_heavy() -> None:
    code = (
        "import sys; import opsguide.reach.inventory; "
        "print([m for m in ('paramiko','httpx','pydantic','IPython','pandas','cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_only_the_ssh_modules_import_paramiko() -> None:
    for path in (REPOSITORY / "lib/opsguide").rglob("*.py"):
        if "import paramiko" in path.read_text() or "from paramiko" in path.read_text():
            assert path.parent.name == "reach"
            assert path.name.startswith("ssh")
