"""A storage that keeps objects as files of a folder and writes them durably."""

from artigraph.storage.file._storage import FileSystem, FileSystemStorage
from artigraph.storage.file._temporary import temp_file_storage

__all__ = ["FileSystem", "FileSystemStorage", "temp_file_storage"]
