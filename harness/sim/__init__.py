"""The simulated world: virtual time, network, disks and clocks. One seed, one history.

| module | holds |
|---|---|
| `world` | the heap of virtual time, the rolling hash, the trace |
| `tasks` | the harness's coroutines, driven by the heap |
| `network` | links between nodes: delay, cuts, rules |
| `disk` | files whose un-synced bytes a power loss drops or tears |
| `node` | the host of one core: timers, storage, held effects, kill, power loss, pause |
| `books` | whether every frame has an entry |
| `cluster` | all of it behind the ports of faults and clients |
"""
