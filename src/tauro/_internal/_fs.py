"""Every file-system call of the store, in one place.

Two things follow from that. Tests install a hook (:func:`set_fault_hook`) that is called before
each operation with its name and path, and so can make any of them fail, fall short, or kill the
process. And the order of the calls that makes a write atomic stands here once: write to a
temporary name in the same folder, make the bytes durable where asked, rename or link, make the
folder durable.

Names of temporary files start with ``.tmp-``; no reader looks at them and ``gc`` removes old ones.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import itertools
import mmap
import os
import shutil
import stat as stat_module
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

if sys.platform != "win32":
    import fcntl

TMP_PREFIX: Final = ".tmp-"
_CHUNK: Final = 1 << 20
_ZEROS: Final = bytes(_CHUNK)
_FICLONE: Final = 0x40049409
_counter = itertools.count()

FaultHook = Callable[[str, str], int | None]
"""Called with the operation's name and the path, before the operation.

It may raise ``OSError``, end the process, or, for ``write``, return the most bytes to write.
"""

_fault: FaultHook | None = None


def set_fault_hook(hook: FaultHook | None) -> None:
    """Install, or with None remove, the hook that is called before each operation."""
    global _fault  # noqa: PLW0603 - the one seam for fault injection
    _fault = hook


def _before(operation: str, path: str) -> int | None:
    return _fault(operation, path) if _fault is not None else None


def temporary_name(folder: str) -> str:
    """Return a path in ``folder`` that no other writer uses and no reader looks at."""
    return os.path.join(folder, f"{TMP_PREFIX}{os.getpid()}-{next(_counter)}-{os.urandom(4).hex()}")


def is_temporary(name: str) -> bool:
    """Tell whether a file name is that of an unfinished write."""
    return name.startswith(TMP_PREFIX)


# Descriptors


def open_fd(path: str, flags: int, mode: int = 0o644, *, durable: bool = False) -> int:
    """Open a descriptor; a missing folder is made for a new file, its name durable where asked."""
    _before("open", path)
    try:
        return os.open(path, flags | os.O_CLOEXEC, mode)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        make_dirs(os.path.dirname(path), durable=durable)
        return os.open(path, flags | os.O_CLOEXEC, mode)


def write_all(fd: int, data: bytes | memoryview, path: str) -> None:
    """Write every byte, however many calls it takes."""
    view = memoryview(data)
    while view:
        most = _before("write", path)
        view = view[os.write(fd, view if most is None else view[: max(1, most)]) :]


def write_at(fd: int, data: bytes | memoryview, offset: int, path: str) -> None:
    """Write every byte at a place in a file, however many calls it takes."""
    view = memoryview(data)
    while view:
        most = _before("write", path)
        done = os.pwrite(fd, view if most is None else view[: max(1, most)], offset)
        view, offset = view[done:], offset + done


def read_at(fd: int, size: int, offset: int, path: str) -> bytes:
    """Return up to ``size`` bytes at a place in a file; fewer only at its end."""
    _before("read", path)
    data = os.pread(fd, size, offset)
    while len(data) < size and (more := os.pread(fd, size - len(data), offset + len(data))):
        data += more
    return data


def size_fd(fd: int, path: str) -> int:
    """Return the size of an open file."""
    _before("stat", path)
    return os.fstat(fd).st_size


def truncate_fd(fd: int, size: int, path: str) -> None:
    """Set the size of an open file."""
    _before("truncate", path)
    os.ftruncate(fd, size)


NO_LOCKS: Final = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def try_lock_fd(fd: int, path: str, *, needed: bool = False) -> bool:
    """Take the exclusive lock of an open file without waiting; tell whether it was free.

    The lock belongs to this opening of the file: it ends when the last descriptor of it is closed,
    also by the death of the process. Where the file system has no locks, it counts as free, or
    where it is needed it is an error.
    """
    _before("lock", path)
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if needed or error.errno not in NO_LOCKS:
            raise
    return True


@contextmanager
def locked_folder(folder: str) -> Iterator[None]:
    """Exclude every other thread and process that locks this folder meanwhile.

    Nobody is excluded where the file system has no locks, or none for folders (NFS, Windows).
    """
    _before("lock", folder)
    if sys.platform == "win32":
        yield
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # that there is no lock
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):  # closing is not enough: a child forked meanwhile has it open, too
            fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


def is_same_file(fd: int, path: str) -> bool:
    """Tell whether a path still names the file that a descriptor has open."""
    found = stat(path)
    opened = os.fstat(fd)
    return found is not None and (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)


def sync_fd(fd: int, path: str) -> None:
    """Make a descriptor's bytes survive power loss. After an error, never retry the descriptor."""
    _before("fsync", path)
    os.fdatasync(fd) if hasattr(os, "fdatasync") else os.fsync(fd)


