"""Directives + frameworks + settings -> a Request: what a cell, a command line or a library call means.

Pure: fresh names, the directory and the cell's label are passed in, and nothing is read or started.
"""

from ciao.core.interpreter.interpret import interpret, launch_from_options

__all__ = ["interpret", "launch_from_options"]
