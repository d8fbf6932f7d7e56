"""Who is asked for what does not live here."""

import pytest

from registry.identifier import Identifier
from registry.prefix.prefix import Listener, Protocol, Routing
from resolver.referral import FirstOf, OwnPrefixes, Referral, Service

HTTP = Listener(Protocol.HTTP, 8080)
TCP = Listener(Protocol.TCP, 2641)
ROUTING = Routing("8.8.8.8", (TCP, HTTP))


class Says:
    """A directory that always says the same."""

    def __init__(self, referral):
        self.referral = referral
        self.asked = []

    async def refer(self, identifier, at):
        self.asked.append(at)
        return self.referral


@pytest.mark.parametrize(
    ("address", "listeners", "url"),
    [
        ("8.8.8.8", (HTTP,), "http://8.8.8.8:8080"),
        ("8.8.8.8", (TCP, HTTP), "http://8.8.8.8:8080"),
        ("2001:4860:4860::8888", (HTTP,), "http://[2001:4860:4860::8888]:8080"),
        ("8.8.8.8", (TCP,), None),
        ("8.8.8.8", (), None),
    ],
)
def test_a_service_is_asked_over_http_where_it_listens_for_that(address, listeners, url):
    assert Service(address, listeners).http_url == url


async def test_the_first_directory_that_knows_refers():
    first, second = Says(None), Says(Referral(next="https://elsewhere.example"))
    third = Says(Referral())
    referral = await FirstOf([first, second, third]).refer(Identifier("86.1.1", "x"), "at")
    assert referral == Referral(next="https://elsewhere.example")
    assert (first.asked, second.asked, third.asked) == (["at"], ["at"], [])
    assert await FirstOf([]).refer(Identifier("86.1.1", "x"), None) is None


async def test_a_prefix_refers_to_its_enterprises_own_resolver(catalogue, prefixes, lamps):
    own = OwnPrefixes(catalogue)
    identifier = Identifier(lamps.prefix, "whatever")
    assert await own.refer(identifier, None) is None, "hosted here"
    await prefixes.route(lamps.actor, lamps.prefix, ROUTING)
    assert await own.refer(identifier, None) == Referral((Service("8.8.8.8", (TCP, HTTP)),))
    assert await own.refer(identifier, "https://national.example") is None, "not for others"
    assert await own.refer(Identifier("86.1000.1", "x"), None) is None


async def test_a_stopped_prefix_goes_on_referring(catalogue, prefixes, operator, lamps):
    await prefixes.route(lamps.actor, lamps.prefix, ROUTING)
    await prefixes.stop(operator, lamps.prefix, "for a while")
    assert await OwnPrefixes(catalogue).refer(Identifier(lamps.prefix, "x"), None)


async def test_a_prefix_that_nobody_has_approved_refers_nowhere(
    catalogue, prefixes, verified_enterprise
):
    from registry.prefix.prefixes import PrefixWish

    holder = await verified_enterprise()
    wish = PrefixWish(enterprise_id=holder.enterprise_id, routing=ROUTING)
    prefix = await prefixes.request(holder.actor, wish)
    assert await OwnPrefixes(catalogue).refer(Identifier(prefix.prefix, "x"), None) is None
