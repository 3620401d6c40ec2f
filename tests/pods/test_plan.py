"""Settings about machines as the rules see them: names of GPUs, and what the default image can drive."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oavr_tui.errors import BadInput
from oavr_tui.pods.plan import BLACKWELL, DEFAULT_GPUS, gpu_ids, gpu_name, plan_of, runs_on
from oavr_tui.settings import DEFAULT_TEMPLATE, Settings

BLACKWELLS = (
    "NVIDIA GeForce RTX 5090",
    "NVIDIA GeForce RTX 5080",
    "NVIDIA B200",
    "NVIDIA B300 SXM6 AC",
    "NVIDIA RTX PRO 4500 Blackwell",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition MIG 1g.24gb",
)
OLDER = (*DEFAULT_GPUS, "NVIDIA RTX 5000 Ada Generation", "NVIDIA RTX A5000", "NVIDIA H200", "NVIDIA GeForce RTX 3090")


def test_every_setting_reaches_the_plan() -> None:
    plan = plan_of(
        Settings(
            videos_folder="",
            pods_control="sdk",
            pods_start_by_itself=False,
            pods_cloud="secure",
            pods_gpus="L40S, RTX 4090",
            pods_volume="vol1",
            pods_template="mine",
            pods_price_cap=0.8,
            pods_day_cap=3.0,
            pods_most=2,
            pods_idle_minutes=0.5,
            pods_terminate_after_hours=1.0,
        )
    )
    assert (plan.gpus, plan.cloud, plan.volume) == (("NVIDIA L40S", "NVIDIA GeForce RTX 4090"), "secure", "vol1")
    assert (plan.template, plan.price_cap, plan.day_cap, plan.most) == ("mine", 0.8, 3.0, 2)
    assert (plan.idle_minutes, plan.terminate_after_hours) == (0.5, 1.0)
    assert (plan.auto_start, plan.control) == (False, "sdk")


def test_without_wishes_the_usual_gpus_are_tried_in_order() -> None:
    names = [gpu_name(gpu) for gpu in plan_of(Settings(videos_folder="")).gpus]
    assert names[:5] == ["RTX 4090", "L40S", "RTX 6000 Ada", "A6000", "A40"]
    assert [name.split()[0] for name in names[5:]] == ["A100", "A100", "H100", "H100", "H100"]


@pytest.mark.parametrize("spelling", ["RTX 4090", "rtx4090", "GeForce RTX-4090", "NVIDIA GeForce RTX 4090"])
def test_spelling_is_forgiven(spelling: str) -> None:
    assert gpu_ids(spelling) == ("NVIDIA GeForce RTX 4090",)


def test_a_family_is_all_of_its_kinds_and_nothing_is_named_twice() -> None:
    assert gpu_ids("A100 SXM, A100, a100 pcie") == ("NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB PCIe")
    assert gpu_ids("RTX A6000,,A6000 ,") == ("NVIDIA RTX A6000",)


@pytest.mark.parametrize("gpu", [*OLDER, "NVIDIA L40", "NVIDIA L4"])
def test_an_id_is_itself(gpu: str) -> None:
    assert gpu_ids(gpu) == (gpu,)
    assert gpu_ids(gpu_name(gpu)) == (gpu,)


@pytest.mark.parametrize(("name", "near"), [("RTX 4080", "RTX 4090"), ("L40X", "L40"), ("H10", "H100")])
def test_an_unknown_gpu_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(BadInput) as refused:
        plan_of(Settings(videos_folder="", pods_gpus=f"RTX 4090, {name}"))
    assert f"no GPU named {name}" in refused.value.message
    assert f"did you mean {near}" in refused.value.message
    assert "pods.gpus" in refused.value.message


def test_a_list_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="names no GPU"):
        gpu_ids(" , ,")


def test_blackwell_is_told_from_what_is_older() -> None:
    assert all(BLACKWELL.search(gpu) for gpu in BLACKWELLS)
    assert not any(BLACKWELL.search(gpu) for gpu in OLDER)
    assert not runs_on(DEFAULT_TEMPLATE, BLACKWELLS[0])
    assert runs_on("mine", BLACKWELLS[0])
    assert runs_on(DEFAULT_TEMPLATE, DEFAULT_GPUS[0])


def is_safe(text: str) -> bool:
    return not any(unicodedata.category(ch) in {"Cc", "Cs"} for ch in text)


@given(st.text(max_size=100))
def test_any_text_names_gpus_or_is_refused_in_words(text: str) -> None:
    try:
        assert all(gpu.startswith("NVIDIA ") for gpu in gpu_ids(text))
    except ValueError as reason:
        assert is_safe(str(reason))
    assert gpu_name(text)
    assert is_safe(gpu_name(text))
