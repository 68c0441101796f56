"""Decisions on retries, from the observatory's policies. Only this file imports tenacity."""

from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from safelight.devices import DeviceError
from safelight.devices.observatory.observatory import Observatory
from safelight.states import StateError

__all__ = ["Retry", "retry_for"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Policy as tenacity's own values."""

    stop: Callable[[tenacity.RetryCallState], bool]
    wait: Callable[[tenacity.RetryCallState], float]
    again: Callable[[tenacity.RetryCallState], bool]

    def after(self, attempt: int, error: BaseException) -> float | None:
        """Return the seconds to wait before the next try, or None for no further try.

        Args:
            attempt: the number of the try that has just failed, from 1.
            error: its error.
        """
        state = tenacity.RetryCallState(_NEVER, None, (), {})
        state.attempt_number = attempt
        state.set_exception((type(error), error, None))
        if not self.again(state) or self.stop(state):
            return None
        return float(self.wait(state))


_NEVER = tenacity.Retrying()


def retry_for(kind: str, observatory: Observatory) -> Retry:
    """Return the observatory's policy for one kind of state."""
    policy = observatory.retries.of(kind)
    return Retry(
        stop=tenacity.stop_after_attempt(policy.attempts),
        wait=tenacity.wait_exponential(
            multiplier=policy.first_wait_s, exp_base=policy.factor, max=policy.longest_wait_s
        ),
        # An internal error is not retried.
        again=tenacity.retry_if_exception_type((DeviceError, StateError, TimeoutError)),
    )
