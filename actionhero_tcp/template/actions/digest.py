"""An action that blocks, and so runs in a thread."""

import hashlib

from actionhero_tcp import action


@action(blocking=True)
def digest(api, connection, *, password: str, salt: str):
    """Makes of a password what may be stored; this takes a while."""
    key = hashlib.scrypt(password.encode(), salt=salt.encode(), n=2**14, r=8, p=1)
    return {"digest": key.hex()}
