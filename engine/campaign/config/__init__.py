"""The campaign file: its format, strict parsing, and every error with its line."""
