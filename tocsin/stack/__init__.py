"""The local stack: everything on one machine without Docker.

What comes in: a home folder, a folder of configuration files, addresses of a Kafka or Redis that already run.
What goes out: processes under a supervisor, their logs, and a state file that says what runs where.

Promises: nothing is left running after `down`, Ctrl-C or a start that failed halfway; what cannot work says so in one
line before anything is started; a second start needs no network.

Read in this order: `programs` (what a process is), `kafka`, `redis` and `stages` (the processes there are), `ports`,
`jars`, `state` (the home folder), `checks` (what is looked at before), `processes` (the supervisor), `local` (up and
down).
"""
