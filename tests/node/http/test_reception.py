from contextlib import ExitStack

import pytest

from node.http.reception import Reception
from registry.errors import TooManyRequests


def test_places_are_for_each_and_for_all():
    reception = Reception(each=2, altogether=3)
    with ExitStack() as stack:
        for sender in ("a", "a", "b"):
            stack.enter_context(reception.place(sender))
        for sender in ("a", "b", "c"):
            with pytest.raises(TooManyRequests), reception.place(sender):
                pass
    with reception.place("a"), reception.place("a"):
        with pytest.raises(TooManyRequests), reception.place("a"):
            pass
        with reception.place("b"):
            pass


def test_a_place_is_free_again_after_a_failure():
    reception = Reception(each=1, altogether=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), reception.place("a"):
            raise ZeroDivisionError
