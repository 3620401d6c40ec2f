"""What a screen finds out about files before anything is made of them: is it usable, what is in it, how does it look.

A look is cancelled by cancelling whoever awaits it: its child process is killed, and the next look may begin.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from oavr_tui.engine.check_job import LARGEST_PICTURE, LARGEST_VOICE
from oavr_tui.engine.fetched import Fetched
from oavr_tui.engine.given import is_address, pasted, path_given, shown_name
from oavr_tui.engine.thumb_cache import ThumbCache
from oavr_tui.errors import BadInput
from oavr_tui.media.files import PICTURE, VOICE, Kind, open_regular
from oavr_tui.media.types import Heard, Raster
from oavr_tui.models import SIZES, PictureInfo, Shape, VoiceInfo, shape_of
from oavr_tui.paths import Paths
from oavr_tui.workflows.windows import frames_for, windows

PICTURE_SIDE = 120
"""Pixels of a portrait's Raster at most, in both directions: a widget of 120x60 cells shows no more."""
WAVEFORM_PARTS = 240
THUMBNAIL_DEADLINE = 20.0
"""Seconds for each file."""
DISK_DEADLINE = 20.0
"""Seconds to open a file; a network drive that is gone takes for ever."""
_REMEMBERED = 8
_MOST_UNDRAWABLE = 10_000

_PICTURES = re.compile(r"\.(jpe?g|jpe|jfif|png|webp|avif|gif|bmp|dib|tiff?|jp2|p[pgb]m|hei[cf])", re.IGNORECASE)
_VOICES = re.compile(
    r"\.(wav|mp3|flac|m4a|og[ga]|opus|aac|ac3|aif[fc]?|amr|au|caf|wma|wv|mka|w64"  # sound
    r"|mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|flv|3gp)",  # videos with sound
    re.IGNORECASE,
)

T = TypeVar("T")


def usable(path: Path) -> Literal["picture", "voice", ""]:
    """What a file could be used for, by its name alone."""
    if _PICTURES.fullmatch(path.suffix):
        return "picture"
    return "voice" if _VOICES.fullmatch(path.suffix) else ""


@dataclass(frozen=True, slots=True)
class PictureLook:
    """A picture that can be used. given: what to put into a Request. file: where it is now, for looking only."""

    given: str
    file: Path
    info: PictureInfo
    raster: Raster

    def shape(self, wanted: Shape) -> Shape:
        """The shape of the video: the wanted one, or the one that fits the picture."""
        return shape_of(self.info.width, self.info.height) if wanted is Shape.AUTO else wanted

    def crop_note(self, wanted: Shape) -> str:
        """A sentence about how much of it will be cropped; empty when that is little."""
        from oavr_tui.media.check import crop_note

        return crop_note(shown_name(self.given), self.info, *SIZES[self.shape(wanted)])


@dataclass(frozen=True, slots=True)
class VoiceLook:
    """A voice that can be used, if need be its beginning. given: what to put into a Request.

    info.duration: seconds of the whole recording. longest: seconds that can be used. peaks: 0 .. 1, of the part that
    can be used. too_long: there is more than that, and cutting it needs the person's consent.
    """

    given: str
    file: Path
    info: VoiceInfo
    peaks: tuple[float, ...]
    too_long: bool
    longest: float

    @property
    def used(self) -> float:
        """Seconds that become video."""
        return min(self.info.duration, self.longest)

    @property
    def frames(self) -> int:
        return frames_for(self.used)

    @property
    def windows(self) -> int:
        """The windows that a full video is made in."""
        return windows(self.frames)


class _Memory(Generic[T]):
    """The last few results, by what they are of."""

    def __init__(self) -> None:
        self._known: dict[object, T] = {}

    async def get(self, key: object, make: Callable[[], Awaitable[T]]) -> T:
        if key in self._known:
            self._known[key] = self._known.pop(key)  # the latest again
            return self._known[key]
        made = self._known[key] = await make()
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return made


