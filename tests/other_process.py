"""Python in a process of its own: its memory is measured, or it is interrupted."""

import os
import subprocess
import sys
import textwrap
import warnings


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run some Python, and give what it printed."""
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)


def fork() -> int:
    """Fork; Python 3.12 warns of that in a process with threads, for which the children here do not wait."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()
