"""What is known of channels for a while has a size."""

from bot.core.channels import CHANNELS, NONCES, PausedChannels, SentNonces
from tests.clock import FakeClock


def test_the_newest_nonces_are_known_and_no_others() -> None:
    sent = SentNonces()
    for number in range(NONCES + 5):
        sent.add(str(number))
    known = [number for number in range(NONCES + 5) if str(number) in sent]
    assert known == list(range(5, NONCES + 5))


def test_the_channels_that_were_paused_last_are_known_and_no_others() -> None:
    paused = PausedChannels(FakeClock())
    for number in range(CHANNELS + 5):
        paused.pause(number)
    known = [number for number in range(CHANNELS + 5) if paused.is_paused(number)]
    assert known == list(range(5, CHANNELS + 5))
