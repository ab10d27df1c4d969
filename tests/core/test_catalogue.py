from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.catalogue import ALL_SAMPLING, UNPRICED, Catalogue, CatalogueError
from bot.core.conversation import Usage

SHIPPED = (Path(__file__).parents[2] / "bot" / "catalogue.toml").read_text(encoding="utf-8")
TODAY = date(2026, 11, 22)

TWO_PRICES = """
[models.small]
[[models.small.prices]]
effective_from = 2026-01-01
input = 1
cached_input = 0.1
cache_write = 1.25
output = 4
[[models.small.prices]]
effective_from = 2026-07-01
input = 0.5
output = 2
long_context = { above_tokens = 1000, input = 2, output = 1.5 }
"""


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return Catalogue.parse(SHIPPED)


class TestShipped:
    def test_the_default_model_takes_sampling_because_its_effort_is_none(self, shipped: Catalogue) -> None:
        entry = shipped.entry("gpt-6-luna")
        assert entry.cap_parameter == "max_completion_tokens"
        assert entry.reasoning_effort == "none"
        assert entry.sampling == ALL_SAMPLING
        assert (entry.context_tokens, entry.output_tokens) == (1_050_000, 128_000)

    @pytest.mark.parametrize("model", ["gpt-6.1-sol", "gpt-6.2-sol", "gpt-6.2-astra", "gpt-6-astra", "gpt-5.5", "o3"])
    def test_models_that_always_reason_take_no_sampling(self, shipped: Catalogue, model: str) -> None:
        entry = shipped.entry(model)
        assert entry.sampling == frozenset()
        assert entry.reasoning_effort is None
        assert entry.cap_parameter == "max_completion_tokens"

    def test_a_model_of_a_compatible_server_takes_everything_and_has_no_price(self, shipped: Catalogue) -> None:
        entry = shipped.entry("qwen3:8b")
        assert entry.cap_parameter == "max_tokens"
        assert entry.reasoning_effort is None
        assert entry.sampling == ALL_SAMPLING
        assert shipped.cost_micro_usd("qwen3:8b", Usage(10, 10), TODAY) is None
        assert shipped.price_version("qwen3:8b", TODAY) == UNPRICED
        assert shipped.shutdown_in_days("qwen3:8b", TODAY) is None
        assert shipped.resolve("qwen3:8b", TODAY).model == "qwen3:8b"

    @pytest.mark.parametrize(
        ("model", "last_day"),
        [
            ("gpt-4o", date(2027, 1, 13)),
            ("gpt-4o-mini-2024-07-18", date(2027, 1, 13)),
            ("gpt-5-2025-08-07", date(2026, 12, 10)),
            ("gpt-5.1", date(2027, 3, 31)),
            ("gpt-4o-2024-05-13", date(2026, 10, 22)),
            ("gpt-3.5-turbo-0125", date(2026, 10, 22)),
        ],
    )
    def test_a_model_is_replaced_from_its_shutdown_day_on(self, shipped: Catalogue, model: str, last_day: date) -> None:
        before = shipped.resolve(model, last_day)
        assert (before.model, before.replaced_from) == (model, None)
        assert shipped.shutdown_in_days(model, last_day) == 1
        after = shipped.resolve(model, date.fromordinal(last_day.toordinal() + 1))
        assert (after.model, after.replaced_from) == ("gpt-6-luna", model)

    def test_neighbours_of_a_shut_down_model_live_on(self, shipped: Catalogue) -> None:
        for model in ("gpt-5.5", "gpt-5.6-luna", "gpt-4o-mini-other", "o30"):
            assert shipped.entry(model).shutdown is None

    def test_every_price_says_where_it_is_from(self, shipped: Catalogue) -> None:
        priced = ["gpt-6-luna", "gpt-6-sol", "gpt-6.1-terra", "gpt-6.1-sol", "gpt-6.2-sol", "gpt-6.2-astra"]
        for model in priced:
            price = shipped.entry(model).price(TODAY)
            assert price is not None
            assert price.source
            assert price.checked_on is not None

    def test_a_question_to_the_default_model_costs_what_the_list_says(self, shipped: Catalogue) -> None:
        # 1,000 new at 0.10, 7,000 cached at 0.01, 2,000 written at 0.125, 500 out at 0.50 (micro-USD per token).
        usage = Usage(prompt_tokens=10_000, completion_tokens=500, cached_tokens=7_000, cache_write_tokens=2_000)
        assert shipped.cost_micro_usd("gpt-6-luna", usage, TODAY) == 100 + 70 + 250 + 250