def close_fd(fd: int, path: str) -> None:
    """Close a descriptor."""
    try:
        _before("close", path)
    finally:
        os.close(fd)


def sync_dir(folder: str) -> None:
    """Make the names in a folder, or a file that others wrote, survive power loss."""
    _before("fsync_dir", folder)
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def link_count(fd: int, path: str) -> int:
    """Return how many names an open file has: 0 once somebody removed it."""
    _before("fstat", path)
    return os.fstat(fd).st_nlink


# Whole files


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_bytes(path: str) -> bytes:
    """Return a file's bytes; a pipe that somebody put there has none, and nobody waits for it."""
    _before("read", path)
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        return file.readall()


def read_from(path: str, offset: int) -> bytes:
    """Return a file's bytes from an offset to its present end."""
    _before("read", path)
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        return file.readall()


def stage_file(folder: str, data: bytes, *, durable: bool = False) -> str:
    """Write a file under a temporary name and return its path; rename it to finish."""
    temporary = temporary_name(folder)
    fd = open_fd(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, durable=durable)
    try:
        try:
            write_all(fd, data, temporary)
            if durable:
                sync_fd(fd, temporary)
        finally:
            close_fd(fd, temporary)
    except OSError:
        discard(temporary)
        raise
    return temporary


def replace_file(path: str, data: bytes, *, durable: bool = False) -> None:
    """Put ``data`` at ``path`` in one step; readers see the old bytes or the new, never a mix."""
    temporary = stage_file(os.path.dirname(path), data, durable=durable)
    try:
        rename(temporary, path)
    except OSError:
        discard(temporary)
        raise
    if durable:
        sync_dir(os.path.dirname(path))


def create_file(path: str, data: bytes, *, durable: bool = False) -> None:
    """Put ``data`` at ``path`` where nothing is; of several racing writers exactly one succeeds.

    Raises:
        FileExistsError: Something is there already; it is left as it is.
    """
    temporary = stage_file(os.path.dirname(path), data, durable=durable)
    try:
        link(temporary, path)
    finally:
        discard(temporary)
    if durable:
        sync_dir(os.path.dirname(path))


def rename(source: str, target: str) -> None:
    """Rename a file, or a folder to a name that is free, in one step."""
    _before("rename", target)
    os.rename(source, target)


def link(source: str, target: str) -> None:
    """Give a file a second name that must be free."""
    _before("link", target)
    os.link(source, target)


def set_modified(path: str, modified_ns: int) -> None:
    """Say when a file was changed last; the file system's own clock ticks every few ms only."""
    _before("utime", path)
    os.utime(path, ns=(modified_ns, modified_ns))


def unlink(path: str) -> None:
    """Remove a file."""
    _before("unlink", path)
    os.unlink(path)


def discard(path: str) -> None:
    """Remove a file that may be gone already, on a way that has another error to report."""
    try:
        unlink(path)
    except OSError:
        return


# Folders


def make_dirs(folder: str, *, durable: bool = False) -> None:
    """Create a folder and those above it; durable ones have their names synchronised too."""
    if not folder:
        return
    _before("mkdir", folder)
    new, above = [], folder
    while durable and above and not os.path.isdir(above):
        new.append(above)
        above = os.path.dirname(above)
    os.makedirs(folder, exist_ok=True)
    for each in reversed(new):
        sync_dir(os.path.dirname(each) or ".")


def remove_tree(folder: str) -> None:
    """Remove a folder and all in it; symbolic links are removed, not followed."""
    _before("rmtree", folder)
    shutil.rmtree(folder)


