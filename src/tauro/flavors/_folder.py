"""The files of a saved model, each checked against its recorded hash before it is used."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from tauro._internal import _fs
from tauro._internal._translated import Translated
from tauro.errors import CorruptDataError, FlavorError, StorageError
from tauro.flavors._models import SPEC_FILE


def hash_files(folder: Path) -> dict[str, str]:
    """Return name to SHA-256 of every file below a folder, but not of the description.

    Raises:
        StorageError: One of them cannot be read.
    """
    with Translated(functools.partial(_unreadable, folder)):
        names = sorted(Path(file).relative_to(folder).as_posix() for file in _walk(folder))
        return {name: _fs.hash_file(str(folder / name))[1] for name in names if name != SPEC_FILE}


def _unreadable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"The files of the model in {folder} cannot be read: {error.strerror or error}.",
        context={"path": str(error.filename or folder), "errno": error.errno},
        suggestions=["Check the disk and the permissions, then try again."],
    )


def _walk(folder: Path) -> list[str]:
    return list(_fs.walk_files(str(folder)))


def _is_inside(name: str) -> bool:
    """Tell whether a name, which a description gives, stays within its folder."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts


class ModelFolder:
    """A folder of model files.

    Args:
        path: The folder.
        hashes: Name to SHA-256 of the files that may be used; None trusts the folder as it is.
    """

    def __init__(self, path: Path, hashes: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._hashes = hashes

    def check(self, *, beside: Collection[str] = ()) -> None:
        """Check every file.

        Args:
            beside: Names that need not be recorded.

        Raises:
            CorruptDataError: A file is missing, changed, or was never recorded.
        """
        if self._hashes is None:
            return
        found = {Path(file).relative_to(self.path).as_posix() for file in _walk(self.path)}
        missing, foreign = set(self._hashes) - found, found - set(self._hashes) - set(beside)
        for names, what in ((missing, "is missing"), (foreign, "was added after it was saved")):
            if names:
                raise CorruptDataError(
                    f"The model in {self.path} is not as it was saved: {min(names)!r} {what}.",
                    context={"files": sorted(names)},
                )
        for name in self._hashes:
            self._compare(name, _fs.hash_file(str(self.path / name))[1])

    def read(self, name: str) -> bytes:
        """Return a file's bytes, checked: what is returned is what was hashed.

        Raises:
            FlavorError: There is no such file.
            CorruptDataError: The bytes are not those that were saved.
        """
        if not _is_inside(name) or (self._hashes is not None and name not in self._hashes):
            raise self._absent(name)
        try:
            data = _fs.read_bytes(str(self.path / name))
        except FileNotFoundError as error:
            raise self._absent(name) from error
        if self._hashes is not None:
            self._compare(name, hashlib.sha256(data).hexdigest())
        return data

    def below(self, name: str) -> dict[str, bytes]:
        """Return the checked bytes of every recorded file below a folder, by name within it."""
        start = name + "/"
        known = [known for known in self._hashes or {} if known.startswith(start)]
        return {each[len(start) :]: self.read(each) for each in known}

    def file(self, name: str) -> Path:
        """Return the path of a recorded file, or of a folder of recorded files.

        Raises:
            FlavorError: There is no such file.
        """
        path = self.path / name
        recorded = self._hashes is None or any(
            known == name or known.startswith(name + "/") for known in self._hashes
        )
        if not _is_inside(name) or not recorded or not path.exists():
            raise self._absent(name)
        return path

    def _absent(self, name: str) -> FlavorError:
        return FlavorError(
            f"The model in {self.path} has no file {name!r}.", context={"file": name}
        )

    def _compare(self, name: str, found: str) -> None:
        expected = (self._hashes or {}).get(name)
        if expected is not None and found != expected:
            raise CorruptDataError(
                f"{name!r} of the model in {self.path} was changed after it was saved; "
                "it was not opened.",
                context={"file": name, "expected": expected, "got": found},
                suggestions=["Download the artifact again, or load another version."],
            )