class Looks:
    """Looks at one picture, one voice and one set of thumbnails at a time, each in a child process."""

    def __init__(self, paths: Paths) -> None:
        self._fetched = Fetched(paths.cache / "looks")
        self._thumbs = ThumbCache(paths.cache / "thumbs")
        self._pictures: _Memory[tuple[PictureInfo, Raster]] = _Memory()
        self._voices: _Memory[Heard] = _Memory()
        self._undrawable: set[str] = set()
        self._seeing, self._hearing, self._drawing = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()

    async def open(self) -> None:
        """Remove what processes that were killed have left."""
        await asyncio.to_thread(self._fetched.clean)

    async def close(self) -> None:
        await self._fetched.close()

    async def picture(self, given: str) -> PictureLook:
        """Look at a picture, given as a person typed or pasted it: a path or an http(s) address.

        Raises BadInput when it cannot be used, Unreachable or DiskFull when it cannot be fetched.
        """
        async with self._seeing:
            from oavr_tui.media.looking import see

            given, file = await self._local(given, PICTURE, LARGEST_PICTURE)
            info, raster = await self._pictures.get(
                await asyncio.to_thread(_stamp, file),
                lambda: see(file, name=shown_name(given), width=PICTURE_SIDE, height=PICTURE_SIDE),
            )
            return PictureLook(given, file, info, raster)

    async def voice(self, given: str, longest: float) -> VoiceLook:
        """Listen to a voice, given as a person typed or pasted it. longest: seconds of it that can be used.

        One that is longer is no failure. Raises BadInput when it cannot be used, Unreachable or DiskFull when it cannot
        be fetched.
        """
        async with self._hearing:
            from oavr_tui.media.looking import hear

            given, file = await self._local(given, VOICE, LARGEST_VOICE)
            heard = await self._voices.get(
                (await asyncio.to_thread(_stamp, file), longest),
                lambda: hear(file, name=shown_name(given), longest=longest, parts=WAVEFORM_PARTS),
            )
            return VoiceLook(given, file, heard.voice, heard.peaks, heard.too_long, longest)

    async def _local(self, given: str, kind: Kind, largest: int) -> tuple[str, Path]:
        """What was given without its wrapping, and where it can be read."""
        if is_address(given.strip()):
            given = given.strip()
            return given, await self._fetched.file(given, largest=largest)
        try:
            async with asyncio.timeout(DISK_DEADLINE):
                return await asyncio.to_thread(_found, given, kind)
        except TimeoutError:
            raise BadInput(
                f"The disk with {shown_name(given)} does not answer. Copy the file elsewhere, or choose another."
            ) from None

    async def thumbnails(self, files: Sequence[Path], width: int, height: int) -> dict[Path, Raster]:
        """Pictures of no more than width x height (1 .. 400) pixels of videos or pictures; kept on the disk.

        Those that cannot be read are left out.
        """
        async with self._drawing:
            found, missing = await asyncio.to_thread(self._thumbs.find, files, width, height)
            wanted = [file for file, name in missing.items() if name not in self._undrawable]
            if wanted:
                found |= await self._draw(wanted, missing, width, height)
            return found

    async def _draw(
        self, wanted: Sequence[Path], names: Mapping[Path, str], width: int, height: int
    ) -> dict[Path, Raster]:
        from oavr_tui.media.looking import draw_all

        drawn: dict[Path, Raster] = {}
        try:
            await draw_all(wanted, width=width, height=height, drawn=drawn, deadline=THUMBNAIL_DEADLINE)
        finally:  # also what was drawn before it was cancelled
            await asyncio.to_thread(self._thumbs.keep, {names[file]: raster for file, raster in drawn.items()})
        if len(self._undrawable) > _MOST_UNDRAWABLE:
            self._undrawable.clear()
        self._undrawable |= {names[file] for file in wanted if file not in drawn}
        return drawn


def _found(given: str, kind: Kind) -> tuple[str, Path]:
    """The same for a path. What is no file at all is refused here: while somebody types, that is most of the time."""
    given = pasted(given)
    file = path_given(given, "picture" if kind is PICTURE else "voice")
    open_regular(file, shown_name(given), kind).close()
    return given, file


def _stamp(file: Path) -> object:
    """What tells one content of a file from another without reading it; nothing is like a file that is not there."""
    try:
        status = file.stat()
    except (OSError, ValueError):
        return object()
    return file, status.st_mtime_ns, status.st_size, status.st_ino