class TestPrices:
    def test_the_newest_price_that_has_begun_holds(self) -> None:
        catalogue = Catalogue.parse(TWO_PRICES)
        usage = Usage(prompt_tokens=100, completion_tokens=10)
        assert catalogue.cost_micro_usd("small", usage, date(2025, 12, 31)) is None
        assert catalogue.cost_micro_usd("small", usage, date(2026, 6, 30)) == 140
        assert catalogue.cost_micro_usd("small", usage, date(2026, 7, 1)) == 70

    def test_what_is_not_known_about_the_cache_is_charged_as_input(self) -> None:
        usage = Usage(prompt_tokens=100, completion_tokens=0, cached_tokens=60, cache_write_tokens=40)
        assert Catalogue.parse(TWO_PRICES).cost_micro_usd("small", usage, TODAY) == 50

    def test_a_long_prompt_makes_the_whole_request_dearer(self) -> None:
        catalogue = Catalogue.parse(TWO_PRICES)
        assert catalogue.cost_micro_usd("small", Usage(1000, 100), TODAY) == 500 + 200
        assert catalogue.cost_micro_usd("small", Usage(1001, 100), TODAY) == 1001 + 300

    def test_a_fraction_is_rounded_up(self) -> None:
        assert Catalogue.parse(TWO_PRICES).cost_micro_usd("small", Usage(1, 0), TODAY) == 1

    def test_an_unpriced_model_is_reserved_at_the_operators_figure(self) -> None:
        assert Catalogue.parse("").worst_case_micro_usd("any", 10, 10, TODAY, unpriced_micro_usd=50_000) == 50_000

    @given(
        prompt=st.integers(0, 5000),
        cached=st.integers(0, 5000),
        written=st.integers(0, 5000),
        completion=st.integers(0, 500),
        on=st.sampled_from([date(2026, 1, 1), date(2026, 7, 1)]),
    )
    def test_no_usage_within_the_cap_costs_more_than_the_worst_case(
        self, prompt: int, cached: int, written: int, completion: int, on: date
    ) -> None:
        catalogue = Catalogue.parse(TWO_PRICES)
        usage = Usage(prompt, completion, cached_tokens=cached, cache_write_tokens=written)
        cost = catalogue.cost_micro_usd("small", usage, on)
        assert cost is not None
        assert 0 <= cost <= catalogue.worst_case_micro_usd("small", prompt, 500, on, unpriced_micro_usd=0)

    def test_the_version_names_row_day_and_numbers(self) -> None:
        catalogue = Catalogue.parse(TWO_PRICES)
        first = catalogue.price_version("small-2026-02-02", date(2026, 2, 2))
        assert first.startswith("small@2026-01-01#")
        assert catalogue.price_version("small", TODAY).startswith("small@2026-07-01#")
        corrected = Catalogue.parse(TWO_PRICES.replace("output = 4", "output = 5"))
        assert corrected.price_version("small", date(2026, 2, 2)) != first


