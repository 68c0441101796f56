"""Notifications of people: at the end of a run, and when a guard has acted. They come after the lamps."""

from safelight.engine.notify.notice import Notice
from safelight.engine.notify.sending import notify, outcomes_of, undelivered

__all__ = ["Notice", "notify", "outcomes_of", "undelivered"]
