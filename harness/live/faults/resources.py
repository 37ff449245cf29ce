"""A share of a processor and a limit of memory, for processes of a real machine.

| means | where |
|---|---|
| cgroup (version 1 or 2) of a process | root on the node's machine: ``limit_cpu`` |
| standing still by SIGSTOP for the rest of each period | anywhere: ``harness/live/duty.py`` |
| ``prlimit`` on the address space | the process' own user: ``limit_memory`` |

The engine of containers has limits of its own (``docker update``); what a cgroup has counted is read the same way.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.live.remote.port import Remote, RemoteError, checked

PERIOD_US = 100_000
NO_LIMIT = 100
GROUP = "splitbrain"

_JOIN = """
pid={pid}
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  echo +cpu > /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; g=/sys/fs/cgroup/{group}-$pid; v=2
elif [ -d /sys/fs/cgroup/cpu ]; then g=/sys/fs/cgroup/cpu/{group}-$pid; v=1
else echo 'no cgroup of the processor is mounted'; exit 3; fi
"""


def limit_cpu(remote: Remote, pid: int, percent: int) -> None:
    """Give the process, with all that it will start, so much of one processor; 100: as it was. Raises RemoteError.

    A group named after the process is made for it, and removed with the limit.
    """
    join = _JOIN.format(pid=pid, group=GROUP)
    if percent >= NO_LIMIT:
        script = (
            f'{join} [ -d "$g" ] || exit 0; top=${{g%/*}}; '
            'for t in $(cat "$g/cgroup.procs"); do echo $t > "$top/cgroup.procs"; done; rmdir "$g"'
        )
    else:
        quota = PERIOD_US * percent // 100
        script = (
            f'{join} mkdir -p "$g" && if [ $v = 2 ]; then echo "{quota} {PERIOD_US}" > "$g/cpu.max"; '
            f'else echo {PERIOD_US} > "$g/cpu.cfs_period_us" && echo {quota} > "$g/cpu.cfs_quota_us"; fi '
            '&& echo $pid > "$g/cgroup.procs"'
        )
    checked(remote, script, repeatable=True)


def throttled_ns(remote: Remote, pid: int) -> int:
    """For how long the process' group has been kept from running, as the kernel counts it. Raises RemoteError."""
    script = (
        'g=$(sed -n "s/^[0-9]*:[a-z_,]*cpu[a-z_,]*:\\(.*\\)/\\/sys\\/fs\\/cgroup\\/cpu\\1/p; '
        f's/^0::\\(.*\\)/\\/sys\\/fs\\/cgroup\\1/p" /proc/{pid}/cgroup | while read -r d; do '
        '[ -f "$d/cpu.stat" ] && echo "$d"; done | head -n 1); '
        'awk \'$1 == "throttled_usec" {print $2 * 1000} $1 == "throttled_time" {print $2}\' "$g/cpu.stat"'
    )
    text = checked(remote, script, repeatable=True).text.split()
    try:
        return int(float(text[-1]))
    except (ValueError, IndexError) as e:
        raise RemoteError(f"{remote.name}: process {pid}: the kernel does not count its waiting") from e


def limit_memory(remote: Remote, pid: int, headroom_kb: int | None) -> None:
    """Let the process' address space grow by so much, and no more; None: as it was. Raises RemoteError."""
    if headroom_kb is None:
        script = f"prlimit --pid {pid} --as=unlimited:"
    else:
        script = (
            f"size=$(awk '$1 == \"VmSize:\" {{print $2}}' /proc/{pid}/status) && "
            f"prlimit --pid {pid} --as=$(( (size + {headroom_kb}) * 1024 )):"
        )
    checked(remote, script, repeatable=True)


def limit_own_memory(pid: int, headroom_kb: int | None) -> None:
    """The same for a process of this machine and this user, without a shell; one that is gone is left alone."""
    import resource  # noqa: PLC0415  not on every system that can read a store

    limit = resource.RLIM_INFINITY
    try:
        if headroom_kb is not None:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
            limit = pages * os.sysconf("SC_PAGE_SIZE") + (headroom_kb << 10)
        hard = resource.prlimit(pid, resource.RLIMIT_AS)[1]
        resource.prlimit(
            pid,
            resource.RLIMIT_AS,
            (limit if hard == -1 else min(limit, hard) if limit != -1 else hard, hard),
        )
    except (ProcessLookupError, FileNotFoundError):
        return
