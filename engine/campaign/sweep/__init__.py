"""From a sweep as written to named combinations of parameters, and texts that they are filled into. No I/O."""
