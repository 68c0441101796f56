"""Guard process: `python -m safelight.engine.guard FD FD FD FD`."""

import sys

from safelight.engine.guard.fork_pair import main

if __name__ == "__main__":
    main(sys.argv[1:])
