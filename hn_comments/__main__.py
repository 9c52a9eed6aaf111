"""
Let `python -m hn_comments` do what `hn-comments` does.
"""

import sys

from .cli import main


if __name__ == "__main__":
    sys.exit(main())
