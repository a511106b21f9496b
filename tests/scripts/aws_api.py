"""Serves the loopback AWS API on 127.0.0.1, at the port in the first argument.

As it comes, more than half of moto's time is its own housekeeping: for each request it lists the
folder of its modules and the methods of a class, and its server makes a connection and a thread.
Benchmarks would measure that rather than who is asking. So the lists are made once, and waitress
serves, which keeps connections open.
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
APPLICATION = DomainDispatcherApplication(create_backend_app)


def application(environ, start_response):
    # By which moto knows the path before percent signs are decoded.
    environ["RAW_URI"] = environ["REQUEST_URI"]
    return APPLICATION(environ, start_response)


logging.getLogger("waitress").setLevel(logging.ERROR)
# The interpreter runs one thread at a time: more only wait for each other.
waitress.serve(application, host="127.0.0.1", port=int(sys.argv[1]), threads=1)
