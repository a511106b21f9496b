"""Serves the loopback AWS API on 127.0.0.1, at the port in the first argument.

As it comes, more than half of moto's time is its own housekeeping: for each request it lists the
folder of its modules and the methods of a class, and writes a line of log. Tests and benchmarks would
wait for that rather than for who is asking, so the lists are made once.

One request is answered after the other: moto is not made for several at once, and one that fails in
between after it has made something is repeated by the provider, which is then told that what it makes
is there already. The interpreter runs one thread at a time anyway. Waitress keeps connections open, where
moto's own server makes one, and a thread, for each request.
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


def serve(port):
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
        threads=1,
        connection_limit=1000,
    )


serve(sys.argv[1])
