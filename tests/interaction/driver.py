"""Golden conversations: a text script drives cores by hand, and every effect is drawn in one line.

A script is a list of blocks, each a few commands, ``----`` and the lines they lead to. Blocks are separated by
an empty line; lines that begin with ``#`` are prose. A script that names a bug is run twice, and where the
buggy cores do something else it is shown below ``++++``.

| command | does |
|---|---|
| ``bug NAME`` | every core of the second run has this planted bug |
| ``nodes N [setting=value ...]`` | starts n0, n1, ... with empty disks; settings are of RaftConfig |
| ``prepared NODE term=T vote=V log=1,1,2`` | as ``nodes`` for one node, which has a disk |
| ``timer NODE NAME`` | the timer fires |
| ``stored NODE [TOKEN]`` | what the node wrote is durable (up to a token): held effects leave, the core is told |
| ``deliver A>B [N]`` | the messages in flight on the link arrive, in order (the first N of them) |
| ``last A>B`` | the newest message in flight on the link overtakes the others |
| ``copy A>B`` | the first message in flight on the link is doubled; the copy comes behind the others |
| ``drop A>B [N]`` | they are lost; ``*`` for A or B means any node |
| ``request NODE CLIENT:ID TYPE [field=value ...]`` | a client's request; values are JSON, else strings |
| ``kill NODE`` / ``power-loss NODE`` | keeps what was written / what was stored |
| ``restart NODE`` | starts with what the disk kept |
| ``settle [NODE ...]`` | stores and delivers among these nodes until all is quiet; drops what leaves the group |
| ``state [NODE ...]`` | draws the cores |
| ``quietly COMMAND`` | without showing it |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nodes import kernel
from nodes.kernel import Now, Persist, Receive, Reply, Request, Send, Start, Stored, Timer
from nodes.raft import messages as raft
from nodes.raft.core import Raft
from nodes.systems import build_raft
from tests.interaction import drawing

EPOCH = Now(0, 0)
SETTLE_MAX = 500


class ScriptError(Exception):
    """A script asks for what cannot be."""


@dataclass
class Member:
    """A core, its disk and what the host holds for it."""

    name: str
    core: Raft | None = None
    disk: list = field(default_factory=list)
    """records that survive a power loss"""
    written: list = field(default_factory=list)
    """(token, records) not yet stored"""
    held: list = field(default_factory=list)
    stored: int = 0


class Conversation:
    """A cluster whose every step is a command; what happens is appended to ``lines``."""

    def __init__(self, bug: str | None = None) -> None:
        self.bug = bug
        self.members: dict[str, Member] = {}
        self.flight: list[tuple[str, str, object]] = []
        self.lines: list[str] = []
        self.size = 0
        self.config: dict[str, int] = {}

    # --- commands -----------------------------------------------------------------------------------------

    def do(self, line: str) -> list[str]:
        """Execute one command; the lines it leads to."""
        name, *args = line.split()
        if name == "quietly":
            self.do(" ".join(args))
            return []
        command = getattr(self, "do_" + name.replace("-", "_"), None)
        if command is None:
            raise ScriptError(f"unknown command: {line}")
        self.lines = []
        command(*args)
        return self.lines

    def do_bug(self, name: str) -> None:
        pass

    def do_nodes(self, count: str, *settings: str) -> None:
        self.size = int(count)
        self.config = {key: int(value) for key, value in (s.split("=") for s in settings)}
        for i in range(self.size):
            self.members.setdefault(f"n{i}", Member(f"n{i}"))
            self.start(self.members[f"n{i}"])

    def do_prepared(self, name: str, *args: str) -> None:
        """Before ``nodes``: what the node's disk holds."""
        options = dict(arg.split("=") for arg in args)
        vote = options.get("vote")
        records: list = [raft.HardState(int(options["term"]), vote)]
        entries = []
        for at, term in enumerate(filter(None, options.get("log", "").split(",")), 1):
            # the same index and term is the same entry everywhere (Log Matching)
            request = {"type": "write", "key": "k", "value": at * 100 + int(term)}
            entries.append(raft.Entry(int(term), f"p{term}", at, request))
        if entries:
            records.append(raft.Entries(1, tuple(entries)))
        self.members[name] = Member(name, disk=records)

    def do_timer(self, name: str, timer: str) -> None:
        self.feed(self.up(name), Timer(timer))

    def do_stored(self, name: str, token: str = "") -> None:
        member = self.up(name)
        if not member.written:
            self.say(member, "has nothing to store")
            return
        upto = int(token) if token else member.written[-1][0]
        while member.written and member.written[0][0] <= upto:
            member.disk.extend(member.written.pop(0)[1])
        member.stored = upto
        self.say(member, f"stored #{upto}")
        while member.held and member.held[0].after <= upto:
            self.release(member, member.held.pop(0))
        self.feed(member, Stored(upto))

    def do_deliver(self, link: str, count: str = "") -> None:
        for item in self.pick(link, count):
            self.flight.remove(item)
            self.arrive(*item)

    def do_last(self, link: str) -> None:
        item = self.pick(link, "")[-1]
        self.flight.remove(item)
        self.arrive(*item)

    def do_copy(self, link: str) -> None:
        item = self.pick(link, "1")[0]
        self.flight.append(item)
        self.lines.append(f"{item[0]} -> {item[1]} twice {drawing.message(item[2])}")

    def do_drop(self, link: str, count: str = "") -> None:
        for item in self.pick(link, count):
            self.flight.remove(item)
            self.lines.append(f"{item[0]} -> {item[1]} lost {drawing.message(item[2])}")

    def do_request(self, name: str, request: str, kind: str, *args: str) -> None:
        client, msg_id = request.split(":")
        fields = {}
        for arg in args:
            key, value = arg.split("=", 1)
            try:
                fields[key] = msgspec.json.decode(value)
            except msgspec.DecodeError:
                fields[key] = value
        self.feed(self.up(name), Request(client, int(msg_id), {"type": kind, **fields}))

    def do_kill(self, name: str) -> None:
        member = self.up(name)
        for _, records in member.written:
            member.disk.extend(records)
        self.die(member, "is killed")

    def do_power_loss(self, name: str) -> None:
        member = self.up(name)
        lost = sum(len(records) for _, records in member.written)
        self.die(member, f"loses power, and {lost} records")

    def do_restart(self, name: str) -> None:
        self.start(self.members[name])

    def do_settle(self, *names: str) -> None:
        group = names or tuple(self.members)
        for _ in range(SETTLE_MAX):
            waiting = [n for n in group if self.members[n].core and self.members[n].written]
            if not waiting and not self.flight:
                return
            for name in waiting:
                self.do_stored(name)
            for item in list(self.flight):
                self.flight.remove(item)
                if item[0] in group and item[1] in group:
                    self.arrive(*item)
                else:
                    self.lines.append(f"{item[0]} -> {item[1]} lost {drawing.message(item[2])}")
        raise ScriptError("the conversation does not come to rest")

    def do_state(self, *names: str) -> None:
        for name in names or tuple(self.members):
            core = self.members[name].core
            self.lines.append(f"{name} {drawing.node(core) if core else 'is down'}")

    # --- the host -----------------------------------------------------------------------------------------

    def up(self, name: str) -> Member:
        member = self.members.get(name)
        if member is None or member.core is None:
            raise ScriptError(f"{name} is not up")
        return member

    def start(self, member: Member) -> None:
        names = tuple(f"n{i}" for i in range(self.size))
        member.core = build_raft(member.name, names, self.bug, self.config)
        member.stored = 0
        self.feed(member, Start(tuple(member.disk)))

    def die(self, member: Member, how: str) -> None:
        self.say(member, how)
        for held in member.held:
            self.say(member, f"never says {drawing.effect(held)}")
        member.core, member.written, member.held = None, [], []

    def feed(self, member: Member, event: kernel.Event) -> None:
        assert member.core is not None
        for effect in member.core.handle(event, EPOCH):
            after = getattr(effect, "after", None)
            if isinstance(effect, Persist):
                member.written.append((effect.token, effect.records))
                self.say(member, drawing.effect(effect))
            elif after is not None and after > member.stored:
                member.held.append(effect)
                self.say(member, f"holds until #{after}: {drawing.effect(effect)}")
            elif isinstance(effect, Send | Reply):
                self.release(member, effect)
            else:
                self.say(member, drawing.effect(effect))

    def release(self, member: Member, effect: Send | Reply) -> None:
        self.say(member, drawing.effect(effect))
        if isinstance(effect, Send):
            self.flight.append((member.name, effect.to, effect.message))

    def arrive(self, src: str, dst: str, message: object) -> None:
        self.lines.append(f"{dst} gets from {src} {drawing.message(message)}")
        member = self.members[dst]
        if member.core is None:
            self.say(member, "is down")
        else:
            self.feed(member, Receive(src, message))

    def pick(self, link: str, count: str) -> list[tuple[str, str, object]]:
        src, dst = link.split(">")
        found = [f for f in self.flight if src in ("*", f[0]) and dst in ("*", f[1])]
        if not found:
            self.lines.append(f"nothing is in flight on {link}")
        return found[: int(count)] if count else found

    def say(self, member: Member, text: str) -> None:
        self.lines.append(f"{member.name} {text}")


