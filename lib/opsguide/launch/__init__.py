"""The command line, the papermill engine and file handler, batches. Decides nothing; asks guide, record and broker."""
