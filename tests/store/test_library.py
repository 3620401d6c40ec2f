from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from oavr_tui import __version__
from oavr_tui.errors import BadInput, DiskFull, Rejected
from oavr_tui.models import Video
from oavr_tui.store import disk, library
from oavr_tui.store.library import Library
from oavr_tui.store.tags import request_from_sidecar, sidecar_for
from tests.limits import files_no_larger_than
from tests.store.helpers import PowerCut, make_video


class Clock:
    now = 2_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shelf(tmp_path: Path, clock: Clock) -> Library:
    return Library(tmp_path / "videos", now=clock)


def finished(tmp_path: Path, content: bytes = b"a video") -> Path:
    temp = tmp_path / "work" / "finished.mp4"
    temp.parent.mkdir(exist_ok=True)
    temp.write_bytes(content)
    return temp


def added(
    shelf: Library, tmp_path: Path, job_id: str = "job-1", title: str = "Hello", content: bytes = b"a video"
) -> Video:
    target = shelf.reserve(title, job_id)
    video = replace(make_video(job_id, job_id=job_id), path=str(target), title=target.stem)
    return replace(video, bytes=shelf.add(finished(tmp_path, content), target, video))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_video_stands_under_a_readable_name_with_all_that_made_it(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path, title="Grüße / aus Köln")
    path = Path(video.path)
    assert path.name == "Grüße-aus-Köln.mp4" and path.read_bytes() == b"a video" and video.bytes == 7
    assert not (tmp_path / "work" / "finished.mp4").exists()
    sidecar = path.with_suffix(".json")
    content = json.loads(sidecar.read_text())
    assert (content["app"], content["app_version"], content["bytes"]) == ("oavr-tui", __version__, 7)
    assert request_from_sidecar(sidecar) == replace(video.request, seed=video.seed)
    assert shelf.adopt("job-1") == video
    assert path.stat().st_mode & 0o777 == 0o644
    assert names(shelf.folder) == ["Grüße-aus-Köln.json", "Grüße-aus-Köln.mp4"]


def test_a_ready_sidecar_is_taken_too(shelf: Library, tmp_path: Path) -> None:
    target = shelf.reserve("x", "job-1")
    video = replace(make_video(), path=str(target), bytes=7)
    assert shelf.add(finished(tmp_path), target, sidecar_for(video)) == 7
    assert shelf.adopt("job-1") == video


def test_names_never_collide(shelf: Library, tmp_path: Path) -> None:
    assert [Path(added(shelf, tmp_path, f"job-{n}").path).name for n in range(3)] == [
        "Hello.mp4",
        "Hello-2.mp4",
        "Hello-3.mp4",
    ]
    (shelf.folder / "Other.mp4").write_bytes(b"the person's own")
    (shelf.folder / "Other-2.json").write_text("the person's own")
    (shelf.folder / "Other-3.mp4").symlink_to("nowhere")
    assert shelf.reserve("Other", "job-9").name == "Other-4.mp4"
    assert (shelf.folder / "Other.mp4").read_bytes() == b"the person's own"


def test_a_job_has_one_name_however_often_it_asks(shelf: Library, tmp_path: Path) -> None:
    first = [added(shelf, tmp_path, f"job-{n}") for n in range(2)]
    target = shelf.reserve("Hello", "job-x")
    shelf.delete(first[0])
    assert shelf.reserve("Hello", "job-x") == target, "also when a better name has become free"
    assert shelf.reserve("Another title", "job-x") == target
    assert Library(shelf.folder).reserve("Hello", "job-x") == target


def test_processes_that_reserve_at_once_get_different_names(shelf: Library) -> None:
    program = (
        "import sys; from pathlib import Path; from oavr_tui.store.library import Library;"
        "shelf = Library(Path(sys.argv[1]));"
        "[print(shelf.reserve('Hello', f'{sys.argv[2]}-{n}').name) for n in range(30)]"
    )
    command = [sys.executable, "-c", program, str(shelf.folder)]
    running = [subprocess.Popen([*command, who], stdout=subprocess.PIPE, text=True) for who in ("a", "b")]
    given = [name for process in running for name in process.communicate(timeout=60)[0].split()]
    assert len(given) == len(set(given)) == 60


def test_a_foreign_file_in_our_place_is_not_overwritten(shelf: Library, tmp_path: Path) -> None:
    target = shelf.reserve("Hello", "job-1")
    target.write_bytes(b"the person's own")
    with pytest.raises(Rejected, match="not overwritten") as caught:
        shelf.add(finished(tmp_path), target, make_video())
    assert caught.value.can_retry and shelf.adopt("job-1") is None
    again = shelf.reserve("Hello", "job-1")
    assert again.name == "Hello-2.mp4"
    shelf.add(finished(tmp_path), again, make_video())
    assert target.read_bytes() == b"the person's own" and again.read_bytes() == b"a video"


