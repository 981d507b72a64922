"""``python -m convstudio``."""

from convstudio.app import main

raise SystemExit(main())
