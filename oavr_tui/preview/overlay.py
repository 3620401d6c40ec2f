"""What lies over the picture: the mark in the corner, and the voice meter where no face was found. Heavy: Pillow."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from oavr_tui.preview.arrays import Field, Pixels

_MARK_HEIGHT = 0.030
"""The letters' size, as a share of the video's shorter side; never below 11 pixels."""
_MARGIN = 0.025
_BARS = 24


class Mark:
    """Some words in the top right corner: light letters with a soft dark edge, to be read on any ground."""

    def __init__(self, words: str, size: tuple[int, int]) -> None:
        """size: width and height of the video. Words that are too long for it are drawn smaller."""
        width, height = size
        letters = max(11.0, _MARK_HEIGHT * min(size) * 1.3)
        margin = round(_MARGIN * min(size)) + 2
        image = _drawn(words, letters)
        while image.width > width - 2 * margin and letters > 6:
            letters *= 0.9
            image = _drawn(words, letters)
        image = image.crop((0, 0, min(image.width, width), min(image.height, height)))
        values = np.asarray(image, np.float32)
        cover = values[..., 3:] / 255
        self._keep = 1 - cover
        self._add = values[..., 2::-1] * cover
        left = max(width - margin - image.width, 0)
        top = min(margin, height - image.height)
        self.rows, self.columns = slice(top, top + image.height), slice(left, left + image.width)

    def draw(self, frame: Pixels) -> None:
        """Draw into a frame."""
        part = frame[self.rows, self.columns, :3]
        part[...] = (part * self._keep + self._add).astype(np.uint8)


def _drawn(words: str, letters: float) -> Image.Image:
    font = ImageFont.load_default(letters)
    left, top, right, bottom = font.getbbox(words)
    soft = max(2, round(letters * 0.22))
    size = (round(right - left) + 4 * soft, round(bottom - top) + 4 * soft)
    at = (2 * soft - left, 2 * soft - top)
    edge = Image.new("L", size)
    ImageDraw.Draw(edge).text(at, words, 255, font=font, stroke_width=max(1, soft // 3))
    edge = edge.filter(ImageFilter.GaussianBlur(soft * 0.55)).point(lambda value: min(150, value * 1.1))
    image = Image.new("RGBA", size, (12, 12, 16, 0))
    image.putalpha(edge)
    letters_only = Image.new("L", size)
    ImageDraw.Draw(letters_only).text(at, words, 225, font=font)
    image.alpha_composite(Image.merge("RGBA", [Image.new("L", size, 250)] * 3 + [letters_only]))
    return image


class Meter:
    """A row of small bars at the bottom that follows the voice, rounded at their ends."""

    def __init__(self, voice: Field, size: tuple[int, int]) -> None:
        """voice: 0 .. 1 for every frame."""
        width, height = size
        self._voice = np.pad(np.clip(voice, 0, 1), _BARS // 2)
        pitch = width * 0.32 / _BARS
        self._reach = height * 0.045
        self._bar = max(0.9, 0.3 * pitch)
        self._middle = round(height * 0.93)
        room = int(self._reach + self._bar + 3)
        self.rows = slice(max(0, self._middle - room), min(height, self._middle + room))
        self.columns = slice(int(width * 0.34) - 4, int(width * 0.66) + 4)
        centers = width * 0.34 + (np.arange(_BARS) + 0.5) * pitch
        x = np.arange(self.columns.start, self.columns.stop, dtype=np.float32)
        self._nearest = np.abs(x[:, None] - centers[None]).argmin(1)
        self._aside = (x - centers[self._nearest]).astype(np.float32)
        self._above = np.arange(self.rows.start, self.rows.stop, dtype=np.float32)[:, None] - self._middle

    def draw(self, frame: Pixels, index: int) -> None:
        """Draw the voice around one frame of the video."""
        around = self._voice[index : index + _BARS]
        length = (np.float32(0.5) + around * np.float32(self._reach))[self._nearest]
        beyond = np.maximum(np.abs(self._above) - length, 0)
        distance = np.sqrt(beyond**2 + self._aside**2) - self._bar
        part = frame[self.rows, self.columns, :3]
        glow = np.clip(1 - distance / 2.5, 0, 1)[..., None] * np.float32(0.5)
        light = np.clip(0.5 - distance, 0, 1)[..., None] * np.float32(0.85)
        shaded = part * (1 - glow)
        part[...] = (shaded + light * (250 - shaded)).astype(np.uint8)
