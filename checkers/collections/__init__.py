"""What goes in must come out: sets, queues, counters, logs, ids.

| module | what |
|---|---|
| sets, set_elements, set_columns, set_tally | elements lost, stale, resurrected or made up (set-full) |
| set_final | what the last read must have |
| queues | queue and total-queue |
| counters | counter and pn-counter: sums that a read may show |
| kafka, kafka_log, kafka_commits | logs of messages with offsets |
| echo | echoed values, unique ids |
"""
