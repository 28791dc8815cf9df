"""The command line, the papermill engine and file handler, batches. Decides nothing; asks guide, record and broker."""

import signal
import sys
from pathlib import Path

if Path(sys.argv[0]).name == "opsguide" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends us without a traceback until somebody hears it
