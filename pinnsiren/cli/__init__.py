"""The command line: ``pinnsiren list | solve | paper | validate | plot``, also as ``python -m pinnsiren``."""

from pinnsiren.cli.main import main

__all__ = ["main"]
