"""That something good happens in the end: after faults are healed, after nodes are started.

| module | what |
|---|---|
| progress | operations succeed again after a heal |
| elections | elections settle |
| startup | nodes that are started come to work |
| availability | all that in figures, never invalid |
"""
