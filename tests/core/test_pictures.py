"""What a member chose becomes what a model takes, at a price that is never below what it can cost."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.catalogue import Catalogue, Price
from bot.core.limits import ALT_TEXT_CHARS
from bot.core.pictures.composing import numbered
from bot.core.pictures.formats import kind_of_picture
from bot.core.pictures.mapping import Change, Plan, plan_pictures
from bot.core.pictures.models import ANY_SERVERS, PictureModel
from bot.core.pictures.pricing import cost_micro_usd, worst_call_micro_usd
from bot.core.ports.files import FilesRead, Picture
from bot.core.ports.money import MediaUsage
from bot.core.tasks import PictureAction, PictureTask
from tests.pictures import a_picture

SHIPPED = Catalogue.parse((Path(__file__).parents[2] / "bot" / "catalogue.toml").read_text(encoding="utf-8"))
FLARE = "gpt-image-2.6-flare"
TODAY = date(2026, 11, 22)
UNPRICED = 50_000
PICTURE = Picture("a.png", "image/png", 8, 6, b"")


def takes(model: str) -> PictureModel:
    return SHIPPED.entry(model).pictures or ANY_SERVERS


def plan(model: str = FLARE, text: str = "a cat", files: FilesRead | None = None, **task: Any) -> Plan:
    return plan_pictures(model, takes(model), PictureTask(**task), text, files or FilesRead())


class TestMapping:
    @pytest.mark.parametrize(
        ("model", "asked", "sent"),
        [
            (FLARE, "1792x1024", "1792x1024"),
            (FLARE, "auto", "auto"),
            ("gpt-image-1.5", "1792x1024", "1536x1024"),
            ("gpt-image-1.5", "1024x1792", "1024x1536"),
            ("dall-e-3", "1536x1024", "1792x1024"),
            ("dall-e-3", "1024x1536", "1024x1792"),
            ("dall-e-2", "1792x1024", "1024x1024"),
            ("dall-e-2", "auto", None),
            ("stable-diffusion-3", "1792x1024", "1792x1024"),
            ("stable-diffusion-3", "auto", None),
            (FLARE, None, None),
        ],
    )
    def test_sizes(self, model: str, asked: str | None, sent: str | None) -> None:
        made = plan(model, size=asked)
        assert made.calls[0].size == sent
        changed = asked is not None and sent not in (None, asked)
        assert made.changes == ((Change("size", str(asked), sent),) if changed else ())

    @pytest.mark.parametrize(
        ("model", "asked", "sent"),
        [
            (FLARE, "hd", "high"),
            (FLARE, "standard", "medium"),
            (FLARE, "low", "low"),
            (FLARE, "auto", "auto"),
            (FLARE, None, "medium"),
            ("gpt-image-1.5", "hd", "high"),
            ("dall-e-3", "high", "hd"),
            ("dall-e-3", "low", "standard"),
            ("dall-e-3", "auto", None),
            ("dall-e-2", "standard", "standard"),
            ("stable-diffusion-3", "hd", "hd"),
        ],
    )
    def test_qualities(self, model: str, asked: str | None, sent: str | None) -> None:
        made = plan(model, quality=asked)
        assert made.calls[0].quality == sent
        told = asked is not None and asked not in (sent, "auto")
        assert [change.option for change in made.changes] == (["quality"] if told else [])

    def test_style_is_a_parameter_where_there_is_one_and_words_elsewhere(self) -> None:
        (old,) = plan("dall-e-3", style="vivid").calls
        assert (old.style, old.prompt) == ("vivid", "a cat")
        new = plan(style="vivid")
        assert new.calls[0].style is None
        assert new.calls[0].prompt.startswith("a cat\n")
        assert "vivid" in new.calls[0].prompt
        assert new.changes == (Change("style", "vivid", "prompt"),)

    def test_transparent_needs_a_format_that_can_be(self) -> None:
        made = plan(background="transparent", file_format="jpeg")
        assert (made.calls[0].background, made.calls[0].file_format) == ("transparent", "png")
        assert made.changes == (Change("format", "jpeg", "png"),)
        kept = plan(background="transparent", file_format="webp")
        assert (kept.calls[0].file_format, kept.changes) == ("webp", ())

    def test_the_older_contract_knows_neither_format_nor_background(self) -> None:
        made = plan("dall-e-3", background="transparent", file_format="webp")
        assert (made.calls[0].background, made.calls[0].file_format) == (None, None)
        assert {change.option for change in made.changes} == {"background", "format"}

    def test_many_pictures(self) -> None:
        assert [call.count for call in plan(count=3).calls] == [3]
        assert [call.count for call in plan("dall-e-3", count=3).calls] == [1, 1, 1]
        capped = plan(count=10)
        assert capped.count == 4
        assert capped.changes == (Change("n", "10", "4"),)

    def test_only_a_picture_alone_is_streamed(self) -> None:
        assert plan().calls[0].partials > 0
        assert plan(count=2).calls[0].partials == 0
        assert plan(quality="low").calls[0].partials == 0
        assert plan("dall-e-3").calls[0].partials == 0

    def test_variations(self) -> None:
        files = FilesRead(pictures=(PICTURE,))
        assert plan("dall-e-2", "", files, action=PictureAction.VARY).calls[0].by_variations
        assert not plan("dall-e-2", "make it blue", files, action=PictureAction.VARY).calls[0].by_variations
        new = plan(FLARE, "", files, action=PictureAction.VARY).calls[0]
        assert not new.by_variations
        assert "variation" in new.prompt

    def test_a_model_of_one_input_gets_one_and_that_is_told(self) -> None:
        made = plan("dall-e-2", "a hat", FilesRead(pictures=(PICTURE,) * 3), action=PictureAction.EDIT)
        assert len(made.calls[0].pictures) == 1
        assert made.changes == (Change("images", "3", "1"),)


class TestPrices:
    price = Price(effective_from=TODAY, input=Decimal(5), output=Decimal(30), image_input=Decimal(8))

    @given(
        st.sampled_from(["low", "medium", "high", "xhigh", "max"]),
        st.sampled_from(["1024x1024", "1536x1024", "1792x1024", None]),
        st.integers(1, 4),
        st.text(min_size=1, max_size=300),
    )
    def test_the_worst_case_covers_what_was_measured(
        self, quality: str, size: str | None, count: int, prompt: str
    ) -> None:
        (call,) = plan(FLARE, prompt, quality=quality, size=size, count=count).calls
        worst = worst_call_micro_usd(call, takes(FLARE), self.price, unpriced_micro_usd=UNPRICED)
        measured = {"low": 196, "medium": 439, "high": 1756, "xhigh": 3133, "max": 7000}[quality]
        area = {"1024x1024": 1.0, "1536x1024": 1.5, "1792x1024": 1.75, None: 1.5}[size]
        used = MediaUsage(input_tokens=len(prompt), output_tokens=int(count * measured * area) + 100 * call.partials)
        assert cost_micro_usd(used, self.price, worst_micro_usd=worst) <= worst

    def test_what_is_sent_costs_too(self) -> None:
        files = FilesRead(pictures=(PICTURE, PICTURE), mask=PICTURE)
        with_files = plan(FLARE, "a hat", files, action=PictureAction.EDIT).calls[0]
        alone = plan(FLARE, "a hat").calls[0]
        one, other = (
            worst_call_micro_usd(call, takes(FLARE), self.price, unpriced_micro_usd=UNPRICED)
            for call in (with_files, alone)
        )
        assert one - other == 3 * 6500 * 8

    def test_usage_is_priced_by_what_it_is(self) -> None:
        usage = MediaUsage(input_tokens=1000, input_image_tokens=900, output_tokens=200)
        assert cost_micro_usd(usage, self.price, worst_micro_usd=1) == 100 * 5 + 900 * 8 + 200 * 30

    @pytest.mark.parametrize("usage", [None, MediaUsage(pictures=2)])
    def test_without_usage_the_worst_case_counts(self, usage: MediaUsage | None) -> None:
        assert cost_micro_usd(usage, self.price, worst_micro_usd=777) == 777

    def test_pictures_may_have_a_price_each(self) -> None:
        price = Price(effective_from=TODAY, input=Decimal(0), output=Decimal(0), per_picture=Decimal("0.04"))
        (call,) = plan("dall-e-2", count=3).calls
        assert worst_call_micro_usd(call, takes("dall-e-2"), price, unpriced_micro_usd=UNPRICED) == 120_000
        assert cost_micro_usd(MediaUsage(pictures=2), price, worst_micro_usd=120_000) == 80_000

    def test_an_unpriced_call_counts_as_the_operator_says(self) -> None:
        (call,) = plan("stable-diffusion-3", count=3).calls
        worst = worst_call_micro_usd(call, ANY_SERVERS, None, unpriced_micro_usd=UNPRICED)
        assert worst == UNPRICED
        assert cost_micro_usd(MediaUsage(pictures=3), None, worst_micro_usd=worst) == UNPRICED

    def test_a_new_rate_is_a_new_version(self) -> None:
        row = "[models.m]\n[[models.m.prices]]\neffective_from = 2026-01-01\ninput = 1\noutput = 1\n"
        plain = Catalogue.parse(row).price_version("m", TODAY)
        assert Catalogue.parse(f"{row}image_input = 2\n").price_version("m", TODAY) != plain


class TestCatalogue:
    def test_the_default_model_takes_what_members_can_choose(self) -> None:
        entry = SHIPPED.entry(FLARE)
        assert entry.capability == "image"
        assert entry.price(TODAY) is not None
        assert entry.shutdown is None

    @pytest.mark.parametrize("model", ["dall-e-2", "dall-e-3", "gpt-image-1"])
    def test_what_is_retired_is_replaced(self, model: str) -> None:
        assert SHIPPED.resolve(model, TODAY).model == FLARE

    def test_an_unknown_model_of_the_family_speaks_its_contract(self) -> None:
        assert takes("gpt-image-3").contract == "gpt-image"
        assert SHIPPED.entry("gpt-image-3").capability == "image"


class TestFiles:
    @pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
    def test_bytes_tell_what_they_are_and_whether_they_are_whole(self, form: str) -> None:
        content = a_picture(form, (200, 100))
        assert kind_of_picture(content) == form.lower()
        assert kind_of_picture(content[: len(content) // 2]) is None

    @pytest.mark.parametrize("content", [b"", b"<html>", b"RIFF\xff\xff\xff\xffWEBP", b"\x89PNG\r\n\x1a\n"])
    def test_what_is_no_picture(self, content: bytes) -> None:
        assert kind_of_picture(content) is None

    @given(st.text(min_size=1, max_size=3000), st.integers(1, 4))
    def test_alt_texts_fit(self, words: str, count: int) -> None:
        assert len(numbered(words, count, count)) <= ALT_TEXT_CHARS
