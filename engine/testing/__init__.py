"""Tools for tests: a suite that any runtime must pass, and its parts.

:mod:`engine.testing.conformance.suite` needs pytest (``pip install 'dockwarden[testing]'``) and is imported
by the test file that uses it; importing this package loads nothing.
"""
