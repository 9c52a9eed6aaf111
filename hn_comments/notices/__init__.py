"""
Tell people when something happens: thresholds that are reached, new comments, and a heartbeat.

All of it is fire and forget: no poll waits for it. `notifier` and `heartbeat` start tasks in the
`background`; `receivers` send a `message`, and a `command` is one of them. Each is imported where
it is asked for.
"""
