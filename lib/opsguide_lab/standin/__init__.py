"""Stand-ins that the lab installs inside its hosts and containers for programs that need a Virtuozzo kernel.

Each says in its help that it is a stand-in. They use the standard library only and run on the hosts' own Python.
"""
