"""The paths of the SNMS API and the surface they make."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from node.http.edge import Surface
from node.snms import batch, data, enterprise, envelope, prefix, template, token

SURFACE = Surface(data.NAME, ("/identity", "/identityv2", "/snms"), envelope.refuse, envelope.plain)

_TEMPLATE_3, _TEMPLATE_5 = "/snms/api/v3/template", "/snms/api/v5/template"

# Operation, method, path, handler.
_TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("snmsToken", "POST", "/identity/token", token.plain),
    ("snmsTokenByDigest", "POST", "/identity/token/v1", token.digest),
    ("snmsDetail", "GET", "/identityv2/data/detail", data.detail),
    ("snmsCreate", "POST", "/identityv2/data", data.create),
    ("snmsUpdate", "PUT", "/identityv2/data", data.update),
    ("snmsDelete", "DELETE", "/identityv2/data", data.delete),
    ("snmsBatchCreate", "POST", "/identityv2/data/batchCreate", batch.create),
    ("snmsBatchUpdate", "PUT", "/identityv2/data/batchUpdate", batch.update),
    ("snmsBatchDelete", "DELETE", "/identityv2/data/batchDelete", batch.delete),
    ("snmsTemplate3", "GET", _TEMPLATE_3, template.show),
    ("snmsCreateTemplate3", "POST", _TEMPLATE_3, template.create),
    ("snmsDeleteTemplate3", "DELETE", _TEMPLATE_3, template.delete),
    ("snmsTemplate", "GET", _TEMPLATE_5, template.show),
    ("snmsCreateTemplate", "POST", _TEMPLATE_5, template.create),
    ("snmsAmendTemplate", "PUT", _TEMPLATE_5, template.amend),
    ("snmsDeleteTemplate", "DELETE", _TEMPLATE_5, template.delete),
    ("snmsPrefix", "GET", "/snms/api/prefix/query", prefix.show),
    ("snmsPrefixes", "GET", "/snms/api/prefix/page", prefix.page),
    ("snmsEnterprises", "GET", "/snms/api/v3/ent/page", enterprise.page),
    ("snmsEnterprise", "GET", "/snms/api/v3/ent/detail", enterprise.show),
    ("snmsApply", "POST", "/snms/api/v3/ent/apply", enterprise.apply),
)


def routes() -> list[web.RouteDef]:
    return [
        web.route(method, path, handler, name=operation)
        for operation, method, path, handler in _TABLE
    ]
