"""The output of commands: messages, progress as plain lines, and the live dashboard."""
