"""The simulated fleet: hosts that exist only as state in a few processes, and speak the real protocols.

A world of pure state (`machine.py`, `units.py`, `engine.py`, `journal.py`, …) on a clock that is given
to it (`agenda.py`), seeded: the same seed has the same history. In front of it what a console opens over
SSH: the system bus (`bus.py`), docker's API (`docker_api.py`), journalctl and the other commands
(`commands.py`), behind an sshd (`sshd.py`). `worker.py` is one process of hosts, `fleet.py` all of them.
"""
