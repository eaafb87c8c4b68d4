"""The parts of the server, each a process: the intake, the outbox worker, and `serve`, which runs them all.

Contract: each coroutine returns when it was told to stop and what was under way has ended. What keeps a part from
starting is raised: `NotReadyError`, OSError (an address in use), or the database's own errors. Each part is a module,
which imports what that part needs.
"""
