"""Faults of real machines: most as shell scripts on a ``Remote``, written once for containers and hosts.

| module | what |
|---|---|
| disk | data of a node that is down is damaged, and mended |
| power | what was not synced goes |
| resources | a share of a processor, a limit of memory |
| faketime | wall clocks of other people's binaries |
| lazyfs | power losses of foreign systems, over FUSE: mounts of members' folders, swept |
| mount | the process that serves such a folder |
| unsynced | what of a folder is durable, and what a power loss leaves |
| firewall | links that are cut: each node refuses what comes from whom it must not hear |
"""
