"""What the members of a cluster must have in common, from their traces and from final reads.

| module | what |
|---|---|
| agreement, replica_logs | one log on all replicas |
| state_divergence | one state after the same log |
| raft_invariants, raft_mirror | Raft's safety properties on every trace event |
| convergence | replicas agree after the last heal, and how soon |
| crdt, crdt_merges | on the merge of all acknowledged updates |
"""
