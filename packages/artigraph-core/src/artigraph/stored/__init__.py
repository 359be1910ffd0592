"""What is stored, read without the classes of the user: for tools that show any store.

Nothing here runs code of users: no class is imported or looked up, no `migrate` and no `__post_init__` runs. So it is
safe to call on the data of somebody else. `StoredStruct.build` is the exception: it calls the class that it is given.
"""

from artigraph.serializer.codec import StoredEnum, StoredStruct
from artigraph.stored._model import FieldKind, StoredField, StoredModel
from artigraph.stored.read import load_stored, open_stored

__all__ = ["FieldKind", "StoredEnum", "StoredField", "StoredModel", "StoredStruct", "load_stored", "open_stored"]
