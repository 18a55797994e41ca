"""A bundle: everything that a forecast needs, frozen in one folder that is whole or refused.

`<id>/manifest.json` and one `<member>.onnx` for each model.  The manifest names every file with its size and
SHA-256; the folder's name ends in the first 12 hex digits of the SHA-256 of the manifest, so one changed byte
anywhere is noticed.  Nothing in a bundle is code and nothing is a pickle.

Which bundle is in use is the registry's business, making forecasts is `serving`'s.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
from pathlib import Path

import msgspec
import numpy as np

from minhos import parts
from minhos.errors import ModelError
from minhos.market.types import NANOS_PER_SECOND
from minhos.models.calibration import Calibrator
from minhos.models.payoff import Payoff
from minhos.models.storage import flush_folder, partial_path, write_flushed

FORMAT = 1
MANIFEST = "manifest.json"
HASH_DIGITS = 12
MEMBER_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a bundle beside its models."""

    recipe_id: str
    instrument_root: str
    symbol: str
    simulated: bool
    feature_names: tuple[str, ...]
    """In the order of a row."""
    feature_version: str | int
    window: int
    """Rows of a window."""
    weights: dict[str, float]
    """Of every member of the recipe, so that one without a file counts as missing at run time."""
    calibrator: Calibrator
    payoff: Payoff
    seeds: tuple[int, ...]
    data_hash: str
    data_range: tuple[int, int, int]
    """First and last close (UTC ns) and number of bars."""
    created_ns: int
    parent: str
    """Id of the bundle that this one replaces, or empty."""
    report: dict[str, object]
    """The figures of training as plain JSON values, with the key `verdict`."""
    minhos_version: str
    parts: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    """The user's features and members that it was trained with, with version and digest; unset for none, so that such
    a bundle is written as 0.1.0 wrote it."""
    adjusted: str | msgspec.UnsetType = msgspec.UNSET
    """Why the prices that it was trained on are not those that were traded; unset where they are."""
    regular_hours: bool | msgspec.UnsetType = msgspec.UNSET
    """True where it was trained on regular hours alone; unset where the night was there."""


class BundleContents(Trained, frozen=True, kw_only=True):
    """What training hands over."""

    members: dict[str, bytes]
    """ONNX file of each member that could be trained, by name."""


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Size in bytes and SHA-256 (hex) of a file of the bundle."""

    size: int
    sha256: str


class Manifest(Trained, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lies on the disk: in the place of the members' bytes, their sizes and hashes."""

    format: int
    files: dict[str, FileEntry]

    @property
    def features_of_the_user(self) -> dict[str, str]:
        """Those of `parts` that must run where it serves; a member is an ONNX file and needs no code there."""
        named = self.parts or {}
        return {key: identity for key, identity in named.items() if key.startswith(f"{parts.features.kind} ")}

    @property
    def scope(self) -> str:
        """Where it may be active: "NQ", or "simulated/NQ"."""
        return scope_of(self.instrument_root, self.simulated)


class BundleInfo(msgspec.Struct, frozen=True):
    """A line of the registry's list.  status: active, candidate, previous or damaged; why: a sentence about it.

    verdict: edge, no_edge or too_little_data, as training found.  Of a damaged bundle only id and path are sure.
    """

    id: str
    path: Path
    scope: str = ""
    recipe_id: str = ""
    symbol: str = ""
    simulated: bool = False
    created_ns: int = 0
    verdict: str = ""
    members: tuple[str, ...] = ()
    data_range: tuple[int, int, int] = (0, 0, 0)
    parent: str = ""
    minhos_version: str = ""
    status: str = "candidate"
    why: str = ""


class Bundle(msgspec.Struct, frozen=True):
    """A verified bundle in memory; members: ONNX bytes by name."""

    id: str
    path: Path
    manifest: Manifest
    members: dict[str, bytes]

    @property
    def info(self) -> BundleInfo:
        return info_of(self.path, self.manifest)


def scope_of(instrument_root: str, simulated: bool) -> str:
    """The name under which one bundle may be active: "NQ", or "simulated/NQ" for a generated market."""
    return f"simulated/{instrument_root}" if simulated else instrument_root


def info_of(path: Path, manifest: Manifest) -> BundleInfo:
    """The manifest's line for a list, status candidate."""
    return BundleInfo(
        id=path.name,
        path=path,
        scope=manifest.scope,
        recipe_id=manifest.recipe_id,
        symbol=manifest.symbol,
        simulated=manifest.simulated,
        created_ns=manifest.created_ns,
        verdict=str(manifest.report.get("verdict", "")),
        members=tuple(name.removesuffix(".onnx") for name in manifest.files),
        data_range=manifest.data_range,
        parent=manifest.parent,
        minhos_version=manifest.minhos_version,
    )


