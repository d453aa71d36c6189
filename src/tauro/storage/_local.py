"""A store in a folder: Parquet, JSON and native files that any tool opens."""

from __future__ import annotations

import errno
import hashlib
import os
import stat as stat_module
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from tauro._internal import _fs
from tauro._internal._clock import from_ns, now_ns
from tauro._internal._durability import check_durability
from tauro._internal._paths import check_key, check_source
from tauro._internal._translated import Translated
from tauro.errors import (
    PathNotAllowedError,
    ReadOnlyStoreError,
    StorageError,
    StorageExistsError,
    StorageNotFoundError,
)
from tauro.storage._folders import (
    check_outside,
    finished_files,
    folder_digest,
    remove_temporaries,
    source_files,
)
from tauro.storage._protocol import (
    A_DAY,
    Progress,
    StorageBackend,
    StorageMetadata,
    cannot_copy_out,
    changed_since,
    check_apart,
    in_the_way,
)
from tauro.storage._stripes import stripe_file, take
from tauro.types import Durability, StrPath

_HASHED_UP_TO = 1 << 20
_PLAIN_SECONDS = 1.0
_PLAIN_FOLDERS = 10_000
_WRITING = ("write", "create", "move", "delete", "lock")
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_FULL = ("Free space on the disk; nothing that was acknowledged before is lost.",)
_HINTS = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EACCES: ("Check its permissions.",)}


