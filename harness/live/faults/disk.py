"""Damage to the data of a node that is down, as a shell script on its machine, and how it is undone.

The largest file of the node's folder is copied aside, changed, compared, and copied again as it was left. Undoing
puts the first copy back if the file is still like the second: a node that went on with damaged data has made it its
own.
"""

from __future__ import annotations

import shlex

from harness.live.remote.port import Remote, RemoteError, checked
from nemeses.port import Damage

SECTOR = 512

# at: offset in the file, n: its length
_CHANGES = {
    "bit-flip": (
        'old=$(od -An -tu1 -j"$at" -N1 "$f"); new=$(printf %03o $((old ^ {mask}))); '
        'printf "\\\\$new" | dd of="$f" bs=1 seek="$at" conv=notrunc 2>/dev/null'
    ),
    "lost-sector": (
        f"at=$((at / {SECTOR} * {SECTOR})); len=$((n - at)); [ $len -le {SECTOR} ] || len={SECTOR}; "
        'dd if=/dev/zero of="$f" bs=1 seek="$at" count="$len" conv=notrunc 2>/dev/null'
    ),
    "truncated": 'truncate -s "$at" "$f"',
}


def damage(remote: Remote, folder: str, damage: Damage) -> int:
    """Change a file of ``folder``, whose node is down; how many bytes differ, read back. Raises RemoteError."""
    place, aside = shlex.quote(folder), shlex.quote(f"{folder}.before")
    change = _CHANGES[damage.how].replace("{mask}", str(1 << damage.position_ppm % 8))
    answer = checked(
        remote,
        f"set -e; mkdir -p {aside}; cd {place}; "
        r"f=$(ls -S | grep -v '\.synced$' | head -n 1); [ -n \"$f\" ] || { echo 0; exit 0; }; ".replace(
            '\\"', '"'
        )
        + 'n=$(wc -c < "$f"); [ "$n" -gt 0 ] || { echo 0; exit 0; }; '
        + f"at=$((n * {damage.position_ppm} / 1000000)); "
        + f'cp "$f" {aside}/before; {change}; '
        + f'cp "$f" {aside}/after; printf %s "$f" > {aside}/name; '
        + f"m=$(wc -c < {aside}/after); "
        + f"changed=$( (cmp -l {aside}/before {aside}/after 2>/dev/null || true) | wc -l); "
        + "echo $((changed + n - m))",
    )
    try:
        return int(answer.text.split()[-1])
    except (ValueError, IndexError) as e:
        raise RemoteError(f"{remote.name}: damage to {folder}: {answer.last_line}") from e


def mend(remote: Remote, folder: str) -> None:
    """Undo ``damage`` for a node that is down. Raises RemoteError."""
    place, aside = shlex.quote(folder), shlex.quote(f"{folder}.before")
    checked(
        remote,
        f"[ -f {aside}/name ] || exit 0; f={place}/$(cat {aside}/name); "
        f'if cmp -s "$f" {aside}/after; then cp {aside}/before "$f"; fi; rm -rf {aside}',
        repeatable=True,
    )


def forget(remote: Remote, folder: str) -> None:
    """Keep the damage, and no copies. Raises RemoteError."""
    checked(remote, f"rm -rf {shlex.quote(folder + '.before')}", repeatable=True)
