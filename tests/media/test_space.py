"""Room on the disk, asked before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from oavr_tui.errors import BadInput, DiskFull, FailureCode
from oavr_tui.media.space import check_space, space_needed
from tests.media.sentences import check_refusal


def test_there_is_room_for_a_byte_also_below_folders_to_come(tmp_path: Path) -> None:
    check_space(tmp_path, 1)
    check_space(tmp_path / "not" / "yet" / "there", 1)


def test_too_little_room_is_told_with_both_figures(tmp_path: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        check_space(tmp_path / "videos", 10**18)
    check_refusal(caught.value, "videos", FailureCode.DISK_FULL)
    assert "1000000000 GB" in caught.value.message


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_where_a_folder_should_be_is_refused(below: str, tmp_path: Path) -> None:
    (tmp_path / "videos").write_text("x")
    with pytest.raises(BadInput) as caught:
        check_space(tmp_path / "videos" / below, 1)
    check_refusal(caught.value, "videos")


def test_the_estimate_grows_with_everything_and_is_generous() -> None:
    base = space_needed(19.0, 480, 832)
    assert base > 5 * 1_400_000  # what the preview was measured to write
    assert space_needed(38.0, 480, 832) > base
    assert space_needed(19.0, 960, 832) > base
    assert space_needed(0.0, 480, 832) > 0
    assert space_needed(400.0, 480, 832) < 1_000_000_000
