"""Run the benchmarks; each needs the lab and prints a table of medians and the ratio to its peer."""

import os

from benchmarks import headless

if __name__ == "__main__":
    os.environ["OPSGUIDE_PLATFORM"] = "lab"
    headless.main()
