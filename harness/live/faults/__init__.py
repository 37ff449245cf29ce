"""Faults of real machines, as shell scripts on a ``Remote``: written once for containers and hosts.

| module | what |
|---|---|
| firewall | links that are cut: each node refuses what comes from whom it must not hear |
"""
