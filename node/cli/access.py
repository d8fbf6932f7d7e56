"""Which node the command line speaks to, and with which key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from node.cli.client import NodeClient
from node.cli.option import flag
from node.demo.demonstration import Demonstration
from registry.errors import InvalidInput

DEFAULT_URL = "http://127.0.0.1:8000"

Who = Literal["operator", "enterprise"]
Json = Annotated[bool, flag("Print the answer as JSON.", name="--json")]


class NoKey(InvalidInput):
    kind = "no-key"
    title = "A key is needed"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The options that say where a node is."""

    url: Annotated[
        str | None,
        Parameter(
            env_var="BIAOSHI_URL",
            help=f"The node. Default: that of the data folder, else {DEFAULT_URL}.",
        ),
    ] = None
    data: Annotated[
        Path, Parameter(help="Data folder of `biaoshi run`, whose demo.json is used.")
    ] = Path(".data")

    def as_anyone(self) -> NodeClient:
        """A client without a key."""
        return NodeClient(self.base(Demonstration.load(self.data)))

    def base(self, demo: Demonstration | None) -> str:
        return (self.url or (demo.base_url if demo else DEFAULT_URL)).rstrip("/")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Place):
    """The options of commands that need a key."""

    key: Annotated[
        str | None,
        Parameter(
            env_var="BIAOSHI_KEY",
            help="The key; better in the environment, where other users cannot see it. "
            "Default: that of the data folder.",
        ),
    ] = None

    def as_(self, who: Who) -> NodeClient:
        """A client with the key given, or the demonstration's, which goes to its own node alone.
        Raises NoKey."""
        demo = Demonstration.load(self.data)
        base = self.base(demo)
        key = self.key
        if key is None and demo is not None and base == demo.base_url:
            key = demo.operator_key if who == "operator" else demo.enterprise_key
        if not key:
            raise NoKey(
                f"this needs an {who}'s key: set BIAOSHI_KEY, give --key, or name the data folder "
                "of `biaoshi run` with --data"
            )
        return NodeClient(base, key)


# As when no option is given: the environment and the data folder decide.
USUAL = Access()