def write_bundle(contents: BundleContents, folder: Path) -> BundleInfo:
    """Write a bundle into `folder`, flushed to the disk, in one step: a process killed on the way leaves none.

    Raises ModelError when the contents contradict themselves.  The same contents give the same id; writing them
    again changes nothing.
    """
    _check(contents)
    raw = msgspec.json.format(msgspec.json.encode(_plain_manifest(contents), enc_hook=_plain), indent=1) + b"\n"
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.ValidationError as error:
        raise ModelError(f"The new bundle's manifest is not valid: {error}.") from error
    bundle_id = _id_of(manifest, raw)
    target = folder / bundle_id
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = partial_path(folder)
        partial.mkdir()
        try:
            for name, data in contents.members.items():
                write_flushed(partial / f"{name}.onnx", data)
            write_flushed(partial / MANIFEST, raw)
            flush_folder(partial)
            os.rename(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        flush_folder(folder)
    return info_of(target, manifest)


def load_bundle(path: Path, *, feature_names: tuple[str, ...], feature_version: str | int) -> Bundle:
    """Read and verify a bundle for the features that run; ModelError says what does not fit.

    The user's features that it was trained with must be loaded as they were then.
    """
    manifest, members = verify_bundle(path)
    here = parts.identities(parts.features)
    found = parts.differences(
        manifest.features_of_the_user, here, made=f"Bundle {path.name} was trained", now="this process"
    )
    if found:
        raise ModelError(
            f"{'; '.join(found)}: put [user] file in minhos.toml back to what it was then, or train a new one."
        )
    if manifest.feature_version != feature_version:
        raise ModelError(
            f"Bundle {path.name} was trained on features of version {manifest.feature_version}, these are of version "
            f"{feature_version}; train a new one."
        )
    if manifest.feature_names != tuple(feature_names):
        differing = sorted(set(manifest.feature_names) ^ set(feature_names))
        what = f"they differ in {', '.join(differing)}" if differing else "the order differs"
        raise ModelError(
            f"Bundle {path.name} was trained on {len(manifest.feature_names)} features, {len(feature_names)} run now "
            f"and {what}; train a new one."
        )
    return Bundle(path.name, path, manifest, members)


def verify_bundle(path: Path) -> tuple[Manifest, dict[str, bytes]]:
    """The manifest and the members' bytes after every check that needs no features; ModelError if one fails."""
    manifest = read_manifest(path)
    found = {entry.name for entry in path.iterdir()} - {MANIFEST}
    if missing := sorted(manifest.files.keys() - found):
        raise ModelError(f"Bundle {path.name} is damaged: {', '.join(missing)} is missing.")
    if extra := sorted(found - manifest.files.keys()):
        raise ModelError(
            f"Bundle {path.name} holds {', '.join(extra)}, which its manifest does not name; it is refused."
        )
    return manifest, {name.removesuffix(".onnx"): _verified(path / name, e) for name, e in manifest.files.items()}


def read_manifest(path: Path) -> Manifest:
    """The manifest, checked against the folder's name; the members are not read.  Raises ModelError."""
    try:
        raw = (path / MANIFEST).read_bytes()
    except OSError as error:
        raise ModelError(f"There is no bundle at {path}: {error.strerror or error}.") from error
    if not path.name.endswith("-" + _digest(raw)[:HASH_DIGITS]):
        raise ModelError(f"Bundle {path.name} is damaged: its manifest is not the one that was written.")
    try:
        manifest = msgspec.json.decode(raw, type=Manifest)
    except msgspec.DecodeError as error:
        raise ModelError(f"Bundle {path.name} cannot be read by this version of MinhOS: {error}.") from error
    if manifest.format != FORMAT:
        raise ModelError(f"Bundle {path.name} has format {manifest.format}, this version of MinhOS reads {FORMAT}.")
    if path.name != _id_of(manifest, raw):
        raise ModelError(f"Bundle {path.name} was renamed; its name is {_id_of(manifest, raw)}.")
    return manifest


def _verified(path: Path, entry: FileEntry) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"Bundle {path.parent.name} is damaged: {path.name}: {error.strerror or error}.") from error
    if len(data) != entry.size:
        raise ModelError(
            f"Bundle {path.parent.name} is damaged: {path.name} has {len(data)} bytes instead of {entry.size}."
        )
    if _digest(data) != entry.sha256:
        raise ModelError(f"Bundle {path.parent.name} is damaged: the contents of {path.name} were changed.")
    return data


def _plain_manifest(contents: BundleContents) -> dict[str, object]:
    """The fields of `Manifest` by name."""
    values = {name: getattr(contents, name) for name in contents.__struct_fields__ if name != "members"}
    files = {f"{name}.onnx": FileEntry(len(data), _digest(data)) for name, data in sorted(contents.members.items())}
    given = {name: value for name, value in values.items() if value is not msgspec.UNSET}
    return {"format": FORMAT, **given, "files": files}


def _check(contents: BundleContents) -> None:
    if not contents.members:
        raise ModelError("The bundle holds no model at all; nothing could be trained.")
    for name in contents.members:
        if not MEMBER_NAME.fullmatch(name):
            raise ModelError(f"{name!r} cannot name a model: use lower-case letters, digits and underscores.")
        if not contents.weights.get(name, 0.0) >= 0.0 or name not in contents.weights:
            raise ModelError(f"Model {name} has weight {contents.weights.get(name)}; it needs one of zero or more.")
    if not sum(contents.weights[name] for name in contents.members) > 0.0:
        raise ModelError("The weights of the bundle's models add up to nothing; at least one must count.")
    if contents.window < 1 or len(set(contents.feature_names)) != len(contents.feature_names):
        raise ModelError(f"A window of {contents.window} rows or a feature named twice cannot be served.")


def _id_of(manifest: Manifest, raw: bytes) -> str:
    created = dt.datetime.fromtimestamp(manifest.created_ns // NANOS_PER_SECOND, dt.UTC)
    scope = manifest.scope.replace("/", "-")
    return f"{scope}-{created:%Y%m%dT%H%M%SZ}-{_digest(raw)[:HASH_DIGITS]}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _plain(value: object) -> object:
    """numpy's scalars and arrays as plain numbers and lists, by their own method `tolist`."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise ModelError(f"A bundle's report holds plain values only, not {type(value).__name__}.")
