"""All tests of a storage in one class."""

from __future__ import annotations

from artigraph.testing.storage._files import FileTests
from artigraph.testing.storage._listings import ListingTests
from artigraph.testing.storage._objects import ObjectTests
from artigraph.testing.storage._ranges import RangeTests
from artigraph.testing.storage._streams import StreamTests


class StorageConformance(ObjectTests, StreamTests, RangeTests, FileTests, ListingTests):
    """The promises of a storage, one test each.

    A subclass (whose name begins with `Test`) defines the fixture `storage`, and a side channel to the place behind it.
    `get_raw` and `put_raw` access the objects without the storage, so that it is not tested with its own code.

    ```python
    class TestMyStorage(StorageConformance):
        secrets = ["the password"]

        @pytest.fixture
        def storage(self, tmp_path):
            return MyStorage(tmp_path, name=f"my-{tmp_path.name}", password="the password")

        def get_raw(self, storage, location):
            path = storage.directory / location
            return path.read_bytes() if path.exists() else None

        def put_raw(self, storage, location, data):
            (storage.directory / location).write_bytes(data)

        def again(self, storage):
            return MyStorage(storage.directory, name=storage.name, password="the password")
    ```

    The storage is new, or at least empty, for every test. It has a name that no other test uses, because it is
    registered. The methods of the side channel are called outside event loops and may block.
    """
