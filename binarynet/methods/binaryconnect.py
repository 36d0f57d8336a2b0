"""BinaryConnect (Courbariaux, Bengio and David 2015) in ProxConnect++: forward the sign, backward the identity."""

from __future__ import annotations

from binarynet.proximal import ProxConnect

METHOD = ProxConnect()
