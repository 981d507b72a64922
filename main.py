"""Start ConvStudio from a checkout: ``python main.py [IMAGE]``."""

from convstudio.app import main

if __name__ == "__main__":
    raise SystemExit(main())
