"""Serves the loopback AWS API on 127.0.0.1, at the port in the first argument.

As it comes, more than half of moto's time is its own housekeeping: for each request it lists the
folder of its modules and the methods of a class, and writes a line of log. Tests and benchmarks would
wait for that rather than for who is asking, so the lists are made once.

With `measured` as the second argument waitress serves, which keeps connections open: moto's own server
makes a connection and a thread for each request, which is most of what is left. It answers one request
after the other, so that many kinds of service, each of which is slow to load, wait for each other.
"""

import functools
import logging
import sys

from moto import backends, server
from moto.core import responses
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

MODULES = tuple(backends.list_of_moto_modules())
backends.list_of_moto_modules = lambda: iter(MODULES)
responses.method_names_from_class = functools.cache(responses.method_names_from_class)


def measured(port):
    import waitress

    served = DomainDispatcherApplication(create_backend_app)

    def application(environ, start_response):
        # By which moto knows the path before percent signs are decoded.
        environ["RAW_URI"] = environ["REQUEST_URI"]
        return served(environ, start_response)

    logging.getLogger("waitress").setLevel(logging.ERROR)
    # The interpreter runs one thread at a time: more would only wait for each other.
    waitress.serve(application, host="127.0.0.1", port=int(port), threads=1)


if sys.argv[2:] == ["measured"]:
    measured(sys.argv[1])
else:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.main(["-H", "127.0.0.1", "-p", sys.argv[1]])
