"""The data folder is ours alone, local, with room; otherwise one sentence says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import StorageError
from storage import files
from storage.files import (
    FileLock,
    check_local,
    check_room,
    free_bytes,
    mount_table,
    prepare_file,
    prepare_folder,
)

MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/local\\040disk xfs rw 0 0
//nas/share /mnt/nas cifs rw 0 0
garbage
"""


@pytest.mark.parametrize("folder", ["/srv/carrybot", "/home/me/local disk/data", "/"])
def test_a_local_disk_is_taken(folder: str) -> None:
    """The mount that lies deepest decides."""
    check_local(Path(folder), MOUNTS)
    check_local(Path(folder), "")


@pytest.mark.parametrize(
    ("folder", "kind"), [("/home/me/data", "nfs4"), ("/mnt/nas/bot", "cifs")]
)
def test_a_network_disk_is_refused(folder: str, kind: str) -> None:
    """Its locks do not keep a second bot out, and its log may be lost."""
    with pytest.raises(StorageError) as refusal:
        check_local(Path(folder), MOUNTS)

    assert str(refusal.value) == (
        f"The data folder {folder} is on a network disk ({kind}); use a local one."
    )


def test_a_name_that_only_begins_alike_is_another_folder() -> None:
    """/homework is not inside /home."""
    check_local(Path("/homework/data"), MOUNTS)


def test_no_table_of_mounts_is_no_obstacle(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not every system has one."""
    monkeypatch.setattr(files, "_MOUNTS", tmp_path / "none")

    assert mount_table() == ""


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The person must see which path of the settings is wrong."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(StorageError, match=r"data folder .*file/data cannot be used"):
        prepare_folder(tmp_path / "file" / "data")


def test_a_folder_open_to_everybody_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Others could swap our record; closing a shared folder would be worse."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    with pytest.raises(StorageError, match="Everybody may write to the data folder"):
        prepare_folder(shared)

    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_a_database_that_is_a_folder_is_named(tmp_path: Path) -> None:
    """A wrong path gets a sentence, not a stack trace."""
    with pytest.raises(StorageError, match="cannot be opened: Is a directory"):
        prepare_file(tmp_path)


def test_a_lock_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Without the lock nothing keeps a second bot out."""
    with pytest.raises(StorageError, match="cannot be made: No such file"):
        FileLock.take(tmp_path / "nowhere" / "lock")


def test_a_lock_may_be_released_twice(tmp_path: Path) -> None:
    """Closing twice must not close somebody else's file."""
    lock = FileLock.take(tmp_path / "lock")

    lock.release()
    lock.release()

    FileLock.take(tmp_path / "lock").release()


def test_enough_room_is_two_hundred_megabytes(tmp_path: Path) -> None:
    """The border is where the sentence says it is."""
    check_room(tmp_path, 200_000_000)

    with pytest.raises(StorageError) as refusal:
        check_room(tmp_path, 199_999_999)
    assert str(refusal.value) == (
        f"Only 199 MB are free for {tmp_path}; carrybot needs 200 MB to start."
    )
    assert free_bytes(tmp_path) > 0
