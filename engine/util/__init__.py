"""Small tools that know nothing of backends: clocks, safe text, safe files, ``/proc``."""
