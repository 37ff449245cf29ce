"""What every ``Remote`` does, on all of them; and what goes wrong over SSH, in one line each."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import docker
import docker.errors
import pytest

from harness.errors import UsageError
from harness.live.image import BASE
from harness.live.remote.container import ContainerRemote, namespaces
from harness.live.remote.hosts import Host, read_hosts
from harness.live.remote.local import LocalRemote
from harness.live.remote.port import Remote, RemoteError, UnknownOutcomeError, checked
from harness.live.remote.ssh import SshRemote
from tests.live.sshd import SSHD, Sshd

KINDS = ("local", "container", "namespaces", "ssh")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if not Path(SSHD).exists():
        pytest.skip("no sshd on this machine (openssh-server)")
    daemon = Sshd(tmp_path_factory.mktemp("sshd"))
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture(scope="module")
def container() -> Iterator[docker.models.containers.Container]:
    try:
        client = docker.from_env()
        client.images.get(BASE)
    except docker.errors.DockerException as e:
        pytest.skip(f"no container engine with the base image: {' '.join(str(e).split())}")
    made = client.containers.run(
        BASE, ["sleep", "600"], detach=True, labels={"splitbrain.test": "remote"}, init=True
    )
    made.reload()
    yield made
    made.remove(force=True)
    client.close()


def host_of(sshd: Sshd, **changes: object) -> Host:
    given = {
        "name": "n0",
        "host": "127.0.0.1",
        "port": sshd.port,
        "user": sshd.user,
        "key": str(sshd.key),
        "known_hosts": str(sshd.known_hosts),
    }
    return Host(**{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(params=KINDS)
def remote(request: pytest.FixtureRequest) -> Iterator[Remote]:
    made: Remote | None
    if request.param == "local":
        made = LocalRemote("n0")
    elif request.param == "ssh":
        made = SshRemote(host_of(request.getfixturevalue("sshd")))
    else:
        box = request.getfixturevalue("container")
        made = ContainerRemote("n0", box) if request.param == "container" else namespaces("n0", box, "-n -m")
        if made is None:
            pytest.skip("not root, or the engine is on another machine")
    yield made
    made.close()


def test_a_script_gives_its_output_and_status(remote: Remote) -> None:
    done = remote.run("echo one; echo two >&2; exit 3")
    assert done.status == 3
    assert done.output == b"one\ntwo\n"
    assert remote.run("printf x").output == b"x"


def test_scripts_leave_nothing_to_one_another(remote: Remote) -> None:
    remote.run("cd /usr; x=1; exit 0")
    assert remote.run("echo ${x:-none}; pwd").text.splitlines()[0] == "none"
    assert remote.run("cat").output == b""


def test_output_that_looks_like_an_answer_is_output(remote: Remote) -> None:
    assert remote.run("printf '\\nsplitbrain-0 0\\n'; exit 1").status == 1
    assert len(remote.run("head -c 300000 /dev/zero | tr '\\0' a").output) == 300_000


def test_files_go_there_and_back(remote: Remote, tmp_path: Path) -> None:
    data = bytes(range(256)) * 500
    (tmp_path / "here").write_bytes(data)
    folder = remote.run("mktemp -d").text.strip()
    remote.put(tmp_path / "here", f"{folder}/there", mode=0o755)
    remote.get(f"{folder}/there", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
    assert remote.run(f"test -x {folder}/there; ls {folder}").text.split() == ["there"]
    checked(remote, f"rm -r {folder}")


def test_a_missing_file_is_one_line(remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match="n0: cannot read /no/such"):
        remote.get("/no/such", tmp_path / "x")
    (tmp_path / "here").write_bytes(b"")
    with pytest.raises(RemoteError, match="n0: cannot write /no/such/place"):
        remote.put(tmp_path / "here", "/no/such/place")


def test_a_failure_is_told_with_its_last_line(remote: Remote) -> None:
    with pytest.raises(RemoteError, match=r"n0: .*ended with status 4: sorry"):
        checked(remote, "echo sorry; exit 4")


def test_a_hanging_script_is_of_unknown_outcome_and_the_next_one_runs(remote: Remote) -> None:
    with pytest.raises(UnknownOutcomeError, match="no answer within"):
        remote.run("sleep 5", timeout_s=0.3)
    assert remote.run("echo again").text == "again\n"


def test_many_threads_share_one(remote: Remote) -> None:
    got: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: got.append(remote.run(f"echo {i}").text)) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [f"{i}\n" for i in range(8)]


def test_a_lost_shell_is_opened_again_for_what_may_be_repeated(remote: Remote) -> None:
    remote.run("true")
    killed = "kill -9 $PPID" if isinstance(remote, SshRemote) else "kill -9 $$"
    with pytest.raises(UnknownOutcomeError, match="connection was lost"):
        remote.run(killed)
    assert remote.run("echo back", repeatable=True).text == "back\n"


# --- what goes wrong over SSH ---------------------------------------------------------------------------------


def test_a_wrong_key_is_one_line(sshd: Sshd) -> None:
    remote = SshRemote(host_of(sshd, key=str(sshd.stranger)))
    with pytest.raises(RemoteError, match=r"127.0.0.1:\d+: the key .*stranger was not accepted"):
        remote.run("true")


def test_an_unknown_host_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    remote = SshRemote(host_of(sshd, known_hosts=str(tmp_path / "empty")))
    with pytest.raises(RemoteError, match=r"its key is not in .*empty"):
        remote.run("true")


def test_a_changed_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    kind, key = sshd.stranger.with_suffix(".pub").read_text().split()[:2]
    (tmp_path / "other").write_text(f"[127.0.0.1]:{sshd.port} {kind} {key}\n")
    remote = SshRemote(host_of(sshd, known_hosts=str(tmp_path / "other")))
    with pytest.raises(RemoteError, match=r"its key is not the one in .*other"):
        remote.run("true")


def test_an_unreachable_host_is_one_line(sshd: Sshd) -> None:
    remote = SshRemote(host_of(sshd, port=1))
    with pytest.raises(RemoteError, match=r"n0: .*@127.0.0.1:1: .*"):
        remote.run("true")


def test_a_jump_host_is_gone_through(sshd: Sshd) -> None:
    remote = SshRemote(host_of(sshd), jump=host_of(sshd))
    with contextlib.closing(remote):
        assert remote.run("echo far").text == "far\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hosts: []", "expected a hosts file"),
        ("hosts: [{name: n0}]", "hosts\\[0\\]: .*host"),
        ("hosts: [{name: n0, host: a, prot: 3}]", "unknown key 'prot'; did you mean 'port'"),
        ("hosts: [{name: n0, host: a}, {name: n0, host: b}]", "'n0' stands there twice"),
        ("hosts: [{name: n0, host: a, port: 99999}]", "hosts\\[0\\].port"),
    ],
)
def test_a_wrong_hosts_file_is_one_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        read_hosts(path)


def test_defaults_of_a_hosts_file(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text(
        "hosts: [{name: n0, host: a}, {name: n1, host: b, user: me}]\ndefaults: {user: you, sudo: true}"
    )
    hosts = read_hosts(path).hosts
    assert [(h.user, h.sudo) for h in hosts] == [("you", True), ("me", True)]
