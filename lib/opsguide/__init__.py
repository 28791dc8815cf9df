"""The Operations Guide as runbooks that run; notebooks import from here and from nowhere else."""

__version__ = "0.1.0"
