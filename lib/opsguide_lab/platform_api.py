"""placeholder"""

from opsguide_lab import control
from opsguide_lab.places import API_SOCKET

control.serve(API_SOCKET, lambda q: {"ok": 1}).join()
