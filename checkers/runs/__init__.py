"""Whether a run was worth judging at all.

| module | what |
|---|---|
| well_formed | is this a history |
| bite | did the faults bite |
| stats | was enough done |
"""