def list_dir(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder in the order of their names; a missing folder is empty."""
    _before("list", folder)
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def list_names(folder: str) -> list[str]:
    """Return the names in a folder in no order, twice as fast as in one; none if it is missing."""
    _before("list", folder)
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def walk_files(folder: str) -> Iterator[str]:
    """Yield the path of every finished file below a folder, depth first, by name.

    Symbolic links are yielded as files and never followed.
    """
    for entry in list_dir(folder):
        if is_temporary(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk_files(entry.path)
        else:
            yield entry.path


def stat(path: str) -> os.stat_result | None:
    """Return a path's status, or None where nothing is; links are not followed."""
    _before("stat", path)
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_dir(path: str) -> bool:
    """Tell whether a real folder (not a link to one) is at ``path``."""
    found = stat(path)
    return found is not None and stat_module.S_ISDIR(found.st_mode)


# Copies


def copy_file(
    source: str,
    target: str,
    *,
    durable: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, str]:
    """Copy a file to a new name, hashing on the way; return its size and SHA-256.

    Holes of a sparse source stay holes. ``progress`` is called with the bytes done since last time.
    """
    digest, size, is_hole = hashlib.sha256(), 0, False
    _before("read", source)
    with open(source, "rb", buffering=0, opener=_open_at_once) as file:
        fd = open_fd(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            most = min(os.fstat(file.fileno()).st_size + 1, _CHUNK)
            while chunk := file.read(most):
                digest.update(chunk)
                size += len(chunk)
                is_hole = chunk == _ZEROS
                if is_hole:
                    os.lseek(fd, len(chunk), os.SEEK_CUR)
                else:
                    write_all(fd, chunk, target)
                if progress is not None:
                    progress(len(chunk))
            if is_hole:
                _before("truncate", target)
                os.ftruncate(fd, size)
            if durable:
                sync_fd(fd, target)
        finally:
            close_fd(fd, target)
    return size, digest.hexdigest()


def clone_file(source: str, target: str) -> bool:
    """Let a new file share a file's blocks until one of them is written (a reflink).

    Tells whether the file system can; where it cannot, no target is left.
    """
    _before("clone", target)
    if not sys.platform.startswith("linux"):
        return False
    with open(source, "rb", buffering=0) as file:
        fd = open_fd(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            fcntl.ioctl(fd, _FICLONE, file.fileno())
        except OSError:
            discard(target)
            return False
        finally:
            close_fd(fd, target)
    return True


def hash_file(path: str, progress: Callable[[int], None] | None = None) -> tuple[int, str]:
    """Return a file's size and SHA-256, read in pieces."""
    digest, size = hashlib.sha256(), 0
    _before("read", path)
    with open(path, "rb", buffering=0, opener=_open_at_once) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if progress is not None:
                progress(len(chunk))
    return size, digest.hexdigest()


# Memory maps


def allocate(fd: int, size: int, path: str, *, start: int = 0) -> None:
    """Reserve a file's blocks, so that a full disk is an error here and not a SIGBUS later.

    Args:
        fd: The file.
        size: The size that the file has afterwards.
        path: Its name, for the fault hook.
        start: The size that it has now.
    """
    _before("allocate", path)
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, start, size - start)
    else:
        write_at(fd, bytes(size - start), start, path)


def map_shared(fd: int, size: int, path: str) -> mmap.mmap:
    """Map a file for reading and writing, shared with other processes."""
    _before("map", path)
    return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def flush_map(mapped: mmap.mmap, path: str) -> None:
    """Make a map's bytes survive power loss (msync)."""
    _before("fsync", path)
    mapped.flush()


# Swapping

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_RENAME_SWAP: Final = 2


def exchange(first: str, second: str) -> bool:
    """Swap two names in one step; tell whether the system can."""
    _before("exchange", second)
    if sys.platform == "win32":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(first), os.fsencode(second)
    if hasattr(libc, "renameat2"):
        result = libc.renameat2(_AT_FDCWD, a, _AT_FDCWD, b, _RENAME_EXCHANGE)
    elif hasattr(libc, "renamex_np"):
        result = libc.renamex_np(a, b, _RENAME_SWAP)
    else:
        return False
    if result == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), second)
