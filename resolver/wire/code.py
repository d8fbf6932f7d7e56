"""The protocol's numbers, in the specification's names (RFC 3652 §2.2, and what came later)."""

from __future__ import annotations

from enum import IntEnum, IntFlag


class OpCode(IntEnum):
    RESOLUTION = 1
    GET_SITE_INFO = 2
    CREATE_HANDLE = 100
    DELETE_HANDLE = 101
    ADD_VALUE = 102
    REMOVE_VALUE = 103
    MODIFY_VALUE = 104
    LIST_HANDLES = 105
    RESPONSE_TO_CHALLENGE = 200
    VERIFY_RESPONSE = 201
    HOME_NA = 300
    UNHOME_NA = 301
    LIST_HOMED_NAS = 302
    SESSION_SETUP = 400
    SESSION_TERMINATE = 401
    SESSION_EXCHANGE_KEY = 402
    LOGIN_PASSWORD = 2000  # this and the next: Chinese clients
    LOGIN_ID_SYSTEM = 2001


class ResponseCode(IntEnum):
    SUCCESS = 1
    ERROR = 2
    SERVER_TOO_BUSY = 3
    PROTOCOL_ERROR = 4
    OPERATION_NOT_SUPPORTED = 5
    RECURSION_COUNT_TOO_HIGH = 6
    SERVER_BACKUP = 7
    HANDLE_NOT_FOUND = 100
    HANDLE_ALREADY_EXISTS = 101
    INVALID_HANDLE = 102
    VALUES_NOT_FOUND = 200
    VALUE_ALREADY_EXISTS = 201
    INVALID_VALUE = 202
    OUT_OF_DATE_SITE_INFO = 300
    SERVER_NOT_RESP = 301
    SERVICE_REFERRAL = 302
    PREFIX_REFERRAL = 303
    INVALID_ADMIN = 400
    INSUFFICIENT_PERMISSIONS = 401
    AUTHENTICATION_NEEDED = 402
    AUTHENTICATION_FAILED = 403
    INVALID_CREDENTIAL = 404
    AUTHENTICATION_TIMEOUT = 405
    AUTHENTICATION_ERROR = 406
    LOGIN_AGAIN = 407  # this and the next: Chinese clients
    LOGIN_FIRST = 408
    SESSION_TIMEOUT = 500
    SESSION_FAILED = 501
    INVALID_SESSION_KEY = 502
    NEED_SESSION_KEY = 503
    INVALID_SESSION_REQUEST = 504
    SESSION_MESSAGE_REJECTED = 505
    DAILY_LIMIT = 603  # this and the next two: Chinese clients
    REGISTRATION_LIMIT = 604
    PREFIX_LIMIT = 605


class OpFlag(IntFlag):
    AUTH = 0x8000_0000  # authoritative
    CERT = 0x4000_0000  # sign the answer
    ENCR = 0x2000_0000  # encrypt the answer
    RECU = 0x1000_0000  # ask other servers
    CACR = 0x0800_0000  # other servers may ask with their own credentials
    CONT = 0x0400_0000  # more of the answer follows
    KPAL = 0x0200_0000  # keep the connection alive
    PUBL = 0x0100_0000  # public values only
    RRDG = 0x0080_0000  # return the request's digest
    OVRW = 0x0040_0000  # create replaces what exists
    MINT = 0x0020_0000  # the server makes up the suffix
    DNRF = 0x0010_0000  # do not refer elsewhere
    POINTER = 0x4  # the next three: Chinese clients. The trailing field holds a token
    TRUSTED_QUERY = 0x2
    TRUSTED = 0x1  # in an answer


class EnvelopeFlag(IntFlag):
    """Of the octet whose two lowest bits are the suggested major version."""

    COMPRESSED = 0x80
    ENCRYPTED = 0x40
    TRUNCATED = 0x20


class DigestAlgorithm(IntEnum):
    MD5 = 1
    SHA1 = 2
    SHA256 = 3


class KeyExchange(IntEnum):
    CIPHER_CLIENT = 1
    CIPHER_SERVER = 2
    CIPHER_HANDLE = 3
    DH = 4


class Cipher(IntEnum):
    DES = 1
    DESEDE = 2
    AES = 3


class Transport(IntEnum):
    UDP = 0
    TCP = 1
    HTTP = 2
    HTTPS = 3


class TtlType(IntEnum):
    RELATIVE = 0
    ABSOLUTE = 1


MAX_MESSAGE = 262_144  # bytes, the envelope not counted
UNKNOWN_SERIAL = 0xFFFF
