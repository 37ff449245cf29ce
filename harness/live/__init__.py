"""Real worlds: nodes as processes or containers, the harness as the network between them.

| module | what |
|---|---|
| `drive` | one run: open, run a coroutine, clean up, merge the trace |
| `cluster` | a live cluster behind both ports |
| `member`, `process`, `docker` | one node's place: how it is started, killed, paused, spoken to |
| `image` | the image of a node in a container |
| `network` | carries messages from node to node under link rules |
| `services` | lin-kv, seq-kv, lww-kv, lin-tso |
| `runtime` | the harness's coroutines over asyncio |
| `trace` | node traces: followed live, merged at the end |
| `keeper` | kills what is left when the harness is gone |
| `errors` | a node that does not start |
"""

from harness.live.drive import capabilities, check, drive, open_cluster, run

__all__ = ["capabilities", "check", "drive", "open_cluster", "run"]
