"""Transactions: dependency graphs, their cycles, and the consistency models that these rule out.

After Adya (1999) and Elle (Kingsbury and Alvaro, VLDB 2020). Everything is arrays; objects are made only of what is
told.

| module | what |
|---|---|
| list_append, rw_register | the checkers |
| models | consistency models, the anomalies that each forbids, which models an anomaly rules out |
| micro | transactions and their micro-operations as flat arrays |
| lists | the order of versions of lists that only grow: the longest read shows it |
| registers, evidence | the order of versions of registers: what can be inferred, and from what |
| weighing | registers again, where nothing shows the order: what must be, read by read |
| graph | edges ww, wr, rw, process and real time; components that have cycles |
| kinds, cycles | the anomalies that are cycles; the shortest of each in each component |
| online | the same while a run goes on: what may be wrong is noticed at once, and the batch is asked |
| tell, reasons | all of it in words |
| verdict | from anomalies to a result |
"""
