"""The registry: which bundles there are, and which one is in use where, with who decided it and when.

Layout: `<root>/bundles/<id>/` and `<root>/active.json`, the pointer file with its whole history, replaced in one
step.  Any number of processes may use one registry at once, and any of them may be killed at any time: what was
true before stays true.  Bundles are never changed and never deleted here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock

from minhos.errors import ModelError
from minhos.models.bundle import BundleContents, BundleInfo, info_of, read_manifest, verify_bundle, write_bundle
from minhos.models.storage import PARTIAL_PREFIX, replace_file

SCOPE = re.compile(r"(simulated/)?[A-Z0-9]+")


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One decision: `id` was promoted, or became active again by a rollback."""

    action: Literal["promote", "rollback"]
    id: str
    who: str
    time_ns: int


class Pointers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The pointer file: every change, oldest first, by scope."""

    format: int = 1
    scopes: dict[str, tuple[Change, ...]] = {}


class Registry:
    """Bundles under one folder.  A scope is "NQ", or "simulated/NQ" (see `bundle.scope_of`)."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.bundles = self.root / "bundles"
        self._pointer_file = self.root / "active.json"
        self._lock_file = self.root / "lock"

    def save(self, contents: BundleContents) -> BundleInfo:
        """Write a new bundle as a candidate; nothing becomes active by it."""
        self.bundles.mkdir(parents=True, exist_ok=True)
        with FileLock(self._lock_file):
            for left_behind in self.bundles.glob(f"{PARTIAL_PREFIX}*"):
                shutil.rmtree(left_behind, ignore_errors=True)
            return write_bundle(contents, self.bundles)

    def list(self) -> Sequence[BundleInfo]:
        """All bundles, newest first, each verified byte by byte; damaged ones last."""
        stacks = {scope: _stack(changes) for scope, changes in self._pointers().scopes.items()}
        infos = [self._verified_info(path, stacks) for path in self._folders()]
        return sorted(infos, key=lambda info: (info.status == "damaged", -info.created_ns, info.id))

    def ids(self) -> tuple[str, ...]:
        """Of all bundles, unverified."""
        return tuple(sorted(path.name for path in self._folders()))

    def has(self, bundle_id: str) -> bool:
        """Whether a bundle of that id lies here."""
        return bundle_id in self.ids()

    def active(self, scope: str) -> BundleInfo | None:
        """The bundle in use in that scope, or None before the first promotion.

        Cheap enough to be asked often: only the manifest is read; `load_bundle` verifies the rest.  Raises
        ModelError when the pointer file, or the manifest of the bundle that it names, is damaged.
        """
        stack = _stack(self.history(scope))
        if not stack:
            return None
        path = self.bundles / stack[-1].id
        return msgspec.structs.replace(
            info_of(path, read_manifest(path)), status="active", why=_how(self.history(scope)[-1])
        )

    def history(self, scope: str) -> Sequence[Change]:
        """Every promotion and rollback of that scope, oldest first."""
        if not SCOPE.fullmatch(scope):
            raise ModelError(f"{scope!r} is no scope; write an instrument's root like NQ, or simulated/NQ.")
        return self._pointers().scopes.get(scope, ())

    def promote(self, bundle_id: str, who: str, time_ns: int) -> BundleInfo:
        """Make a bundle the active one of its scope, after verifying every byte of it; ModelError if it is damaged.

        Promoting the active bundle again changes nothing.
        """
        path = self._path(bundle_id)
        scope = verify_bundle(path)[0].scope
        with FileLock(self._lock_file):
            stack = _stack(self.history(scope))
            if not stack or stack[-1].id != bundle_id:
                self._append(scope, Change("promote", bundle_id, who, time_ns))
        return self._active_or_raise(scope)

    def rollback(self, scope: str, who: str, time_ns: int) -> BundleInfo:
        """Go back to the bundle that was active before the active one; a second rollback goes one further.

        Raises ModelError when there is none, or when it is damaged.
        """
        with FileLock(self._lock_file):
            stack = _stack(self.history(scope))
            if len(stack) < 2:
                raise ModelError(f"There is no earlier bundle for {scope} to go back to; promote one by its id.")
            verify_bundle(self.bundles / stack[-2].id)
            self._append(scope, Change("rollback", stack[-2].id, who, time_ns))
        return self._active_or_raise(scope)

    def _append(self, scope: str, change: Change) -> None:
        scopes = dict(self._pointers().scopes)
        scopes[scope] = (*scopes.get(scope, ()), change)
        raw = msgspec.json.format(msgspec.json.encode(Pointers(scopes=scopes)), indent=1)
        replace_file(self._pointer_file, raw + b"\n")

    def _pointers(self) -> Pointers:
        try:
            return msgspec.json.decode(self._pointer_file.read_bytes(), type=Pointers)
        except FileNotFoundError:
            return Pointers()
        except OSError as error:
            raise ModelError(
                f"The file {self._pointer_file}, which says what bundle is active, cannot be read ({error.strerror})."
            ) from error
        except msgspec.DecodeError as error:
            raise ModelError(
                f"The file {self._pointer_file}, which says what bundle is active, cannot be read ({error}); "
                "restore it from a backup, or delete it and promote a bundle."
            ) from error

    def _active_or_raise(self, scope: str) -> BundleInfo:
        info = self.active(scope)
        if info is None:
            raise ModelError(f"The file {self._pointer_file} disappeared while a bundle was made active in {scope}.")
        return info

    def _folders(self) -> Sequence[Path]:
        if not self.bundles.is_dir():
            return ()
        return [path for path in self.bundles.iterdir() if path.is_dir() and not path.name.startswith(PARTIAL_PREFIX)]

    def _path(self, bundle_id: str) -> Path:
        if not self.has(bundle_id):
            raise ModelError(
                f"There is no bundle {bundle_id!r} in {self.bundles}; `models list` names those there are."
            )
        return self.bundles / bundle_id

    def _verified_info(self, path: Path, stacks: dict[str, Sequence[Change]]) -> BundleInfo:
        try:
            manifest, _ = verify_bundle(path)
        except ModelError as error:
            return BundleInfo(path.name, path, status="damaged", why=str(error))
        info = info_of(path, manifest)
        stack = stacks.get(info.scope, ())
        if stack and stack[-1].id == info.id:
            return msgspec.structs.replace(info, status="active", why=_how(stack[-1]))
        for change in stack[:-1]:
            if change.id == info.id:
                return msgspec.structs.replace(info, status="previous", why=_how(change))
        return msgspec.structs.replace(info, why="never active, or rolled back")


def _stack(changes: Sequence[Change]) -> Sequence[Change]:
    """The bundles that a rollback goes back through; the last one is active."""
    stack: list[Change] = []
    for change in changes:
        if change.action == "rollback":
            if len(stack) < 2 or stack[-2].id != change.id:
                raise ModelError(
                    f"The history of promotions is contradictory: {change.who} rolled back to {change.id}, which was "
                    "not the bundle before; restore active.json from a backup, or delete it and promote a bundle."
                )
            stack[-2:] = [change]
        else:
            stack.append(change)
    return stack


def _how(change: Change) -> str:
    verb = "promoted" if change.action == "promote" else "made active again by a rollback"
    return f"{verb} by {change.who}"