class TestRows:
    def test_ids_go_before_patterns_and_the_longest_wins(self) -> None:
        names = ["m", "m-pro", "m*", "m-p*"]
        catalogue = Catalogue.parse("\n".join(f'[models."{name}"]\nfallback = "from {name}"' for name in names))
        rows = {
            "m": "m",
            "m-2026-01-31": "m",
            "m-pro": "m-pro",
            "m-pro-2026-01-31": "m-pro",
            "m-plus": "m-p*",
            "m2": "m*",
        }
        assert {model: catalogue.entry(model).fallback for model in rows} == {
            model: f"from {row}" for model, row in rows.items()
        }

    def test_fallbacks_are_followed_until_one_that_lives(self) -> None:
        catalogue = Catalogue.parse(
            '[models.a]\nshutdown = 2026-01-01\nfallback = "b"\n[models.b]\nshutdown = 2026-02-01\nfallback = "c"\n'
        )
        assert catalogue.resolve("a", date(2026, 1, 15)).model == "b"
        assert catalogue.resolve("a", date(2026, 2, 1)).model == "c"
        assert catalogue.resolve("a", date(2026, 2, 1)).replaced_from == "a"

    def test_a_model_that_is_gone_without_a_fallback_is_asked_for_all_the_same(self) -> None:
        assert Catalogue.parse("[models.a]\nshutdown = 2026-01-01").resolve("a", TODAY).model == "a"


class TestOverlay:
    def test_its_keys_win_and_the_others_stay(self) -> None:
        overlay = '[models.gpt-6-luna]\nreasoning_effort = "low"\nsampling = []\n[models.mine]\ncontext_tokens = 8192\n'
        catalogue = Catalogue.parse(SHIPPED, overlay)
        luna = catalogue.entry("gpt-6-luna")
        assert (luna.reasoning_effort, luna.sampling) == ("low", frozenset())
        assert luna.cap_parameter == "max_completion_tokens"
        assert catalogue.cost_micro_usd("gpt-6-luna", Usage(10, 0), TODAY) == 1
        assert catalogue.entry("mine").context_tokens == 8192

    def test_its_prices_are_exact(self) -> None:
        overlay = "[[models.mine.prices]]\neffective_from = 2026-01-01\ninput = 0.1\noutput = 0.3\n"
        price = Catalogue.parse(SHIPPED, overlay).entry("mine").price(TODAY)
        assert price is not None
        assert (price.input, price.output) == (Decimal("0.1"), Decimal("0.3"))

    @pytest.mark.parametrize(
        ("overlay", "place"),
        [
            ("[models.x]\nshutdown = = 1", "overlay: not valid TOML: .*line 2"),
            ("[prices]", "overlay: prices: "),
            ("models = 3", "overlay: models: "),
            ("[models]\nx = 3", "overlay: models.x: "),
            ("[models.x]\nreasonning_effort = 'none'", "overlay: models.x.reasonning_effort: "),
            ("[models.x]\nsampling = ['temprature']", "overlay: models.x.sampling"),
            ("[models.x]\nshutdown = 'soon'", "overlay: models.x.shutdown: "),
            (
                "[models.x]\nprices = [{ effective_from = 2026-01-01, input = -1, output = 1 }]",
                r"models.x.prices.0.input",
            ),
            ("[models.x]\nprices = [{ input = 1, output = 1 }]", r"models.x.prices.0.effective_from"),
            ("[models.x]\nfallback = 'y'\n[models.y]\nfallback = 'x'", "models.x.fallback: leads in a circle"),
            ("[models.x]\nfallback = 'x-2026-01-01'", "models.x.fallback: leads in a circle"),
        ],
    )
    def test_a_bad_one_is_refused_with_the_place(self, overlay: str, place: str) -> None:
        with pytest.raises(CatalogueError, match=place):
            Catalogue.parse(SHIPPED, overlay)

    def test_all_problems_are_told_at_once(self) -> None:
        with pytest.raises(CatalogueError) as caught:
            Catalogue.parse(SHIPPED, "[models.x]\nshutdown = 'soon'\n[models.y]\ncapability = 'dance'")
        assert len(caught.value.problems) == 2
