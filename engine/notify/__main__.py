"""A sender: `python -m safelight.engine.notify`, with one order on standard input."""

import json
import os
import sys

from safelight.engine.notify.delivery import deliver

if __name__ == "__main__":
    order = json.load(sys.stdin)
    # On its own from here: a run or a guard that ends takes no notification with it, and leaves no child behind.
    if os.fork() == 0:
        os.setsid()
        deliver(order)