@contextmanager
def stopped_at(monkeypatch: pytest.MonkeyPatch, step: int) -> Iterator[list[int]]:
    """Let power be cut before the given one of the steps by which names come and go in the videos folder."""
    counted = [0]

    def stepping(real: object) -> object:
        def call(*arguments: object, **named: object) -> object:
            counted[0] += 1
            if counted[0] > step:
                raise PowerCut
            return real(*arguments, **named)  # type: ignore[operator]

        return call

    with monkeypatch.context() as patch:
        for name in ("unlink", "rename", "replace", "hardlink_to", "mkdir", "rmdir"):
            patch.setattr(Path, name, stepping(getattr(Path, name)))
        patch.setattr(disk, "sync_folder", stepping(disk.sync_folder))
        patch.setattr(library, "full_sync", stepping(disk.full_sync))
        patch.setattr(shutil, "rmtree", stepping(shutil.rmtree))
        yield counted


def test_a_kill_between_any_two_steps_makes_no_video_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(100):
        shelf = Library(tmp_path / f"videos-{step}")
        finished(tmp_path)
        with stopped_at(monkeypatch, step):
            try:
                added(shelf, tmp_path)
                whole = True
            except PowerCut:
                whole = False
        temp = tmp_path / "work" / "finished.mp4"
        if shelf.adopt("job-1") is None:
            assert temp.read_bytes() == b"a video", step
            target = shelf.reserve("Hello", "job-1")
            shelf.add(temp, target, replace(make_video(), path=str(target)))
        elif temp.exists():
            shelf.add(temp, shelf.reserve("Hello", "job-1"), make_video())
        video = shelf.adopt("job-1")
        assert video is not None and Path(video.path).read_bytes() == b"a video"
        assert [name for name in names(shelf.folder) if name.endswith(".mp4")] == ["Hello.mp4"]
        shelf.tidy(set(), min_age=-1.0)
        assert names(shelf.folder) == ["Hello.json", "Hello.mp4"]
        if whole:
            break
    assert whole and step > 5


@pytest.mark.parametrize("direction", ["delete", "undo"])
def test_a_kill_while_deleting_or_bringing_back_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: str
) -> None:
    for step in range(100):
        shelf = Library(tmp_path / f"videos-{step}")
        video = added(shelf, tmp_path)
        if direction == "undo":
            shelf.delete(video)
        with stopped_at(monkeypatch, step):
            try:
                getattr(shelf, direction)(video)
                whole = True
            except PowerCut:
                whole = False
        if direction == "delete":
            shelf.delete(video)
            assert names(shelf.folder) == [".trash"]
        assert shelf.undo(video) == Path(video.path)
        assert Path(video.path).read_bytes() == b"a video"
        assert shelf.adopt("job-1") == video
        if whole:
            break
    assert whole and step > 2


def test_delete_moves_to_the_trash_and_undo_brings_back(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path)
    entry = shelf.delete(video)
    assert names(entry) == ["Hello.json", "Hello.mp4"] and names(shelf.folder) == [".trash"]
    assert shelf.adopt("job-1") is None
    assert shelf.delete(video) == entry, "twice is fine"
    assert shelf.undo(video) == Path(video.path)
    assert Path(video.path).read_bytes() == b"a video" and shelf.adopt("job-1") == video
    assert names(shelf.folder / ".trash") == []
    assert shelf.undo(video) == Path(video.path), "twice is fine"


def test_undo_overwrites_nothing(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path)
    shelf.delete(video)
    other = added(shelf, tmp_path, "job-2", content=b"another")
    assert other.path == video.path
    back = shelf.undo(video)
    assert back.name == "Hello-2.mp4" and back.read_bytes() == b"a video"
    assert Path(other.path).read_bytes() == b"another"
    assert shelf.adopt("job-1") == replace(video, path=str(back))


def test_a_video_without_its_sidecar_gets_one_again(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path)
    Path(video.path).with_suffix(".json").unlink()
    shelf.delete(video)
    shelf.undo(video)
    assert shelf.adopt("job-1") == video


def test_a_foreign_json_beside_a_video_stays(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path)
    sidecar = Path(video.path).with_suffix(".json")
    sidecar.write_text('{"mine": true}')
    shelf.delete(video)
    assert sidecar.read_text() == '{"mine": true}'


def test_deleting_what_is_gone_is_fine_and_undoing_it_is_told(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path)
    Path(video.path).unlink()
    shelf.delete(video)
    with pytest.raises(Rejected, match="no longer in the trash"):
        shelf.undo(video)


@pytest.mark.parametrize("video_id", ["../../x", "", ".", "a/b", "-x", "a\0b"])
def test_an_id_never_leads_out_of_the_trash(shelf: Library, tmp_path: Path, video_id: str) -> None:
    video = added(shelf, tmp_path)
    with pytest.raises(BadInput):
        shelf.delete(replace(video, id=video_id))
    assert Path(video.path).exists()


