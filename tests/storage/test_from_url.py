"""Storages are made from URLs, by what is installed."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from artigraph.errors import ArtigraphError, ConfigurationError, MissingDependencyError, UnknownStorageError
from artigraph.storage import MemoryStorage, from_url, storage_from_url
from artigraph.storage.aws import S3Storage
from artigraph.storage.file import FileSystem
from artigraph.storage.obstore import ObjectStorage
from tests.support.maintenance import alone

__all__ = ["alone"]


@pytest.mark.parametrize(
    ("url", "options", "kind", "name"),
    [
        ("file:data", {}, FileSystem, "file:data"),
        ("file:///srv/data", {"durable": False}, FileSystem, "file:/srv/data"),
        ("FILE:///srv/a%20b", {"name": "own"}, FileSystem, "own"),
        ("s3://bucket", {}, S3Storage, "s3:bucket"),
        ("s3://bucket/a/b/", {"region": "eu-west-1"}, S3Storage, "s3:bucket/a/b"),
        ("s3://bucket/a/b/", {"type": "obstore", "region": "eu-west-1"}, ObjectStorage, "s3:bucket/a/b"),
        ("gs://bucket/a", {"bearer_token": "hunter2"}, ObjectStorage, "gs:bucket/a"),
        ("az://container", {"account_name": "account"}, ObjectStorage, "az:container"),
        ("r2://account/bucket/a", {"name": "own"}, ObjectStorage, "own"),
        ("r2://account/bucket", {}, ObjectStorage, "r2:account/bucket"),
    ],
)
def test_the_scheme_decides(url: str, options: dict[str, Any], kind: type[Any], name: str) -> None:
    storage = storage_from_url(url, **options)
    assert (type(storage), storage.name) == (kind, name)


@pytest.mark.parametrize(
    ("url", "options", "error", "problem"),
    [
        ("bucket", {}, ConfigurationError, "begins with a scheme"),
        ("ftp://bucket", {}, ConfigurationError, "Known schemes: az, file, gs, r2, s3"),
        (
            "s3://key:hunter2@bucket",
            {},
            ConfigurationError,
            "pass those of 's3://...@bucket' as arguments",
        ),
        ("s3://key:hun/ter2@bucket/x", {"type": "obstore"}, ConfigurationError, "no credentials"),
        ("s3:///key:hunter2@bucket", {"type": "obstore"}, ConfigurationError, "no credentials"),
        ("s3:key:hunter2@bucket/x", {"type": "obstore"}, ConfigurationError, "no credentials"),
        ("my_user:hunter2@bucket", {}, ConfigurationError, "begins with a scheme"),
        ("s3://bucket?hunter2", {}, ConfigurationError, "no credentials"),
        ("gs://", {}, ConfigurationError, "names no bucket"),
        ("gs://bucket/a//b", {}, ConfigurationError, "has a prefix"),
        ("gs://bucket/a/../b", {}, ConfigurationError, "has a prefix"),
        ("gs://bucket/a b", {}, ConfigurationError, "has a prefix"),
        ("r2://account", {}, ConfigurationError, "names no bucket"),
        ("file://host/a", {}, ConfigurationError, "is no URL of a folder"),
        ("s3://bucket", {"nothing": "hunter2"}, ConfigurationError, "takes no nothing="),
        ("file:data", {"nothing": "hunter2"}, ConfigurationError, "takes no nothing="),
        ("gs://bucket", {"nothing": "hunter2"}, ConfigurationError, "'nothing' is not valid"),
        ("gs://bucket", {"prefix": "hunter2"}, ConfigurationError, "leave out prefix="),
        ("az://container", {}, ConfigurationError, "Account must be specified"),
        ("gs://bucket", {"type": "aws"}, ConfigurationError, "like 's3://bucket/prefix'"),
        ("gs://bucket", {"type": "nothing"}, UnknownStorageError, "no storage type 'nothing'"),
        ("gs://bucket", {"deadline": 0}, ConfigurationError, "positive number of seconds"),
        ("gs://bucket", {"part_size": 1000}, ConfigurationError, "whole number from 5,242,880"),
        (f"gs://bucket/{'a' * 100}", {}, ConfigurationError, "Give one"),
    ],
)
def test_what_is_wrong_is_said_without_secrets(
    url: str, options: dict[str, Any], error: type[ArtigraphError], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(error, match=problem) as refused:
        storage_from_url(url, **options)
    assert "hunter2" not in f"{refused.value}{refused.value.__cause__}"
    assert "ter2" not in f"{refused.value}{refused.value.__cause__}"


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("file:data", "artigraph-storage-fs"),
        ("s3://bucket", r"artigraph\[aws\]"),
        ("gs://bucket", r"artigraph\[gcs\]"),
        ("az://container", r"artigraph\[azure\]"),
        ("r2://account/bucket", r"artigraph\[obstore\]"),
    ],
)
def test_a_distribution_that_is_missing_is_named(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: str) -> list[EntryPoint]:
        return []

    monkeypatch.setattr(from_url, "entry_points", none)
    with pytest.raises(MissingDependencyError, match=f"pip install '{package}'"):
        storage_from_url(url)


def test_another_distribution_may_offer_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    def offers(**asked: str) -> list[EntryPoint]:
        group = "artigraph.storage_scheme"
        value = f"{__name__}:{'Ours' if asked['name'] == 'ours' else 'Broken'}"
        return [EntryPoint(asked["name"], value if asked["name"] != "broken" else "no_such_module:A", group)]

    monkeypatch.setattr(from_url, "entry_points", offers)
    assert storage_from_url("ours://a").name == "ours://a"
    with pytest.raises(MissingDependencyError, match="no_such_module"):
        storage_from_url("broken://a")


class Ours(MemoryStorage):
    """A storage of somebody else's."""

    @classmethod
    def from_url(cls, url: str, *, name: str | None = None) -> Ours:
        return cls(name or url)


@pytest.mark.usefixtures("alone")
def test_options_that_are_no_secrets_tell_storages_apart() -> None:
    one = ObjectStorage("gs://bucket/same", base_url="http://127.0.0.1:1", bearer_token="first-secret")
    other = ObjectStorage("gs://bucket/same", base_url="http://127.0.0.1:1", bearer_token="second-secret")
    assert one.register() is one
    assert other.register() is one
    assert one._given.value == other._given.value
    assert (one._given.value or {})["bearer_token"] == "second-secret"
    assert "secret" not in repr([one, one.options, one._clients])
    with pytest.raises(ArtigraphError, match="belongs to another storage"):
        ObjectStorage("gs://bucket/same", base_url="http://127.0.0.1:2").register()
