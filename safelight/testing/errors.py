"""Errors of the contract suite, which pytest reports as a failure and as a skipped test."""

from unittest import SkipTest

__all__ = ["ContractBroken", "NotShown"]


class ContractBroken(AssertionError):
    """Demand of the contract that the driver does not meet, or an incomplete stand-in."""


class NotShown(SkipTest):
    """Demand that was not shown, because the stand-in can't cause the trouble."""
