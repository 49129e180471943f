"""The hands of the engine: one protocol, one module or package for each runtime.

Only the files in here import docker or start processes.
"""
