"""Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", extended version, 2014).

| module | holds |
|---|---|
| `messages` | what nodes say to one another, and what they persist |
| `log` | the replicated log in memory |
| `core` | the protocol: elections, replication, commit, reads, clients |
"""
