"""Serves the loopback AWS API on 127.0.0.1, at the port in the first argument.

For each request moto lists the folder of its own modules twice and writes a line of log, which is
half of its time. Benchmarks would measure that rather than who is asking, so both are left out.
"""

import logging
import sys

from moto import backends, server

MODULES = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: iter(MODULES)
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server.main(["-H", "127.0.0.1", "-p", sys.argv[1]])
