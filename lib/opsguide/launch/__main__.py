"""`python -m opsguide.launch`: the same as `opsguide`."""

from opsguide.launch.cli import main

main()
