"""Systems of a dozen lines: what their files must have, and what is made of what a client does."""

from __future__ import annotations

import asyncio
import textwrap
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.spec import RunSpec
from harness.systems.lean import LeanClient, reply
from harness.systems.port import RefusedError
from harness.systems.registry import adapter

WHOLE = """
image, port = "it", 9000
class Client:
    def open(self, host, port): pass
    def invoke(self, op): return None
    def close(self): pass
"""


def of(folder: Path, text: str) -> Any:
    path = folder / "mine.py"
    path.write_text(textwrap.dedent(text))
    return adapter(RunSpec(env="docker", system=str(path)))


def test_a_file_with_a_client_is_an_adapter(tmp_path: Path) -> None:
    found = of(tmp_path, WHOLE)
    assert (found.name, found.image, found.port()) == ("mine", "it", 9000)
    assert found.requests == {"read", "write", "cas"}
    assert found.command(None) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("9000", '"9000"', "port: expected the number of the port"),
        ("def close", "def shut", "class Client has no close"),
        ("def invoke", "async def invoke", "expected functions that block"),
        ("image", "command = 3\nimage", "command: expected a list of words"),
        ("class Client", "class Other", "expected a class Client with open, invoke and close, or an ADAPTER"),
    ],
)
def test_what_a_file_lacks_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        of(tmp_path, WHOLE.replace(old, new))
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_without_a_command_there_are_no_processes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no command; expected one, or --env docker"):
        of(tmp_path, WHOLE).runs(inside=False, image="")


@pytest.mark.parametrize(
    ("kind", "result", "fields"),
    [
        ("read", 3, {"value": 3}),
        ("read", None, {"value": None}),
        ("read", False, {"value": False}),
        ("read", {3, 1}, {"value": [1, 3]}),
        ("txn", {"txn": []}, {"txn": []}),
        ("write", None, {}),
        ("cas", True, {}),
    ],
)
def test_results_become_replies(kind: str, result: Any, fields: dict[str, Any]) -> None:
    assert reply(kind, result) == fields


def test_false_says_that_it_was_not_done() -> None:
    with pytest.raises(RefusedError) as raised:
        reply("cas", False)
    assert raised.value.code == 22
    with pytest.raises(TypeError):
        reply("write", 7)


class Fickle:
    """Fails as it is told to, and keeps account."""

    opened = closed = 0

    def open(self, host: str, port: int) -> None:
        del port
        if host == "nobody":
            raise ConnectionRefusedError
        Fickle.opened += 1

    def invoke(self, op: dict[str, Any]) -> Any:
        if op["key"] == "breaks":
            raise EOFError
        return op["key"]

    def close(self) -> None:
        Fickle.closed += 1


def test_a_client_that_failed_is_closed_and_not_used_again() -> None:
    async def main() -> None:
        client = LeanClient(Fickle, ("there", 1))
        assert await client.request({"type": "read", "key": 1}) == {"value": 1}
        assert await client.request({"type": "read", "key": 2}) == {"value": 2}
        assert (Fickle.opened, Fickle.closed) == (1, 0)
        with pytest.raises(EOFError):
            await client.request({"type": "read", "key": "breaks"})
        assert (Fickle.opened, Fickle.closed) == (1, 1)
        assert await client.request({"type": "read", "key": 3}) == {"value": 3}
        await client.close()
        assert (Fickle.opened, Fickle.closed) == (2, 2)

    asyncio.run(main())


def test_what_fails_before_it_is_asked_is_refused() -> None:
    with pytest.raises(RefusedError):
        asyncio.run(LeanClient(Fickle, ("nobody", 1)).request({"type": "read", "key": 1}))
