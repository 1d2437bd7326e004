"""``python -m local_assistant``: the same command where no script was installed."""

import sys

from local_assistant.cli.main import main

sys.exit(main())
