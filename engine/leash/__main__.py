"""``python -m engine.leash RUNTIME OWNER LOG``: the companion process."""

import sys

from engine.leash.companion import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
