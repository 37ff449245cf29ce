"""Faults of real machines, as shell scripts on a ``Remote``: written once for containers and hosts.

| module | what |
|---|---|
| disk | data of a node that is down is damaged, and mended |
| power | what was not synced goes |
| resources | a share of a processor, a limit of memory |
| faketime | wall clocks of other people's binaries |
| firewall | links that are cut: each node refuses what comes from whom it must not hear |
"""
