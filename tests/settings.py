"""Settings of the test suite: the project's own, on a database and a queue of the suite's own."""

import os

from tests.databases import point_to_own_services

point_to_own_services()
os.environ["PAYMENTS_MODE"] = "fake"  # whatever .env says

from evbilling.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick; strength is not what tests test