# --- scripts ------------------------------------------------------------------------------------------------


@dataclass
class Block:
    """``prose`` blocks have no commands. ``outputs``: the sound run's lines, and the buggy run's if others."""

    commands: list[str]
    outputs: list[list[str]]
    prose: list[str]


class Script:
    """A file of blocks. ``bug`` is what its command ``bug`` names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text()
        self.blocks = [_block(part) for part in re.split(r"\n\s*\n", self.text.strip())]
        named = [c.split()[1] for b in self.blocks for c in b.commands if c.startswith("bug ")]
        self.bug = named[0] if named else None

    def play(self, bug: str | None) -> list[list[str]]:
        """The lines of each block."""
        conversation = Conversation(bug)
        played = []
        for block in self.blocks:
            out: list[str] = []
            for command in block.commands:
                try:
                    out += conversation.do(command)
                except (ScriptError, AssertionError, IndexError, KeyError, ValueError) as e:
                    raise ScriptError(f"{self.path.name}: {command!r} ({bug or 'sound'}): {e}") from e
            played.append(out)
        return played

    def render(self) -> str:
        """The file as it should be."""
        sound = self.play(None)
        buggy = self.play(self.bug) if self.bug else sound
        parts = []
        for block, one, other in zip(self.blocks, sound, buggy, strict=True):
            lines = [*block.prose, *block.commands]
            if block.commands:
                lines += ["----", *one]
            if other != one:
                lines += [f"++++ {self.bug}", *other]
            parts.append("\n".join(lines))
        return "\n\n".join(parts) + "\n"


def _block(text: str) -> Block:
    prose, commands, outputs = [], [], []
    for line in text.splitlines():
        if line == "----" or line.startswith("++++"):
            outputs.append([])
        elif outputs:
            outputs[-1].append(line)
        elif line.startswith("#"):
            prose.append(line)
        else:
            commands.append(line)
    return Block(commands, outputs, prose)
