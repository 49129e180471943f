"""A real browser for tests: Chromium, without a network, and the scripts that they load into it."""

from .chromium import BrowserUnavailable, Page, start
from .scripts import ScriptsUnavailable, npm_script

__all__ = ["BrowserUnavailable", "Page", "ScriptsUnavailable", "npm_script", "start"]
