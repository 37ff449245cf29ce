"""Link faults by the kernel: delay, loss, duplication, reordering, damage and rate of what one machine sends another.

On each sender's machine, for the device by which a peer is reached:

    root    htb 5b17:                 what no filter names passes as if nothing were here
    class   5b17:N                    for the N-th node; ``rate`` where the rule has one
    leaf    netem (1000 + N):         the rest of the rule
    filter  u32                       the peer's address, and the port where it takes links

A change rewrites the tree with one ``tc -batch``; what was queued in it is lost, as it is when a fault is left, and
TCP sends it again. Unlike the proxies (harness/live/proxy.py) this acts on packets, not on messages: what is lost,
doubled or damaged TCP makes up for, and a node sees late messages and stalled or broken connections.

Evidence is what the leaves counted: packets sent, where a rule makes all of them late; packets dropped, where it only
loses some; and packets that passed under it for duplication and damage, of which the kernel keeps no count.

Needs root, ``tc``, and a kernel with sch_htb, cls_u32 and sch_netem in which several netem may double packets side
by side (those from 6.16 on may refuse that): ``trouble`` tries all of it in a network namespace of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from math import prod

from harness.live.remote.port import Remote, RemoteError, checked
from nemeses.port import Link, LinkRule

HANDLE = "5b17:"
"""of a tree that is ours"""
LEAVES = 0x1000
UNLIMITED_BIT_S = 32_000_000_000
PPM = 1_000_000
ENDING_S, ENDING_POLLS = 1.0, 50
"""how long it may take until a node that has ended is known to be gone"""

_LEAF = re.compile(
    rf"qdisc \S+ [0-9a-f]+: (?:dev \S+ )?parent {HANDLE}([0-9a-f]+)[^\n]*\n"
    r"\s*Sent \d+ bytes (\d+) pkts? \(dropped (\d+)"
)
# what `ip -o route get` says; a machine's own address is reached by its loopback
_ROUTE = re.compile(r"^(?:local )?([0-9.]+) .*?\bdev (\S+)", re.MULTILINE)


def netem(rule: LinkRule) -> str:
    """The leaf for a rule.

    netem draws a delay from around a mean, a rule from a least one on. Its ``reorder`` is the share that is not
    delayed at all; beside an ordinary delay, what is held back is drawn into the delay instead.
    """
    delay_us, jitter_us, at_once_ppm = rule.delay_us, rule.jitter_us, 0
    if rule.reorder_ppm:
        if not delay_us and not jitter_us:
            at_once_ppm = PPM - rule.reorder_ppm
        jitter_us += max(rule.reorder_us_max, 1)
    parts = ["netem limit 10000"]
    if delay_us or jitter_us:
        parts.append(f"delay {delay_us + jitter_us // 2}us {jitter_us // 2}us")
    for name, share_ppm in (
        ("reorder", at_once_ppm),
        ("loss", rule.loss_ppm),
        ("duplicate", rule.duplicate_ppm),
        ("corrupt", rule.corrupt_ppm),
    ):
        if share_ppm:
            parts.append(f"{name} {share_ppm / 10_000:g}%")
    return " ".join(parts)


def together(rules: Iterable[LinkRule]) -> LinkRule:
    """One rule for several in force at once."""
    found = list(rules)

    def any_of(shares_ppm: Iterable[int]) -> int:
        return round(PPM * (1 - prod(1 - share / PPM for share in shares_ppm)))

    return LinkRule(
        delay_us=sum(r.delay_us for r in found),
        jitter_us=sum(r.jitter_us for r in found),
        loss_ppm=any_of(r.loss_ppm for r in found),
        duplicate_ppm=any_of(r.duplicate_ppm for r in found),
        reorder_ppm=any_of(r.reorder_ppm for r in found),
        reorder_us_max=max((r.reorder_us_max for r in found), default=0),
        corrupt_ppm=any_of(r.corrupt_ppm for r in found),
        rate_bytes_s=min((r.rate_bytes_s for r in found if r.rate_bytes_s), default=0),
    )


def altered(rule: LinkRule, sent: int, dropped: int) -> int:
    """Of the packets that a leaf counted, those that the rule altered as far as the kernel tells."""
    late = rule.delay_us or rule.jitter_us or rule.reorder_ppm or rule.rate_bytes_s
    passed_under = rule.duplicate_ppm or rule.corrupt_ppm
    return dropped + sent if late or passed_under else dropped


def tree(device: str, leaves: Mapping[int, tuple[str, int, str]]) -> str:
    """Lines for ``tc -batch``: our tree on a device that has none. ``leaves``: N -> (match, bytes a second, leaf)."""
    lines = [f"qdisc add dev {device} root handle {HANDLE} htb default 0"]
    for number, (match, rate_bytes_s, leaf) in leaves.items():
        of_class = f"{HANDLE}{number:x}"
        rate = 8 * rate_bytes_s or UNLIMITED_BIT_S
        lines += [
            f"class add dev {device} parent {HANDLE} classid {of_class} htb rate {rate}bit quantum 15140",
            f"qdisc add dev {device} parent {of_class} handle {LEAVES + number:x}: {leaf}",
            f"filter add dev {device} parent {HANDLE} protocol ip prio 1 u32 {match} flowid {of_class}",
        ]
    return "".join(line + "\n" for line in lines)


def batch(lines: str) -> str:
    """The command that does them."""
    return "printf '" + lines.replace("\n", "\\n") + "' | tc -batch -"


CLEAR = (
    f"for d in /sys/class/net/*; do tc qdisc del dev ${{d##*/}} root handle {HANDLE} 2>/dev/null; done; true"
)
"""removes all trees of ours from a machine: what a sweep runs, too"""


def trouble(remote: Remote, leaf: Callable[[LinkRule], str] = netem) -> str:
    """Why link faults cannot be the kernel's there, in a line; empty: they can. Nothing on the machine changes."""
    doubles = leaf(LinkRule(delay_us=1000, duplicate_ppm=PPM // 2))
    lines = tree("lo", {n: (f"match ip dst 127.0.0.{n}/32", 0, doubles) for n in (1, 2)})
    try:
        done = remote.run(
            f"set -e; unshare --net sh -e <<'END'\nip link set lo up\n{batch(lines)}\nEND\n", repeatable=True
        )
    except RemoteError as e:
        return str(e)
    words = [line for line in done.text.splitlines() if "rror" in line] or [done.last_line]
    return words[0].strip() if done.status else ""


class Netem:
    """``remotes``, ``addresses`` and ``port`` as of ``Firewall``.

    ``leaf`` is there for tests on kernels without netem.
    """

    def __init__(
        self,
        remotes: Mapping[str, Remote],
        addresses: Mapping[str, str],
        port: int | None = None,
        leaf: Callable[[LinkRule], str] = netem,
    ) -> None:
        self._remotes = remotes
        self._addresses = addresses
        self._numbers = {name: number for number, name in enumerate(addresses, 1)}
        self._port = "" if port is None else f" match ip protocol 6 0xff match ip dport {port} 0xffff"
        self._leaf = leaf
        self._rules: dict[int, tuple[list[Link], LinkRule]] = {}
        self._last_handle = 0
        self._in_force: dict[Link, LinkRule] = {}
        self._devices: dict[str, dict[str, str]] = {}
        """by sender: by which device it reaches each address"""
        self._altered: dict[Link, int] = {}
        """by trees that are gone"""
        self._seen: dict[Link, int] = {}
        """by trees in force, when they were last read"""
        self._gone: set[str] = set()
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        """Leave no tree behind. Raises RemoteError."""
        await asyncio.gather(*(self._told(node, CLEAR) for node in self._remotes))

    async def shape(self, links: Iterable[Link], rule: LinkRule) -> int:
        """Apply a rule; the handle with which it is undone. Returns when it is in force. Raises RemoteError."""
        async with self._turn:
            self._last_handle += 1
            self._rules[self._last_handle] = (list(links), rule)
            await self._settle()
            return self._last_handle

    async def release(self, handle: int) -> None:
        async with self._turn:
            del self._rules[handle]
            await self._settle()

    async def rebuilt(self, node: str) -> None:
        """The node's network is a new one: rules in force are put back. Raises RemoteError."""
        async with self._turn:
            self._gone.discard(node)
            self._devices.pop(node, None)
            self._in_force = {link: rule for link, rule in self._in_force.items() if link[0] != node}
            await self._settle()

    def gone(self, node: str) -> None:
        """The node's network is no more, with its tree, until it is ``rebuilt``."""
        self._gone.add(node)
        self._keep([node])

    async def altered(self) -> dict[Link, int]:
        """Packets altered so far, by link. Raises RemoteError."""
        async with self._turn:
            await self._count({src for src, _ in self._in_force})
            found = dict(self._altered)
            for link, count in self._seen.items():
                found[link] = found.get(link, 0) + count
            return found

    def _wanted(self) -> dict[Link, LinkRule]:
        by_link: dict[Link, list[LinkRule]] = {}
        for links, rule in self._rules.values():
            for link in links:
                by_link.setdefault(link, []).append(rule)
        return {link: together(rules) for link, rules in by_link.items()}

    async def _settle(self) -> None:
        """Make the trees what the rules ask for; counts of trees that go are kept."""
        wanted = self._wanted()
        changed = {
            node
            for node in self._remotes
            if node not in self._gone and _of(wanted, node) != _of(self._in_force, node)
        }
        await self._count({node for node in changed if _of(self._in_force, node)})
        self._keep(changed)
        await asyncio.gather(*(self._rewrite(node, _of(wanted, node)) for node in changed))
        self._in_force = {link: rule for link, rule in wanted.items() if link[0] not in self._gone}

    async def _rewrite(self, node: str, rules: Mapping[str, LinkRule]) -> None:
        devices = await self._routes(node)
        by_device: dict[str, dict[int, tuple[str, int, str]]] = {device: {} for device in devices.values()}
        for peer, rule in rules.items():
            address = self._addresses[peer]
            if address in devices:
                match = f"match ip dst {address}/32{self._port}"
                leaf = self._leaf(rule)
                by_device[devices[address]][self._numbers[peer]] = (match, rule.rate_bytes_s, leaf)
        script = "set -e; "
        for device, leaves in by_device.items():
            script += f"tc qdisc del dev {device} root handle {HANDLE} 2>/dev/null || true; "
            script += f"{batch(tree(device, leaves))}; " if leaves else ""
        await self._told(node, script)

    async def _routes(self, node: str) -> dict[str, str]:
        if node not in self._devices:
            peers = [address for name, address in self._addresses.items() if name != node]
            script = "; ".join(f"ip -o route get {address}" for address in peers)
            self._devices[node] = dict(_ROUTE.findall(await self._told(node, script)))
        return self._devices[node]

    def _keep(self, nodes: Iterable[str]) -> None:
        for link in [link for link in self._seen if link[0] in nodes]:
            self._altered[link] = self._altered.get(link, 0) + self._seen.pop(link)

    async def _count(self, nodes: Iterable[str]) -> None:
        asked = [node for node in nodes if node not in self._gone]
        texts = await asyncio.gather(*(self._told(node, "tc -s qdisc show") for node in asked))
        names = {number: name for name, number in self._numbers.items()}
        for node, text in zip(asked, texts, strict=True):
            if node in self._gone:
                continue
            for number, sent, dropped in _LEAF.findall(text):
                link = (node, names[int(number, 16)])
                if link in self._in_force:
                    self._seen[link] = altered(self._in_force[link], int(sent), int(dropped))

    async def _told(self, node: str, script: str) -> str:
        """The script's output; nothing from a node that ends meanwhile, which is known a moment later."""
        try:
            return (await asyncio.to_thread(checked, self._remotes[node], script, repeatable=True)).text
        except (RemoteError, KeyError):
            for _ in range(ENDING_POLLS):
                if node in self._gone:
                    return ""
                await asyncio.sleep(ENDING_S / ENDING_POLLS)
            raise


def _of(rules: Mapping[Link, LinkRule], node: str) -> dict[str, LinkRule]:
    return {dst: rule for (src, dst), rule in rules.items() if src == node}
