"""``python -m pinnsiren``: the command line."""

import sys

from pinnsiren.cli import main

sys.exit(main())
