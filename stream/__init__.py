"""What every stage's shell shares to meet Kafka and Redis: workers, positions, leases, control topics, dead letters.

What comes in: settings, and a stage that turns batches of records into something durable. What goes out: a process that
keeps the rules of deploy/decisions/0001-delivery.md: an offset is committed only when its result is durable, an error in
a batch ends the process, a jump in the offsets ends the process, a partition that stands still ends the process.

Only shells live here and only shells import it; it knows nothing of scoring or counting. Read in this order: `records`,
`worker`, `attempts`, `watchdog`, `dead_letters`, `lease`, `control`, `scripts`.
"""
