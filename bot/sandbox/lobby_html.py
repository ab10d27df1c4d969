"""The lobby's one page, as HTML: forms only, no script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from bot.sandbox.sandbox import MenuTarget
from bot.sandbox.world import BOT_NAME, Person, Place


@dataclass(frozen=True, slots=True)
class LobbyView:
    """What the page shows. ``chosen`` is the key of the person who was chosen last."""

    answered_by: str
    people: tuple[Person, ...]
    places: tuple[Place, ...]
    chosen: str
    notice: str
    menus: tuple[str, ...]
    menu_targets: tuple[MenuTarget, ...]


def render(view: LobbyView) -> str:
    """Return the page."""
    first, *others = view.places
    notice = f'<p class="notice" role="status">{escape(view.notice)}</p>' if view.notice else ""
    menu = _menu_form(view) if view.menus else ""
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{BOT_NAME} sandbox</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="lobby.css">
</head>
<body>
<main>
<header>
<h1>{BOT_NAME} <small>sandbox</small></h1>
<p>A small Discord server on this machine, with {BOT_NAME} in it. {escape(view.answered_by)}</p>
</header>
{notice}
<form method="post" action="open" target="parley-chat" class="enter">
<button class="primary" name="place" value="{escape(first.key)}">
<strong>Talk in {escape(first.name)}</strong><span>{escape(first.purpose)}</span>
</button>
<ul class="places">{"".join(_place(place) for place in others)}</ul>
<fieldset><legend>Look and speak as</legend><div class="people">{"".join(_people(view))}</div></fieldset>
</form>
<section>
<h2>What to try</h2>
<p>Type a question in {escape(first.name)}, or <code>/</code> for the commands: <code>/ask</code> is answered only to \
you. Ask for something <code>long</code> and press <b>Stop</b> while it is being written.</p>
<p>Send a picture with the form below and ask what is on it; or say <code>draw me a red boat</code>.</p>
<p>Come back to this page to open another place, or to look as somebody else: the chat stays in its one tab.</p>
<p>After a restart the places, the conversations and your settings are here again; the buttons under earlier answers, \
pictures, sound and answers that only you saw are not: on Discord they stay.</p>
</section>
{_send_form(view)}
{menu}
<details>
<summary>Start over</summary>
<form method="post" action="reset">
<p>Forgets every conversation and setting of the sandbox.</p>
<button class="danger">Forget everything</button>
</form>
</details>
</main>
</body>
</html>
"""


def _place(place: Place) -> str:
    return (
        f'<li><button name="place" value="{escape(place.key)}">'
        f"<strong>{escape(place.name)}</strong><span>{escape(place.purpose)}</span></button></li>"
    )


def _people(view: LobbyView) -> Iterable[str]:
    for person in view.people:
        checked = " checked" if person.key == view.chosen else ""
        yield (
            f'<label><input type="radio" name="person" value="{escape(person.key)}"{checked}>'
            f"<span><strong>{escape(person.name)}</strong> {escape(person.rights)}</span></label>"
        )


def _whose(place: Place) -> str:
    return place.name if place.only_for is None else f"{place.name} of {place.only_for.name}"


def _person_choice(view: LobbyView) -> str:
    options = (
        f'<option value="{escape(p.key)}"{" selected" if p.key == view.chosen else ""}>{escape(p.name)}</option>'
        for p in view.people
    )
    return f'<label>As <select name="person">{"".join(options)}</select></label>'


def _send_form(view: LobbyView) -> str:
    places = "".join(f'<option value="{escape(p.key)}">{escape(p.name)}</option>' for p in view.places)
    return f"""\
<details>
<summary>Send a message with files</summary>
<form method="post" action="send" enctype="multipart/form-data">
<div class="row">{_person_choice(view)}<label>To <select name="place">{places}</select></label></div>
<label>Message
<textarea name="text" rows="3" maxlength="2000" placeholder="@{BOT_NAME} what is this?"></textarea></label>
<label>Files <input type="file" name="files" multiple></label>
<label class="check"><input type="checkbox" name="voice"> As a voice message: one sound file, no words</label>
<button>Send</button>
</form>
</details>"""


def _menu_form(view: LobbyView) -> str:
    menus = "".join(f"<option>{escape(menu)}</option>" for menu in view.menus)
    targets = "".join(
        f'<option value="{target.message_id}">{escape(_whose(target.place))} · {escape(target.excerpt)}</option>'
        for target in view.menu_targets
    )
    return f"""\
<details>
<summary>Use a message menu</summary>
<form method="post" action="menu">
<div class="row">{_person_choice(view)}<label>Menu <select name="menu">{menus}</select></label></div>
<label>On <select name="message" required>{targets}</select></label>
<button>Use</button>
</form>
</details>"""
