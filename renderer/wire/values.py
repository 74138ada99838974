"""Values of "any type", to and from trees of `Value`.

`values_encode` and `values_decode` are the two directions, `ext` has the kinds that
protobuf lacks, `plain` says what becomes of Python's own types.
"""

from renderer.wire.ext import Opaque, RegExp
from renderer.wire.plain import Default
from renderer.wire.values_decode import decode_args, decode_value
from renderer.wire.values_encode import encode_args, encode_value

__all__ = (
    "Default",
    "Opaque",
    "RegExp",
    "decode_args",
    "decode_value",
    "encode_args",
    "encode_value",
)