def test_purge_removes_only_what_is_old_enough(shelf: Library, tmp_path: Path, clock: Clock) -> None:
    assert shelf.purge(0) == ()
    old, young = added(shelf, tmp_path, "old"), added(shelf, tmp_path, "young")
    shelf.delete(old)
    clock.now += 3600
    shelf.delete(young)
    (shelf.folder / ".trash" / "link").symlink_to(tmp_path / "work")
    (shelf.folder / ".trash" / "note.txt").write_text("mine")
    assert shelf.purge(3600) == ("old",)
    assert shelf.undo(young).exists() and (tmp_path / "work").exists()
    with pytest.raises(Rejected):
        shelf.undo(old)
    assert names(shelf.folder / ".trash") == ["link", "note.txt"]


def test_a_trash_elsewhere(tmp_path: Path, clock: Clock) -> None:
    shelf = Library(tmp_path / "videos", tmp_path / "rubbish", now=clock)
    video = added(shelf, tmp_path)
    assert shelf.delete(video) == tmp_path / "rubbish" / video.id
    assert names(shelf.folder) == []


def test_export_copies_whole_files(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    assert shelf.export(video, out) == out / "Hello.mp4"
    assert (out / "Hello.mp4").read_bytes() == b"a video"
    assert shelf.export(video, out / "mine.mp4") == out / "mine.mp4"
    (out / "mine.mp4").write_bytes(b"precious")
    with pytest.raises(BadInput, match="already"):
        shelf.export(video, out / "mine.mp4")
    assert (out / "mine.mp4").read_bytes() == b"precious"
    shelf.export(video, out / "mine.mp4", overwrite=True)
    assert (out / "mine.mp4").read_bytes() == b"a video"
    assert names(out) == ["Hello.mp4", "mine.mp4"]


def test_export_says_what_is_wrong(shelf: Library, tmp_path: Path) -> None:
    video = added(shelf, tmp_path, content=b"v" * 500_000)
    with pytest.raises(BadInput, match="There is no folder"):
        shelf.export(video, tmp_path / "absent" / "x.mp4")
    with pytest.raises(BadInput, match="the very file"):
        shelf.export(video, shelf.folder, overwrite=True)
    out = tmp_path / "out"
    out.mkdir()
    with files_no_larger_than(100_000), pytest.raises(DiskFull, match="could not be copied"):
        shelf.export(video, out)
    assert names(out) == []
    Path(video.path).unlink()
    with pytest.raises(BadInput, match="no longer in your videos folder"):
        shelf.export(video, out)


def test_an_unwritable_target_is_told(shelf: Library, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    video = added(shelf, tmp_path)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(Rejected, match="may not be written to"):
        shelf.export(video, closed)


def test_a_videos_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("in the way")
    with pytest.raises(Rejected, match="videos folder"):
        Library(tmp_path / "videos").reserve("x", "job-1")


def test_tidy_removes_what_killed_programs_left_and_nothing_else(shelf: Library, tmp_path: Path, clock: Clock) -> None:
    video = added(shelf, tmp_path, "done")
    live, dead = shelf.reserve("a", "live"), shelf.reserve("b", "dead")
    part = shelf.folder / ".oavr-x.part"
    part.write_bytes(b"half")
    (shelf.folder / "mine.json").write_text("{}")
    newest = max(path.stat().st_mtime for path in shelf.folder.iterdir())
    clock.now = newest + 60
    assert shelf.tidy({"live"}) == 0
    assert shelf.tidy({"live"}, min_age=60) == 2
    assert not part.exists() and not dead.with_suffix(".json").exists()
    assert live.with_suffix(".json").exists() and shelf.adopt("done") == video
    assert (shelf.folder / "mine.json").exists()


def test_a_file_system_without_links_overwrites_nothing_either(
    shelf: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(path: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    first, second = added(shelf, tmp_path, "job-1"), added(shelf, tmp_path, "job-2", content=b"another")
    assert (Path(first.path).name, Path(second.path).name) == ("Hello.mp4", "Hello-2.mp4")
    shelf.delete(first)
    assert shelf.undo(first) == Path(first.path)
    (tmp_path / "mine.mp4").write_bytes(b"mine")
    with pytest.raises(BadInput, match="already"):
        shelf.export(first, tmp_path / "mine.mp4")
    assert (tmp_path / "mine.mp4").read_bytes() == b"mine"
    assert names(shelf.folder) == [".trash", "Hello-2.json", "Hello-2.mp4", "Hello.json", "Hello.mp4"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_copy_takes_another_videos_place(shelf: Library, tmp_path: Path, overwrite: bool) -> None:
    first, second = added(shelf, tmp_path, "job-1"), added(shelf, tmp_path, "job-2", content=b"another")
    with pytest.raises(BadInput, match="inside your videos folder"):
        shelf.export(first, Path(second.path), overwrite=overwrite)
    assert Path(second.path).read_bytes() == b"another"


def test_another_disk_is_copied_to(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    import tempfile

    with tempfile.TemporaryDirectory(dir=elsewhere) as folder:
        shelf = Library(Path(folder) / "videos")
        video = added(shelf, tmp_path)
        assert Path(video.path).read_bytes() == b"a video"
        assert not (tmp_path / "work" / "finished.mp4").exists()
        assert names(shelf.folder) == ["Hello.json", "Hello.mp4"]
