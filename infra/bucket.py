"""One bucket of S3 as the second place of files: every object compared by checksum with its file.

S3 keeps the checksum of what it received; held against the file's it proves the copy without
fetching it. A large file goes up in parts, and its checksum is then that of the parts' checksums.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from infra import cloud
from trading_core.errors import CheckFailed, NotVerified
from trading_core.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PART_BYTES = 32 << 20
_TRANSFER = TransferConfig(
    multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4
)
_DELETED_AT_ONCE_MAX = 1000


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and the part of it that is ours.

    Attributes:
        prefix: Every key begins with it: the site's name and a slash.
    """

    s3: "S3Client"
    name: str
    prefix: str

    @classmethod
    def of(cls, settings: Settings) -> "Bucket":
        """Return the bucket of backups.

        Raises:
            ConfigurationError: There are no credentials.
        """
        return cls(cloud.client(settings, "s3"), settings.backup_bucket, f"{settings.site}/")

    def ensure(self) -> None:
        """Make sure that the bucket is there.

        Raises:
            Unreachable: S3 does not answer.
            CheckFailed: It belongs to somebody else.
        """
        with cloud.asked(f"bucket {self.name}"):
            try:
                self.s3.head_bucket(Bucket=self.name)
            except ClientError as error:
                if not _is_absent(error):
                    raise
                region = self.s3.meta.region_name
                if region == "us-east-1":  # the one region that must not be named
                    self.s3.create_bucket(Bucket=self.name)
                else:
                    where = {"LocationConstraint": region}
                    self.s3.create_bucket(Bucket=self.name, CreateBucketConfiguration=where)  # type: ignore[arg-type]  # any region's name

    def holds(self, key: str, path: Path) -> bool:
        """Whether the object is there and has the file's checksum.

        Raises:
            Unreachable: S3 does not answer.
        """
        with cloud.asked(f"object {key}"):
            try:
                found = self.s3.head_object(
                    Bucket=self.name, Key=self.prefix + key, ChecksumMode="ENABLED"
                )
            except ClientError as error:
                if _is_absent(error):
                    return False
                raise
        # S3 adds the number of parts after a dash; not everybody who speaks as S3 does.
        return found.get("ChecksumSHA256", "").partition("-")[0] == checksum(path)

    def put(self, key: str, path: Path, sha256: str | None = None) -> None:
        """Copy a file into the bucket, and look that it arrived as it is.

        Args:
            key: Its name there, after the prefix.
            path: The file.
            sha256: Its SHA-256, hex, kept with the object for whoever fetches it.

        Raises:
            Unreachable: S3 did not answer; whether it has the file is unknown.
            NotVerified: It has something else.
        """
        with cloud.asked(f"copy {path.name} to bucket {self.name}"):
            self.s3.upload_file(
                str(path),
                self.name,
                self.prefix + key,
                ExtraArgs={
                    "ChecksumAlgorithm": "SHA256",
                    "Metadata": {} if sha256 is None else {"sha256": sha256},
                },
                Config=_TRANSFER,
            )
        if not self.holds(key, path):
            raise NotVerified(
                f"object {key}: expected the checksum of {path}, was another",
                next_step="run this again: it is copied anew",
            )

    def fetch(self, key: str, into: Path) -> None:
        """Copy an object into a file that does not exist yet.

        Raises:
            Unreachable: S3 did not answer.
            CheckFailed: There is no such object, or what arrived is not what was sent.
        """
        draft = into.with_name(f".{into.name}.part")
        with cloud.asked(f"fetch {key} from bucket {self.name}"):
            self.s3.download_file(self.name, self.prefix + key, str(draft))
        if not self.holds(key, draft):
            draft.unlink()
            raise CheckFailed(
                f"object {key}: expected to arrive as it was sent, did not",
                next_step="run this again; if it repeats, use another backup",
            )
        draft.replace(into)

    def keys(self, under: str) -> dict[str, int]:
        """Return the objects whose key begins with `under`: their size in bytes, by key.

        Raises:
            Unreachable: S3 does not answer.
        """
        found: dict[str, int] = {}
        pages = self.s3.get_paginator("list_objects_v2")
        with cloud.asked(f"list {under} of bucket {self.name}"):
            try:
                for page in pages.paginate(Bucket=self.name, Prefix=self.prefix + under):
                    for one in page.get("Contents", []):
                        found[one["Key"].removeprefix(self.prefix)] = one["Size"]
            except ClientError as error:
                if not _is_absent(error):
                    raise
        return found

    def remove(self, keys: Iterable[str]) -> None:
        """Delete objects; fine when they are gone.

        Raises:
            Unreachable: S3 does not answer.
            NotVerified: It says that it did not delete all of them.
        """
        names = [{"Key": self.prefix + key} for key in keys]
        for first in range(0, len(names), _DELETED_AT_ONCE_MAX):
            batch = names[first : first + _DELETED_AT_ONCE_MAX]
            with cloud.asked(f"delete from bucket {self.name}"):
                answer = self.s3.delete_objects(Bucket=self.name, Delete={"Objects": batch})  # type: ignore[typeddict-item]  # a plain list
            if answer.get("Errors"):
                raise NotVerified(
                    f"bucket {self.name}: expected {len(batch)} objects deleted, were not: "
                    f"{answer['Errors'][:3]}",
                    next_step="look at what protects them, then run this again",
                )


def checksum(path: Path) -> str:
    """Return the checksum that S3 keeps of a file which `Bucket.put` copied."""
    digests: list[bytes] = []
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            digests.append(hashlib.sha256(part).digest())
    if path.stat().st_size < _PART_BYTES:
        return base64.b64encode(digests[0] if digests else hashlib.sha256().digest()).decode()
    return base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()


def _is_absent(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in ("404", "NoSuchBucket", "NoSuchKey")
