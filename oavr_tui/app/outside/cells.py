"""Cells of a terminal: their styles, the shortest way from one style to another, and lines of them."""

from __future__ import annotations

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "8": "28", "9": "29"}
_UNSEEN = frozenset("123568")
"""Attributes that make no difference to a blank."""
_COLOR_LENGTHS = {"5": 3, "2": 5}
"""How many codes a color of many takes, by the second of them."""


class Pen:
    """A style as codes of SGR. blank: what of it is seen of a space. One object a style, compared by identity."""

    __slots__ = ("attributes", "bg", "blank", "codes", "fg")

    def __init__(self, attributes: frozenset[str], fg: str, bg: str) -> None:
        self.attributes = attributes
        self.fg = fg
        self.bg = bg
        self.codes = ";".join([*sorted(attributes), *filter(None, (fg, bg))])
        self.blank = self


class Pens:
    """Every style there has been, once each."""

    def __init__(self) -> None:
        self._pens: dict[tuple[frozenset[str], str, str], Pen] = {}
        self._by_codes: dict[str, Pen] = {}
        self._changes: dict[tuple[Pen, Pen], str] = {}

    def __len__(self) -> int:
        """How much there is to remember: styles, or steps between them."""
        return max(len(self._by_codes), len(self._changes))

    def of(self, codes: str) -> Pen:
        """The pen that codes of SGR (as "1;31") make, after a reset."""
        found = self._by_codes.get(codes)
        if found is None:
            found = self._by_codes[codes] = self._pen(*_read(codes or "0"))
        return found

    def change(self, now: Pen, pen: Pen) -> str:
        """The shortest sequence that leads from one pen to another."""
        key = now, pen
        if key not in self._changes:
            self._changes[key] = _step(now, pen)
        return self._changes[key]

    def _pen(self, attributes: frozenset[str], fg: str, bg: str) -> Pen:
        key = attributes, fg, bg
        pen = self._pens.get(key)
        if pen is None:
            pen = self._pens[key] = Pen(*key)
            if attributes <= _UNSEEN and (attributes or fg):
                pen.blank = self._pen(frozenset(), "", bg)
        return pen


class Row:
    """What stands in a line; a letter of "" is not known. strips: by their column, with their ends, as they came."""

    __slots__ = ("letters", "pens", "strips")

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.pens: list[Pen] = []
        self.strips: dict[int, tuple[str, int]] = {}

    def overwrite(self, begin: int, end: int) -> None:
        """Strips that reach into this are not what stands there any more."""
        for column in [at for at, (_, stop) in self.strips.items() if at < end and stop > begin]:
            del self.strips[column]

    def lose(self, begin: int) -> None:
        """From here on anything may stand."""
        del self.letters[begin:]
        del self.pens[begin:]
        self.overwrite(begin, 1 << 30)

    def reach(self, width: int, pen: Pen) -> None:
        missing = width - len(self.letters)
        if missing > 0:
            self.letters += [""] * missing
            self.pens += [pen] * missing


def _read(codes: str) -> tuple[frozenset[str], str, str]:
    """Attributes and colors; of what is not known here the whole is taken for one attribute of its own."""
    attributes: set[str] = set()
    colors = {"3": "", "4": ""}
    words = codes.split(";")
    while words:
        code = words[0]
        kind, end = code[:-1], code[-1:]
        length = _COLOR_LENGTHS.get("".join(words[1:2]), 0) if code in ("38", "48") else 1
        if code == "0":
            attributes, colors = set(), {"3": "", "4": ""}
        elif code in _OFF:
            attributes.add(code)
        elif kind in ("3", "4") and 0 < length <= len(words):
            colors[kind] = "" if end == "9" else ";".join(words[:length])
        elif kind in ("9", "10") and end <= "7":
            colors["3" if kind == "9" else "4"] = code
        else:
            return frozenset((codes,)), "", ""
        del words[:length]
    return frozenset(attributes), colors["3"], colors["4"]


def _step(now: Pen, pen: Pen) -> str:
    """The shortest sequence that leads from one pen to another."""
    anew = f"\x1b[0;{pen.codes}m" if pen.codes else "\x1b[m"
    gone = now.attributes - pen.attributes
    if not gone <= _OFF.keys():
        return anew
    ends = {_OFF[attribute] for attribute in gone}
    begins = {one for one in pen.attributes if one not in now.attributes or _OFF.get(one) in ends}
    codes = [*sorted(ends), *sorted(begins)]
    if pen.fg != now.fg:
        codes.append(pen.fg or "39")
    if pen.bg != now.bg:
        codes.append(pen.bg or "49")
    step = f"\x1b[{';'.join(codes)}m"
    return step if len(step) < len(anew) else anew
