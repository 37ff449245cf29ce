"""Real worlds: nodes as processes, in containers or on hosts, the harness in or around the network between them.

| module | what |
|---|---|
| `drive` | one run: open, run a coroutine, clean up, merge the trace |
| `cluster` | a live cluster behind both ports |
| `seat` | what is remembered of a node across its incarnations |
| `post` | messages between nodes, for clients, for services |
| `linkfaults` | which means does which fault of links |
| `clocks` | clocks as nodes read them |
| `machine` | what a node's machine does to it: disk, processor, memory |
| `member`, `process`, `tcp`, `container` | one node's place: how it is started, killed, paused, spoken to |
| `doorway` | the connection to a node's door for clients |
| `foreign`, `conversation` | other people's systems: the cluster of them, and the talk with one member |
| `machines`, `pods`, `systemimage` | where their members live: namespaces, or pods of containers of an image |
| `subnets` | which networks this machine has already |
| `packets` | carries the packets of their bad links |
| `docker` | the environment of containers: network, addresses, firewall, proxies |
| `ssh` | the environment of hosts over SSH: who they are, what they can do |
| `host`, `hostmember` | one host for one run; one node on it |
| `warden`, `news` | what runs on a host beside its node, and what it tells |
| `relay`, `relays` | proxies on a host in the links of its node; all of them as one network |
| `tunnel` | a connection through SSH as a socket |
| `packages` | what a machine needs to run our nodes |
| `engine` | the container engine: which one, labels, sweeps |
| `image` | the image of a node in a container |
| `wires` | cuts, rules and counts of directed links, whoever carries their frames |
| `network` | carries the messages of nodes that speak over stdio |
| `proxy` | stands in the links of nodes that have links of their own |
| `inside` | proxies whose sockets are in the nodes' own networks |
| `faults/` | faults as shell scripts on a `Remote`, and by means of their own |
| `services` | lin-kv, seq-kv, lww-kv, lin-tso |
| `runtime` | the harness's coroutines over asyncio |
| `trace` | node traces: followed live, merged at the end |
| `keeper` | kills what is left when the harness is gone |
| `errors` | a node that does not start |
"""

from harness.live.drive import capabilities, check, drive, lacking, open_cluster, run

__all__ = ["capabilities", "check", "drive", "lacking", "open_cluster", "run"]
