"""Engines: the processes of this machine, the tasks of all engines, and records of queued tasks."""
