"""Plain values that the whole engine shares: what a service is, and how a command ended. No I/O."""
