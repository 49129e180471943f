"""``python -m engine.watchdog RUNTIME OWNER LOG``: the companion process."""

import sys

from engine.watchdog.process import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
