"""The v1 surface: REST with JSON, described by /openapi.json, errors as RFC 9457 problems."""
