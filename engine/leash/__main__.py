"""``python -m engine.leash RUNTIME OWNER LOG``, as version 0.1 starts it."""

import sys

from engine.watchdog.process import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
