"""Tests of the four methods that every storage has."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from artigraph.errors import InvalidLocationError, ObjectNotFoundError, RegistrationError, StorageError
from artigraph.storage import Storage, get_storage_by_name, new_key
from artigraph.testing.storage._kit import StorageKit
from artigraph.testing.storage._locations import HOSTILE_LOCATIONS

_KIB, _MIB = 1024, 1024 * 1024
_LARGE = 9 * _MIB
_LONGEST_LOCATION = 512


class ObjectTests(StorageKit):
    """The promises of every storage, one test each."""

    # Objects and locations --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("size", [0, 1, 64 * _KIB - 1, 64 * _KIB, 64 * _KIB + 1, _LARGE])
    def test_keeps_the_bytes(self, storage: Storage, run: Callable[..., Any], size: int) -> None:
        data = os.urandom(size)
        location = run(storage.create(data))
        assert self.get_raw(storage, location) == data
        read = run(storage.read(location))
        assert read == data
        assert type(read) is bytes
        assert run(storage.exists(location)) is True

    def test_reads_what_is_there(self, storage: Storage, run: Callable[..., Any]) -> None:
        location = run(storage.create(b"first"))
        self.put_raw(storage, location, b"second, by other means")
        try:
            read = run(storage.read(location))
        except StorageError:
            return  # the storage noticed the change
        assert read == b"second, by other means"

    def test_location_is_text_that_a_database_takes(self, storage: Storage, run: Callable[..., Any]) -> None:
        longest = ("k" * 49 + "/") * 3 + "K" * 50
        for key in (None, "a", "0/1-2/a", new_key(), longest):
            location = run(storage.create(b"value", key=key))
            assert 1 <= len(location) <= _LONGEST_LOCATION
            assert location.isprintable()
            assert location.encode("utf-8").decode("utf-8") == location
            assert run(storage.read(location)) == b"value"

    def test_location_without_a_key_is_fresh(self, storage: Storage, run: Callable[..., Any]) -> None:
        count = 20

        async def create() -> list[str]:
            return await asyncio.gather(*(storage.create(b"the same") for _ in range(count)))

        locations = run(create())
        assert len(set(locations)) == count
        run(storage.delete(locations[0]))
        assert run(storage.read(locations[1])) == b"the same"

    def test_hostile_locations_are_refused(self, storage: Storage, run: Callable[..., Any]) -> None:
        kept = run(storage.create(b"kept"))
        calls: dict[str, Callable[[Any], Coroutine[Any, Any, object]]] = {
            "read": storage.read,
            "delete": storage.delete,
            "exists": storage.exists,
            "create": lambda key: storage.create(b"hostile", key=key),
        }
        locations: list[object] = [*HOSTILE_LOCATIONS, 1, b"a", ("a",)]
        let_in: list[tuple[str, object]] = []
        for location in locations:
            for name, call in calls.items():
                try:
                    run(call(location))
                except InvalidLocationError:
                    continue
                let_in.append((name, location))
        assert let_in == []
        assert self.get_raw(storage, kept) == b"kept"

    # Keys -------------------------------------------------------------------------------------------------------

    def test_same_key_and_bytes_again_is_success(self, storage: Storage, run: Callable[..., Any]) -> None:
        key = new_key()
        for data in (b"value", b""):
            key = new_key()
            first = run(storage.create(data, key=key))
            assert run(storage.create(data, key=key)) == first
            assert self.get_raw(storage, first) == data

    @pytest.mark.parametrize("other", [b"other", b"value and more", b"", b"Value"])
    def test_other_bytes_under_a_key_are_refused(self, storage: Storage, run: Callable[..., Any], other: bytes) -> None:
        key = new_key()
        location = run(storage.create(b"value", key=key))
        with pytest.raises(StorageError):
            run(storage.create(other, key=key))
        assert self.get_raw(storage, location) == b"value"

    def test_large_objects_under_a_key_are_compared_to_the_end(self, storage: Storage, run: Callable[..., Any]) -> None:
        key, data = new_key(), os.urandom(_LARGE)
        location = run(storage.create(data, key=key))
        assert run(storage.create(bytes(data), key=key)) == location
        with pytest.raises(StorageError):
            run(storage.create(data[:-1] + bytes([data[-1] ^ 1]), key=key))
        assert self.get_raw(storage, location) == data

    def test_lost_object_is_created_again(self, storage: Storage, run: Callable[..., Any]) -> None:
        key = new_key()
        location = run(storage.create(b"value", key=key))
        run(storage.delete(location))
        assert run(storage.create(b"value", key=key)) == location
        assert self.get_raw(storage, location) == b"value"

    # Many at once -----------------------------------------------------------------------------------------------

    def test_same_bytes_under_one_key_at_once(self, storage: Storage, run: Callable[..., Any]) -> None:
        key, data = new_key(), os.urandom(100 * _KIB)

        async def create() -> list[str]:
            return await asyncio.gather(*(storage.create(data, key=key) for _ in range(8)))

        locations = run(create())
        assert len(set(locations)) == 1
        assert self.get_raw(storage, locations[0]) == data

    def test_other_bytes_under_one_key_at_once(self, storage: Storage, run: Callable[..., Any]) -> None:
        if not self.creates_once:
            pytest.skip("nothing behind this storage can promise that, as creates_once says")
        key = new_key()
        values = [bytes([number]) * 100 * _KIB for number in range(8)]

        async def create() -> list[str | BaseException]:
            tasks = (storage.create(value, key=key) for value in values)
            return await asyncio.gather(*tasks, return_exceptions=True)

        results = run(create())
        winners = [(value, result) for value, result in zip(values, results, strict=True) if isinstance(result, str)]
        assert len(winners) == 1
        assert all(isinstance(result, str | StorageError) for result in results)
        value, location = winners[0]
        assert self.get_raw(storage, location) == value

    def test_fifty_objects_at_once(self, storage: Storage, run: Callable[..., Any]) -> None:
        values = [os.urandom(1 + 997 * number) for number in range(50)]

        async def there_and_back() -> tuple[list[str], list[bytes], list[bool]]:
            locations = await asyncio.gather(*(storage.create(value) for value in values))
            read = await asyncio.gather(*(storage.read(location) for location in locations))
            await asyncio.gather(*(storage.delete(location) for location in locations[::2]))
            return locations, read, await asyncio.gather(*(storage.exists(location) for location in locations))

        locations, read, exist = run(there_and_back())
        assert read == values
        assert exist == [number % 2 == 1 for number in range(50)]
        assert [self.get_raw(storage, location) for location in locations[1::2]] == values[1::2]

    def test_an_object_is_whole_or_not_there(self, storage: Storage, run: Callable[..., Any]) -> None:
        key, data = new_key(), os.urandom(_LARGE)
        location = run(storage.create(data, key=key))
        run(storage.delete(location))

        async def watch() -> set[int]:
            task = asyncio.create_task(storage.create(data, key=key))
            sizes: set[int] = set()
            while not task.done():
                try:
                    sizes.add(len(await storage.read(location)))
                except ObjectNotFoundError:
                    await asyncio.sleep(0)
            await task
            return sizes

        assert run(watch()) <= {len(data)}
        assert self.get_raw(storage, location) == data

    # Missing objects --------------------------------------------------------------------------------------------

    def test_missing_object(self, storage: Storage, run: Callable[..., Any]) -> None:
        location = run(storage.create(b"value"))
        other = run(storage.create(b"other"))
        run(storage.delete(location))
        assert self.get_raw(storage, location) is None
        assert run(storage.exists(location)) is False
        with pytest.raises(ObjectNotFoundError):
            run(storage.read(location))
        assert run(storage.delete(location)) is None
        assert run(storage.read(other)) == b"other"

    def test_before_anything_was_put(self, storage: Storage, run: Callable[..., Any]) -> None:
        again = self.again(storage)
        location = run((again or storage).create(b"value"))
        run((again or storage).delete(location))
        assert run(storage.exists(location)) is False
        run(storage.delete(location))
        with pytest.raises(ObjectNotFoundError):
            run(storage.read(location))

    # Loops, threads, cancellation -------------------------------------------------------------------------------

    def test_one_loop_after_another(self, storage: Storage) -> None:
        locations = [asyncio.run(storage.create(b"%d" % number)) for number in range(3)]
        assert [asyncio.run(storage.read(location)) for location in locations] == [b"0", b"1", b"2"]

    def test_loops_of_several_threads(self, storage: Storage) -> None:
        async def there_and_back(number: int) -> list[bytes]:
            values = [b"%d-%d" % (number, part) for part in range(5)]
            locations = await asyncio.gather(*(storage.create(value) for value in values))
            return [value for value in values if value not in [await storage.read(each) for each in locations]]

        results: list[object] = []

        def work(number: int) -> None:
            try:
                results.append(asyncio.run(there_and_back(number)))
            except BaseException as error:  # told by the assertion below
                results.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [[]] * 4

    def test_cancelled_create_leaves_the_whole_or_nothing(self, storage: Storage, run: Callable[..., Any]) -> None:
        async def cancelled_after(key: str, data: bytes, pause: float) -> None:
            task = asyncio.create_task(storage.create(data, key=key))
            await asyncio.sleep(pause)
            task.cancel()
            results = await asyncio.gather(task, return_exceptions=True)
            assert isinstance(results[0], str | asyncio.CancelledError)

        data = os.urandom(_LARGE)
        for pause in (0, 0.001, 0.005, 0.02, 0.08):
            key = new_key()
            run(cancelled_after(key, data, pause))
            location = run(storage.create(data, key=key))  # remains of the canceled call are no obstacle
            assert self.get_raw(storage, location) == data

    def test_cancelled_create_is_never_read_in_part(self, storage: Storage, run: Callable[..., Any]) -> None:
        async def cancelled(key: str, data: bytes, pause: float) -> None:
            task = asyncio.create_task(storage.create(data, key=key))
            await asyncio.sleep(pause)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        key, data = new_key(), os.urandom(_LARGE)
        location = run(storage.create(data, key=key))
        for pause in (0, 0.002, 0.01, 0.05):
            run(storage.delete(location))
            run(cancelled(key, data, pause))
            assert self.get_raw(storage, location) in (None, data)

    # Names and secrets ------------------------------------------------------------------------------------------

    def test_registers_under_its_name(self, storage: Storage) -> None:
        assert storage.register() is storage
        assert get_storage_by_name(storage.name) is storage
        assert storage.register() is storage
        again = self.again(storage)
        if again is not None:
            assert again.register() is storage
            assert get_storage_by_name(storage.name) is storage

    def test_another_storage_does_not_take_its_name(self, storage: Storage) -> None:
        storage.register()
        with pytest.raises(RegistrationError):
            _Other(storage.name).register()
        assert get_storage_by_name(storage.name) is storage

    def test_objects_are_found_by_another_instance(self, storage: Storage, run: Callable[..., Any]) -> None:
        key = new_key()
        location = run(storage.create(b"value", key=key))
        again = self.again(storage)
        if again is None:
            pytest.skip("objects of this storage end with the instance, as again() says")
        assert again.name == storage.name
        assert run(again.read(location)) == b"value"
        assert run(again.create(b"value", key=key)) == location
        with pytest.raises(StorageError):
            run(again.create(b"other", key=key))
        run(again.delete(location))
        assert run(storage.exists(location)) is False

    def test_shows_no_secret(self, storage: Storage, run: Callable[..., Any]) -> None:
        shown = [repr(storage), str(storage), storage.name]
        shown += [repr(value) for name, value in vars(storage).items() if not name.startswith("_")]
        location = run(storage.create(b"value"))
        run(storage.delete(location))
        for call in (storage.read(location), storage.read("..")):
            with pytest.raises(StorageError) as caught:
                run(call)
            shown += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
        assert [secret for secret in self.secrets if any(secret in text for text in shown)] == []
        assert storage.name in repr(storage)


class _Other(Storage):
    """A storage that only has a name."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def create(self, data: bytes, *, key: str | None = None) -> str:
        raise NotImplementedError

    async def read(self, location: str) -> bytes:
        raise NotImplementedError

    async def delete(self, location: str) -> None:
        raise NotImplementedError

    async def exists(self, location: str) -> bool:
        raise NotImplementedError
