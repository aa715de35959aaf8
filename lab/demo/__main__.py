"""`python -m lab.demo`: see `lab.demo.jupyterlab`."""

import sys

from lab.demo.jupyterlab import main

if __name__ == "__main__":
    sys.exit(main())
