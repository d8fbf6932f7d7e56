"""Changes by the thousand of records that use a data template."""

from __future__ import annotations

from registry.database import Database
from registry.identifier import Identifier
from registry.record.archive import Form
from registry.record.catalogue import Catalogue
from registry.record.changes import Amendment, Change, Changes
from registry.record.registrar import Registrar
from registry.record.registration import Method, Registration
from tests.registry.conftest import Holder
from tests.registry.record.conftest import values_of
from tests.registry.template.conftest import Define


async def test_a_data_template_keeps_its_rules(
    lamps: Holder,
    registrar: Registrar,
    catalogue: Catalogue,
    define: Define,
    database: Database,
    form: Form,
) -> None:
    url = {"idIndex": 2000, "idType": "URL", "pattern": "https://e.cn/p/{suffix:url}"}
    name = {"idIndex": 2001, "idType": "NAME", "required": True}
    template = await define(lamps, url, name)
    values = template.values_of({"NAME": "灯"})
    wishes = [
        Registration(Identifier(lamps.prefix, one), values, template.template_id) for one in "AB"
    ]
    await registrar.create(lamps.actor, wishes, Method.BATCH)
    changes = Changes(database, form)

    def amendment(name: str, spelled: dict[int, tuple[str, str]], *remove: int) -> Change:
        identifier = Identifier(lamps.prefix, name)
        return Amendment(identifier, values_of(dict(spelled)), frozenset(remove))

    wanted = [
        amendment("A", {2001: ("NAME", "新灯")}),
        amendment("B", {}, 2001),
        amendment("B", {}, 2000),
        amendment("B", {}, 2002),
    ]
    verdicts = await changes.make(lamps.actor, wanted)
    assert [v.error.rule if v.error else v.outcome for v in verdicts] == [
        "amended",
        "required",
        "template",
        "unchanged",
    ]
    view = await catalogue.view(lamps.actor, Identifier(lamps.prefix, "A"))
    assert view is not None
    assert {value.index: value.data.value for value in view.listed} == {
        1001: template.version,
        2000: "https://e.cn/p/A",
        2001: "新灯",
    }
