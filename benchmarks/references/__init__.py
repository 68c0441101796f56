"""What safelight is measured beside: other engines, each in a process of its own, telling one JSON value on stdout."""
