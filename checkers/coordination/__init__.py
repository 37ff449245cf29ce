"""Who may do what when, and who is told of it.

| module | what |
|---|---|
| locks | one holder at a time, fencing tokens |
| leases | one holder at a time by time, and nothing after it |
| watch | each change once, in order, none left out |
"""
