"""`biaoshi dns`."""

from __future__ import annotations

from typing import Annotated

import dns.exception
import dns.name
from cyclopts import App, Parameter

from node.cli.terminal import console
from registry.errors import InvalidInput
from registry.identifier import Identifier
from resolver.front.name import name_of


def add_to(app: App) -> None:
    app.command(dns_name, name="dns")


def dns_name(
    identifier: Annotated[str, Parameter(help="The identifier, such as 88.118.1/SN-1.")],
    /,
    *,
    zone: Annotated[str, Parameter(help="The zone that a node serves, its setting dns_zone.")],
    case_sensitive: Annotated[
        bool, Parameter(help="The node's suffixes differ by case.", negative="")
    ] = False,
) -> None:
    """Show the name in the DNS at which a node that serves a zone answers for an identifier."""
    try:
        origin = dns.name.from_text(zone)
    except dns.exception.DNSException as error:
        raise InvalidInput(f"{zone} is no zone: {error}", field="zone", rule="zone") from None
    name = name_of(Identifier.parse(identifier), origin, case_sensitive=case_sensitive)
    if name is None:
        raise InvalidInput(
            f"{identifier} has no name: it is too long, or its prefix is not of three numbers",
            field="identifier",
            rule="dns-name",
        )
    console().print(name.to_text(), soft_wrap=True)
