"""What /help says about a message menu stands with the menu."""

from typing import Final

HELP: Final = "help"  # in the extras of a message menu: the key of its line
