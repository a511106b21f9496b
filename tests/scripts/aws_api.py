"""Serves the loopback AWS API on 127.0.0.1, at the port in the first argument.

As it comes, more than half of moto's time is its own housekeeping: for each request it lists the
folder of its modules and the methods of a class, and writes a line of log. Tests and benchmarks would
wait for that rather than for who is asking, so the lists are made once.

Waitress serves, not moto's own server: that makes a connection and a thread for each request, and may
reset one whose request has been done, which a provider then repeats: it finds that what it makes is
there already. With `measured` as the second argument there is one thread for all: the interpreter runs
one at a time, so that more would only wait for each other. With several, services of many kinds, each of
which is slow to load, need not.
"""

import functools
import logging
import sys

import waitress
from moto import backends
from moto.core import responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

MODULES = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: iter(MODULES)
responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def serve(port, threads):
    served = DomainDispatcherApplication(create_backend_app)

    def application(environ, start_response):
        # By which moto knows the path before percent signs are decoded.
        environ["RAW_URI"] = environ["REQUEST_URI"]
        return served(environ, start_response)

    logging.getLogger("waitress").setLevel(logging.ERROR)
    waitress.serve(
        application,
        host="127.0.0.1",
        port=int(port),
        threads=threads,
        connection_limit=1000,
    )


serve(sys.argv[1], 1 if sys.argv[2:] == ["measured"] else 16)
