"""
The watcher, watched: a port with page, events, metrics and health; a metrics file; systemd.

`service` is what is used: it is told events and reports as the printer is, and has a part for
each thing that was asked for. What only one of them needs is imported only for that.

`report` makes the same page of a history; it is used without anything of this running.
"""

from .service import Service


__all__ = ["Service"]
