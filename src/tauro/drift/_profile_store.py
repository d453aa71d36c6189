"""Profiles kept with model versions, in the store."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from tauro._internal._close import did_you_mean
from tauro.drift._profile import ReferenceProfile
from tauro.errors import DriftInputError, StorageNotFoundError
from tauro.storage import StorageBackend, get_active_storage

_FOLDER = "monitoring/drift_profiles"


class ProfileStore:
    """The reference profiles of model versions.

    Args:
        storage: Where they are kept; the active store by default.
    """

    def __init__(self, storage: StorageBackend | None = None) -> None:
        self._storage = storage if storage is not None else get_active_storage()

    def save(self, name: str, version: int, profile: ReferenceProfile) -> None:
        """Keep the profile of a version, in place of one it may have.

        Raises:
            StorageError: The store cannot be written.
        """
        self._storage.write_json(profile.to_dict(), _path(name, version))

    def find(self, name: str, version: int) -> ReferenceProfile | None:
        """Return the profile of a version, or None where none is kept."""
        try:
            return ReferenceProfile.from_dict(self._storage.read_json(_path(name, version)))
        except StorageNotFoundError:
            return None

    def get(self, name: str, version: int, *, former_names: Iterable[str] = ()) -> ReferenceProfile:
        """Return the profile of a version.

        Args:
            name: The model.
            version: Its version.
            former_names: What the model was called before: a profile stays where it was kept.

        Raises:
            DriftInputError: None is kept.
        """
        kept_as = (self.find(one, version) for one in (name, *former_names))
        profile = next((one for one in kept_as if one is not None), None)
        if profile is None:
            kept = [str(one) for one in self.versions(name)]
            hints = [f"Profiles are kept of versions {', '.join(kept)}."] if kept else []
            raise DriftInputError(
                f"No drift profile is kept of version {version} of model {name!r}.",
                context={"model": name, "version": version},
                suggestions=[
                    *hints,
                    *did_you_mean(str(version), kept),
                    f"Keep one: tauro drift TRAINING_DATA --model {name} --keep",
                ],
            )
        return profile

    def versions(self, name: str) -> list[int]:
        """Return the versions of a model whose profile is kept, in order."""
        folder = f"{_FOLDER}/{quote(name, safe='')}/"
        paths = self._storage.list_paths(folder)
        stems = [path.rpartition("/v")[2].removesuffix(".json") for path in paths]
        return sorted(int(stem) for stem in stems if stem.isdecimal())


def _path(name: str, version: int) -> str:
    return f"{_FOLDER}/{quote(name, safe='')}/v{version}.json"