class LocalStorageBackend(StorageBackend):
    """Keep everything below one folder.

    A write goes to a temporary name in the same folder and is renamed into place. Locks live in
    ``_tauro/locks``. The folder is made by the first write, not by opening.

    Args:
        root: The folder; relative to the working directory at this moment.
        durability: ``process``: an acknowledged write survives ``kill -9``; ``disk``: it is also
            synchronised before it is acknowledged.
    """

    def __init__(self, root: StrPath, *, durability: Durability = "process") -> None:
        try:
            path = Path(root).expanduser().absolute()
            is_file = path.exists() and not path.is_dir()
            self.root = Path(os.path.realpath(path))
        except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, nobody's home
            raise StorageError(
                f"{str(root)[:200]!r} cannot be the root of a store: {error}.",
                context={"path": str(root)[:200]},
            ) from error
        if is_file:
            raise StorageError(
                f"The storage root {str(path)!r} is a file, not a folder.",
                context={"path": str(path)},
                suggestions=["Name a folder; it is made when something is stored."],
            )
        self.durability: Durability = check_durability(durability)
        self._prefix = str(self.root) + os.sep
        self._durable = durability == "disk"
        self._plain: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"LocalStorageBackend({str(self.root)!r})"

    @property
    def uri(self) -> str:
        """``file://`` and the folder."""
        return self.root.as_uri()

    def with_durability(self, durability: Durability) -> LocalStorageBackend:
        """Return the same folder with another durability."""
        if durability == self.durability:
            return self
        return LocalStorageBackend(self.root, durability=durability)

    # Abilities

    def local_path(self, path: str = "") -> Path:
        """Return the file of a key, the root for ``""``."""
        return Path(self._file(path)) if path else self.root

    def lock(self, name: str, *, timeout: float = 10.0) -> AbstractContextManager[None]:
        """Hold one of 64 lock files, chosen by ``name``."""
        return _Lock(self, name, timeout)

    # Bytes

    def read_bytes(self, path: str) -> bytes:
        """Return the bytes at a key."""
        file = self._file(path)
        with self._errors("read", path):
            return _fs.read_bytes(file)

    def write_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key, replacing what is there."""
        file = self._file(path)
        with self._errors("write", path):
            if len(data) <= _HASHED_UP_TO:
                self._over_empty(file, lambda: _fs.replace_file(file, data, durable=self._durable))
                return self._described(path, data, now_ns())
            return self._place(path, self._stage(file, data), file, _fs.rename)

    def create_bytes(self, path: str, data: bytes) -> StorageMetadata:
        """Put bytes at a key where nothing is."""
        file = self._file(path)
        with self._errors("create", path):
            if len(data) <= _HASHED_UP_TO:
                self._over_empty(file, lambda: _fs.create_file(file, data, durable=self._durable))
                return self._described(path, data, now_ns())
            return self._place(path, self._stage(file, data), file, _fs.link)

    def _stage(self, file: str, data: bytes) -> str:
        return _fs.stage_file(os.path.dirname(file), data, durable=self._durable)

    def _place(
        self, path: str, staged: str, file: str, put: Callable[[str, str], None]
    ) -> StorageMetadata:
        """Put a staged file in place, its version read before, for after it may be another's."""
        try:
            written = self._version(path, staged)
            self._over_empty(file, lambda: put(staged, file))
        finally:
            self._clear(staged)
        if self._durable:
            _fs.sync_dir(os.path.dirname(file))
        return written

    def _version(self, path: str, staged: str) -> StorageMetadata:
        """Return what ``stat`` will say of a staged file or folder."""
        if not _fs.is_dir(staged):
            # Else two writes in one tick of the file system's clock might have one version.
            _fs.set_modified(staged, time.time_ns())
        return self._look(path, staged)

    def _over_empty(self, file: str, put: Callable[[], None]) -> None:
        """Put something in place; a folder in which no file is left does not count as one."""
        try:
            put()
        except (IsADirectoryError, FileExistsError):
            if not self._is_empty(file):
                raise
            _fs.remove_tree(file)
            put()

    def _is_empty(self, file: str) -> bool:
        return _fs.is_dir(file) and next(_fs.walk_files(file), None) is None

    def replace_bytes(self, path: str, data: bytes, *, etag: str) -> StorageMetadata:
        """Put bytes at a key whose present version is ``etag``, under the key's lock."""
        with self.lock(path):
            present = self.stat(path).etag
            if present != etag:
                raise changed_since(path, etag, present)
            return self.write_bytes(path, data)

    # Artifacts

    def write_artifact(
        self, src: StrPath, dest: str, *, progress: Progress | None = None
    ) -> StorageMetadata:
        """Copy a local file or folder to a key."""
        source, target = check_source(src), self._file(dest)
        files = None
        if source.is_dir():
            check_outside(source, target)
            files = source_files(source)
        with self._errors("write", dest):
            folder = os.path.dirname(target)
            _fs.make_dirs(folder, durable=self._durable)
            staged = _fs.temporary_name(folder)
            try:
                if files is not None:
                    sha256 = self._copy_folder(files, staged, progress)
                else:
                    sha256 = self._copy(str(source), staged, progress)
                written = self._version(dest, staged)
                self._put_in_place(staged, target)
            finally:
                self._clear(staged)
            if self._durable:
                _fs.sync_dir(folder)
        return replace(written, format=written.format if files else "file", sha256=sha256)

    def _copy(self, source: str, staged: str, progress: Progress | None) -> str:
        return _fs.copy_file(source, staged, durable=self._durable, progress=progress)[1]

    def _copy_folder(
        self, files: list[tuple[str, str]], staged: str, progress: Progress | None
    ) -> str:
        hashes = {}
        for name, file in files:
            target = os.path.join(staged, name)
            _fs.make_dirs(os.path.dirname(target))
            hashes[name] = self._copy(file, target, progress)
        return folder_digest(hashes)

    def _put_in_place(self, staged: str, target: str) -> None:
        """Let a staged file or folder take a name; what was there may be at its own afterwards."""
        replaces = _fs.stat(target) is not None
        if not replaces or not (_fs.is_dir(staged) or _fs.is_dir(target)):
            _fs.rename(staged, target)
        elif not _fs.exchange(staged, target):
            aside = _fs.temporary_name(os.path.dirname(target))
            _fs.rename(target, aside)
            _fs.rename(staged, target)
            self._clear(aside)

    def _clear(self, staged: str) -> None:
        if _fs.is_dir(staged):
            _fs.remove_tree(staged)
        else:
            _fs.discard(staged)

    def read_artifact(
        self, src: str, dest_local: StrPath, *, progress: Progress | None = None
    ) -> None:
        """Copy the file or folder at a key to a local path."""
        file, dest = self._file(src), Path(dest_local)
        self.stat(src)
        with Translated(lambda error: self._not_copied(src, dest, error)):
            if os.path.isdir(file):
                _fs.make_dirs(str(dest))
                for name, inner in finished_files(Path(file)):
                    self._copy_out(inner, dest / name, progress)
            else:
                self._copy_out(file, dest / Path(src).name if dest.is_dir() else dest, progress)

    def _copy_out(self, file: str, target: Path, progress: Progress | None) -> None:
        _fs.make_dirs(str(target.parent))
        staged = _fs.temporary_name(str(target.parent))
        try:
            _fs.copy_file(file, staged, progress=progress)
            _fs.rename(staged, str(target))
        except OSError:
            _fs.discard(staged)
            raise

    def _not_copied(self, src: str, dest: Path, error: OSError) -> StorageError:
        if str(error.filename or "").startswith(self._prefix):
            return self._as_ours("read", src, error)
        return cannot_copy_out(src, dest, error)

    def move(self, src: str, dest: str, *, replace: bool = False) -> None:
        """Rename a file or folder to a key."""
        source, target = self._file(src), self._file(dest)
        check_apart(src, dest)
        self.size(src)
        with self._errors("move", dest):
            if not replace and self.exists(dest):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), dest)
            _fs.make_dirs(os.path.dirname(target), durable=self._durable)
        with self._errors("move", src):
            if replace:
                self._replace(source, target)
            elif _fs.is_dir(source):
                self._over_empty(target, lambda: _fs.rename(source, target))
            else:
                self._over_empty(target, lambda: _fs.link(source, target))
                _fs.unlink(source)
            if self._durable:
                _fs.sync_dir(os.path.dirname(target))

    def _replace(self, source: str, target: str) -> None:
        if source == target:
            return
        self._put_in_place(source, target)
        try:
            self._clear(source)
        except OSError:
            return  # It is done; who tried it again would put what was replaced back in place.

    # Keys

    def stat(self, path: str) -> StorageMetadata:
        """Return what is stored at a key."""
        file = self._file(path)
        with self._errors("stat", path):
            return self._look(path, file)

    def _look(self, path: str, file: str) -> StorageMetadata:
        found = _fs.stat(file)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        modified = from_ns(found.st_mtime_ns)
        if stat_module.S_ISDIR(found.st_mode):
            size, etag = self._folder(path, file)
            return StorageMetadata(path, size, etag, modified, "directory")
        if found.st_size <= _HASHED_UP_TO:
            return self._described(path, _fs.read_bytes(file), found.st_mtime_ns)
        etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        return StorageMetadata(path, found.st_size, etag, modified, _format_of(path))

    def _folder(self, path: str, folder: str) -> tuple[int, str]:
        """Return the size and version of a folder, from what the file system says of its files."""
        total, digest = 0, hashlib.blake2b(digest_size=12)
        name = ""
        for name in _fs.walk_files(folder):
            found = os.lstat(name)
            total += found.st_size
            version = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
            digest.update(f"{os.path.relpath(name, folder)}\0{version}\n".encode())
        if not name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return total, digest.hexdigest()

    def size(self, path: str) -> int:
        """Return the bytes at a key, without reading any."""
        file = self._file(path)
        with self._errors("stat", path):
            found = _fs.stat(file)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            is_dir = stat_module.S_ISDIR(found.st_mode)
            return self._folder(path, file)[0] if is_dir else found.st_size

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is at a key."""
        file = self._file(path)
        with self._errors("stat", path):
            return _fs.stat(file) is not None and not self._is_empty(file)

    def list_paths(self, prefix: str = "") -> list[str]:
        """Return the keys of all files below a folder, or the key itself where it is a file."""
        key = check_key(prefix.rstrip("/")) if prefix else ""
        file = self._file(key) if key else str(self.root)
        with self._errors("list", prefix):
            found = _fs.stat(file)
            if found is not None and not stat_module.S_ISDIR(found.st_mode):
                return [key]
            start = len(self._prefix)
            return sorted(name[start:].replace(os.sep, "/") for name in _fs.walk_files(file))

    def delete(self, path: str) -> bool:
        """Remove the file or folder at a key."""
        file = self._file(path)
        with self._errors("delete", path):
            found = _fs.stat(file)
            if found is None:
                return False
            try:
                if not stat_module.S_ISDIR(found.st_mode):
                    _fs.unlink(file)
                    return True
                there = not self._is_empty(file)
                aside = _fs.temporary_name(os.path.dirname(file))
                _fs.rename(file, aside)
            except FileNotFoundError:
                return False  # Somebody else did.
            _fs.remove_tree(aside)
            return there

    def remove_temporaries(self, prefix: str = "", *, older_than: float = A_DAY) -> int:
        """Remove what writers that died left unfinished; return how many files and folders."""
        folder = self._file(prefix) if prefix else str(self.root)
        with self._errors("delete", prefix):
            return remove_temporaries(folder, older_than)

    # Inside

    def _file(self, path: str) -> str:
        key = check_key(path)
        file = self._prefix + key
        folder = file.rpartition("/")[0]
        if time.monotonic() - self._plain.get(folder, -_PLAIN_SECONDS) > _PLAIN_SECONDS:
            self._check_folders(key, file, folder)
        if os.path.islink(file):
            self._check_link(key, file)
        return file

    def _check_folders(self, key: str, file: str, folder: str) -> None:
        """Look for links among the folders of a key; that there are none is believed for a second.

        A link that was planted is found; who can swap folders meanwhile could do so at any time.
        """
        at = len(self._prefix)
        while (at := file.find("/", at) + 1) > 0:
            if os.path.islink(file[: at - 1]):
                self._check_link(key, file)
                return
        if len(self._plain) >= _PLAIN_FOLDERS:
            self._plain.clear()
        self._plain[folder] = time.monotonic()

    def _check_link(self, key: str, file: str) -> None:
        if not (os.path.realpath(file) + os.sep).startswith(self._prefix):
            raise PathNotAllowedError(
                f"The key {key!r} leads out of the store through a symbolic link.",
                context={"path": key},
            )

    def _described(self, path: str, data: bytes, modified_ns: int) -> StorageMetadata:
        etag = hashlib.blake2b(data, digest_size=12).hexdigest()
        return StorageMetadata(path, len(data), etag, from_ns(modified_ns), _format_of(path))

    def _errors(self, verb: str, path: str) -> Translated:
        return Translated(lambda error: self._as_ours(verb, path, error))

    def _as_ours(self, verb: str, path: str, error: OSError) -> StorageError:
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            return self._obstacle(verb, path, error)
        if isinstance(error, FileNotFoundError):
            return self._absent(verb, path, "nothing there")
        if error.errno == errno.ENOTEMPTY:
            return self._obstacle(verb, path, error)
        return self._failure(verb, path, error)

    def _obstacle(self, verb: str, path: str, error: OSError) -> StorageError:
        """Return the error of a call that met a folder, or a file, where it needs the other."""
        above = self._file_above(path)
        if verb not in _WRITING:
            is_dir = isinstance(error, IsADirectoryError)
            return self._absent(verb, path, "a folder is there" if is_dir else "nothing there")
        if above:
            return in_the_way(verb, path, above)
        if isinstance(error, IsADirectoryError):
            return in_the_way(verb, path)
        return StorageExistsError(
            f"Cannot {verb} {path!r}: something is there already.", context={"path": path}
        )

    def _file_above(self, path: str) -> str:
        """Return the key of a file that stands where a folder of a key should be, or ""."""
        parts = path.split("/")
        keys = ["/".join(parts[:count]) for count in range(1, len(parts))]
        return next((key for key in keys if os.path.isfile(self._prefix + key)), "")

    def _absent(self, verb: str, path: str, why: str) -> StorageNotFoundError:
        return StorageNotFoundError(
            f"Cannot {verb} {path!r} in {self.root}: {why}.", context={"path": path}
        )

    def _failure(self, verb: str, path: str, error: OSError) -> StorageError:
        if verb == "list":  # which of the folders below
            path = str(error.filename or path).removeprefix(self._prefix)
        context = {"path": path, "root": str(self.root), "errno": error.errno}
        if error.errno in _READ_ONLY and verb not in ("read", "stat", "list"):
            return ReadOnlyStoreError(
                f"Cannot {verb} {path!r}: {self.root} cannot be written ({error.strerror}).",
                context=context,
                suggestions=["Check the folder's owner and permissions, or choose another store."],
            )
        return StorageError(
            f"Cannot {verb} {path!r} in {self.root}: {error.strerror or error}.",
            context=context,
            suggestions=_HINTS.get(error.errno or 0, ()),
        )


class _Lock(AbstractContextManager[None]):
    """One of the store's locks, held inside the ``with`` block."""

    def __init__(self, backend: LocalStorageBackend, name: str, timeout: float) -> None:
        self._backend = backend
        self._name = name
        self._timeout = timeout

    def __enter__(self) -> None:
        file = stripe_file(str(self._backend.root), self._name)
        with self._backend._errors("lock", self._name):
            self._give_back = take(file, self._name, self._timeout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._give_back()


def _format_of(path: str) -> str:
    return next((kind for kind in ("json", "parquet") if path.endswith(f".{kind}")), "file")
