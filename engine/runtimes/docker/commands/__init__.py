"""Commands in containers: execs, their output, and the processes that they leave behind."""
