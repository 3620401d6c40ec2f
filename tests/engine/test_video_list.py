"""The list of videos: read once for as long as nothing changes, and told of also when another process made one."""

from __future__ import annotations

from pathlib import Path

from oavr_tui.engine.engine import Engine
from oavr_tui.engine.events import VideosChanged
from oavr_tui.models import JobState, Video
from oavr_tui.paths import Paths
from tests.engine.engines import engine_on
from tests.engine.yards import job


def video(folder: Path, name: str, at: float) -> Video:
    """A video whose file is there."""
    path = folder / f"{name}.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"film")
    path.with_suffix(".json").write_text(f'{{"app": "oavr-tui", "job_id": "{name}", "bytes": 4}}')
    made = job(name)
    return Video(name, name, name, str(path), 2.0, 480, 832, 25.0, 4, 1, "here", 1.0, at, True, made.request)


async def shelved(engine: Engine, *videos: Video) -> None:
    for one in videos:
        await engine._record(one)


async def test_they_come_newest_first_and_are_read_again_only_when_something_changed(home: Paths) -> None:
    async with engine_on(home) as engine, engine_on(home) as other:
        await shelved(engine, video(home.videos, "a", 1.0), video(home.videos, "b", 2.0))
        first = await engine.videos()
        assert [one.id for one in first] == ["b", "a"]
        assert await engine.videos() is first
        await shelved(other, video(home.videos, "c", 3.0))
        assert [one.id for one in await engine.videos()] == ["c", "b", "a"]


async def test_the_one_deleted_last_comes_back_first(home: Paths) -> None:
    async with engine_on(home) as engine:
        one, two = video(home.videos, "a", 1.0), video(home.videos, "b", 2.0)
        await shelved(engine, one, two)
        await engine.delete_video(two)
        await engine._around.sleep(1.0)
        await engine.delete_video(one)
        assert await engine.videos() == ()
        assert await engine.undo_delete() == one
        assert await engine.undo_delete() == two
        assert Path(one.path).exists() and Path(two.path).exists()
        assert await engine.undo_delete() is None


async def test_a_video_in_the_folder_of_before_can_be_deleted_and_brought_back(home: Paths, tmp_path: Path) -> None:
    async with engine_on(home) as engine:
        old = video(home.videos, "a", 1.0)
        await shelved(engine, old)
        await engine.change_setting("videos.folder", str(tmp_path / "new"))
        await engine.delete_video(old)
        assert not Path(old.path).exists()
        assert (home.videos / ".trash" / "a").is_dir()
        assert await engine.undo_delete() == old
        assert Path(old.path).exists()


async def test_a_video_made_by_another_process_is_told(home: Paths) -> None:
    async with engine_on(home) as driver, engine_on(home) as app:
        made = job("a", on="preview", state=JobState.FETCHING)
        await driver._queue.add(made)
        await app.refresh()
        with app.listen() as events:
            await driver._queue.finish(made, video(home.videos, "a", 1.0))
            await app.refresh()
            await app.refresh()
            told = [event.video.id for event in events._events if isinstance(event, VideosChanged)]
        assert told == ["a"]
