"""Engines for data types whose histories can be judged without a search, where no element is put in twice.

| module | engine | what it decides by |
|---|---|---|
| containers | queue, stack, priority-queue, unordered-queue | the time that an element was surely inside |
| stages | append, set | reads of everything, which put the operations in order |
| counter | counter | deadlines of equal steps |
| mutex | mutex | deadlines of acquisitions and releases |

Each module begins with why that is enough. ``timeline``: positions of all keys on one axis.
"""
