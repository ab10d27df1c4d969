"""What is asked and what the model answers: the same in every measured turn."""

from __future__ import annotations

QUESTION = "How do I keep sourdough alive when I travel for two weeks?"

ANSWER_TOKENS = 300  # as the stand-in counts them; a test holds the text to it
ANSWER = """\
Feed it, cool it, and leave it alone: a healthy starter sleeps for two weeks in a fridge without any harm.

**Before you leave**
- Feed it in the morning with equal weights of flour and water, and wait until it has risen by about a half.
- Stir in a little more flour than usual. A stiff starter works slower than a wet one, so the food lasts longer.
- Close the jar loosely and put it in the coldest part of the fridge, never in the door.

**While you are away** nothing needs to be done. A grey liquid may gather on top; it is only alcohol that the yeast \
made when its food ran out. It smells sharp, and it protects what is below it.

**When you are back** pour the liquid off, or stir it in if you like a sour loaf. Take two spoons of the starter, \
feed them with fresh flour and lukewarm water, and keep the jar somewhere warm. The first feeding may look dull, and \
that is normal: yeast wakes up slower than bacteria do. Feed it again after twelve hours, and once more on the next \
day. As soon as it doubles within six hours it is ready to bake with, and it will taste just like it did before.

For a longer journey spread a thin layer of it on baking paper, let it dry for a day, and break it into flakes. They \
keep for a year in a tightly closed glass jar."""
