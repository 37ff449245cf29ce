"""Guarantees weaker than one order of everything, and what transactions must keep.

| module | what |
|---|---|
| sessions | read your writes, monotonic reads and writes, writes follow reads |
| causal, causal_order, causal_online | causal consistency, by its bad patterns |
| causal_register, causal_reverse, monotonic | Jepsen's tests of these names |
| long_fork | two readers see two writes in opposite orders |
| bank, adya_g2 | a total and a predicate that transactions must keep |
| version_order | an order of versions that must satisfy more and more constraints |
"""
