"""`python -m bot` is `paperround`."""

import sys

from bot.cli import main

sys.exit(main())
