"""Estimate how many tokens a text has, without a model's vocabulary, and learn from what each model counted."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from typing import Final

from bot.core.errors import StoreUnavailable
from bot.core.ports.chat import ChatMessage
from bot.core.ports.remembered import TokenRatioStore

log = logging.getLogger(__name__)

MESSAGE_TOKENS: Final = 4  # what the API adds around every message of a prompt

RATIO_RANGE: Final = (0.5, 3.0)  # beyond it the server counts something else than tokens
LEARNING_RATE: Final = 0.2
SAVED_AFTER_CHANGE: Final = 0.01  # smaller changes are not worth a write
RESERVE: Final = 1.1  # a limit that matters keeps 10 % free for the estimate's error

# Ranges of code points, good enough for counting and several times faster than Unicode properties.
_LATIN: Final = r"A-Za-zªºÀ-ÖØ-öø-ʸ\u1e00-\u1eff"
_HAN: Final = r"\u2e80-\u2fdf\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SYLLABLE: Final = r"\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
_OTHER_SCRIPT: Final = (
    r"\u02b9-\u10ff\u1200-\u1dff\u1f00-\u1fff\u2c00-\u2dff\ua000-\ua95f\ua980-\uabff"
    r"\ufb00-\ufdff\ufe20-\ufe2f\ufe70-\ufefe\U00010000-\U0001cfff"
)
_PUNCTUATION: Final = (
    r"!-/:-@\[-`{-~¡-©«-¹»-¿\u00d7\u00f7\u2010-\u205e\u20a0-\u20bf\u2190-\u22ff\u2e00-\u2e7f"
    r"\u3001-\u3003\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)

# What the weights were not fitted on, or only on average: rare scripts and emoji, where a token may be a single byte.
_FITTED_SCRIPT: Final = r"\u0370-\u052f\u0590-\u06ff\u0900-\u097f\u0e00-\u0e7f"  # Greek to Thai
_UNFITTED: Final = re.compile(rf"[^\x00-\x7f\s{_LATIN}{_HAN}{_SYLLABLE}{_FITTED_SCRIPT}{_PUNCTUATION}]+")

# Weights fitted against o200k on paragraphs in English, Chinese, about twenty other languages, chat and Python code.
# The one of kana and hangul is a guess: there was no such text among them.
_WORD: Final = (re.compile(f"[{_LATIN}]+"), 0.95)
_BEYOND_SIX_LETTERS: Final = (re.compile(f"(?<=[{_LATIN}]{{6}})[{_LATIN}]"), 0.16)
_DIGITS: Final = (re.compile("[0-9]{1,3}"), 1.68)
_SPACES: Final = (re.compile(r"[^\S\n]{2,}"), 1.31)
_NEWLINES: Final = (re.compile(r"\n+"), 1.24)
_MARKS: Final = (re.compile(f"[{_PUNCTUATION}]+"), 0.70)
_BEYOND_TWO_MARKS: Final = (re.compile(f"(?<=[{_PUNCTUATION}]{{2}})[{_PUNCTUATION}]"), 0.39)
_HAN_CHARACTER: Final = (re.compile(f"[{_HAN}]"), 0.71)
_KANA_OR_HANGUL: Final = (re.compile(f"[{_SYLLABLE}]"), 0.80)
_LETTER_OF_OTHER_SCRIPT: Final = (re.compile(f"[{_OTHER_SCRIPT}]"), 0.35)
_EMOJI_OR_ODDITY: Final = (
    re.compile(rf"[^\s0-9{_LATIN}{_HAN}{_SYLLABLE}{_OTHER_SCRIPT}{_PUNCTUATION}]"),
    1.23,
)
_ASCII: Final = (_WORD, _BEYOND_SIX_LETTERS, _DIGITS, _SPACES, _NEWLINES, _MARKS, _BEYOND_TWO_MARKS, _EMOJI_OR_ODDITY)
_ALL: Final = (*_ASCII, _HAN_CHARACTER, _KANA_OR_HANGUL, _LETTER_OF_OTHER_SCRIPT)


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a text has: counts by script times fixed weights, at least 1 for any text.

    Off by about 2 % on average over thirty messages; keep a reserve, and learn a ratio per model from returned usage.
    """
    if not text:
        return 0
    counts = _ASCII if text.isascii() else _ALL
    return max(1, math.ceil(sum(weight * len(pattern.findall(text)) for pattern, weight in counts)))


def unfitted_bytes(text: str) -> int:
    """Return how many UTF-8 bytes of a text the estimate's weights do not hold for: no text has more tokens than bytes.

    For what must not be passed; the estimate is what to expect.
    """
    if text.isascii():
        return 0
    return sum(len(run.encode("utf-8", "surrogatepass")) for run in _UNFITTED.findall(text))


def estimate_prompt_tokens(messages: Sequence[ChatMessage]) -> int:
    """Return about how many tokens messages take in a prompt; the sum over parts is the estimate of the whole."""
    return sum(MESSAGE_TOKENS + estimate_tokens(message.text) for message in messages)


class TokenRatios:
    """How each model's own token counts compare with the estimate: 1.0 until it is learned."""

    def __init__(self, store: TokenRatioStore) -> None:
        self._store = store
        self._learned: dict[str, float] = {}
        self._saved: dict[str, float] = {}

    async def load(self) -> None:
        """Read what was remembered; raises ``StoreUnavailable``."""
        self._saved = dict(await self._store.token_ratios())
        self._learned = dict(self._saved)

    def of(self, model: str) -> float:
        """Return the tokens that a model counts per estimated token."""
        return self._learned.get(model, 1.0)

    def at_most(self, model: str, estimated: int) -> int:
        """Return what a model counts at most for so many estimated tokens, with the reserve.

        One that counted less so far may count as estimated next time.
        """
        return math.ceil(estimated * max(1.0, self.of(model)) * RESERVE)

    def within(self, model: str, limit: int) -> int:
        """Return how many tokens may be estimated so that a model counts no more than a limit, with the reserve."""
        return int(limit / (self.of(model) * RESERVE))

    def learn(self, model: str, *, estimated: int, counted: int) -> None:
        """Move a model's ratio towards what the server returned for a prompt."""
        if estimated <= 0 or counted <= 0:
            return
        low, high = RATIO_RANGE
        seen = min(max(counted / estimated, low), high)
        self._learned[model] = self.of(model) + LEARNING_RATE * (seen - self.of(model))

    async def save(self) -> None:
        """Remember what was learned since, where it matters. What cannot be stored now is stored later."""
        for model, ratio in list(self._learned.items()):
            if abs(ratio - self._saved.get(model, 1.0)) <= SAVED_AFTER_CHANGE:
                continue
            try:
                await self._store.remember_token_ratio(model, ratio)
            except StoreUnavailable as error:
                log.warning("a token ratio cannot be remembered", extra={"model": model, "detail": error.detail})
                return
            self._saved[model] = ratio
