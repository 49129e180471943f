"""What commands print: messages, progress as plain lines, and the live dashboard."""
