"""What a member types into Discord's command picker, checked against the synced command as Discord's client does."""

from __future__ import annotations

from tests.wire.discord_standin.journal import Json
from tests.wire.discord_standin.world import Attachment, Channel

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, NUMBER, ATTACHMENT = 1, 2, 3, 4, 5, 10, 11
VALUE_TYPES: dict[int, type | tuple[type, ...]] = {
    STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float), ATTACHMENT: Attachment,
}  # fmt: skip
MESSAGE_MENU = 3  # the type of such a command
TEXT_INPUT_CHARS = 4000
LABEL, CHECKBOX = 18, 23  # components of a modal
GUILD_CONTEXT, BOT_DM_CONTEXT = 0, 1


class PickerRefusal(Exception):
    """Discord's client would not let the member send this."""


def slash_options(commands: list[Json], channel: Channel, name: str, values: dict[str, object]) -> Json:
    """Return the ``data`` part of INTERACTION_CREATE for ``/name``, with subcommands after a space.

    Raises ``PickerRefusal`` for what is not synced, not offered here, missing or out of range.
    """
    first, *rest = name.split()
    command = next((c for c in commands if c["name"] == first and c["type"] == 1), None)
    if command is None:
        raise PickerRefusal(f"/{first} is not synced; there are {sorted(c['name'] for c in commands)}")
    _refuse_elsewhere(command, channel)
    return {
        "id": command["id"],
        "name": first,
        "type": 1,
        "options": _descend(command.get("options") or [], rest, values),
    }


def menu_command(commands: list[Json], channel: Channel, name: str) -> Json:
    """Return what INTERACTION_CREATE says about an entry of a message's menu. Raises ``PickerRefusal``."""
    command = next((c for c in commands if c["name"] == name and c["type"] == MESSAGE_MENU), None)
    if command is None:
        raise PickerRefusal(f"the menu {name} is not synced")
    _refuse_elsewhere(command, channel)
    return {"id": command["id"], "name": name, "type": MESSAGE_MENU}


def filled(modal: Json, values: dict[str, object]) -> Json:
    """Return the ``data`` part of a submitted modal; a text that nobody typed is empty, a box that nobody ticked off.

    Raises ``PickerRefusal`` for a field that is not there, or a text that it would not take.
    """
    fields = [part["component"] for part in modal["components"] if part["type"] == LABEL]
    if strange := values.keys() - {part["custom_id"] for part in fields}:
        raise PickerRefusal(f"the modal has no fields {sorted(strange)}")
    components = []
    for number, part in enumerate(fields):
        given = values.get(part["custom_id"], False if part["type"] == CHECKBOX else "")
        if isinstance(given, str) and not (part.get("min_length") or 0) <= len(given) <= (
            part.get("max_length") or 4000
        ):
            raise PickerRefusal(f"{part['custom_id']} is outside its range")
        field = {"type": part["type"], "id": 2 * number + 2, "custom_id": part["custom_id"], "value": given}
        components.append({"type": LABEL, "id": 2 * number + 1, "component": field})
    return {"custom_id": modal["custom_id"], "components": components}


def _refuse_elsewhere(command: Json, channel: Channel) -> None:
    here = BOT_DM_CONTEXT if channel.is_dm else GUILD_CONTEXT
    contexts = command.get("contexts")
    offered = here in contexts if contexts is not None else not channel.is_dm or command.get("dm_permission", True)
    if not offered:
        raise PickerRefusal(f"/{command['name']} is not offered in this kind of channel")


def _descend(options: list[Json], names: list[str], values: dict[str, object]) -> list[Json]:
    nested = {option["name"]: option for option in options if option["type"] in {SUBCOMMAND, GROUP}}
    if names:
        if names[0] not in nested:
            raise PickerRefusal(f"there is no subcommand {names[0]}, only {sorted(nested)}")
        chosen = nested[names[0]]
        below = _descend(chosen.get("options") or [], names[1:], values)
        return [{"name": names[0], "type": chosen["type"], "options": below}]
    if nested:
        raise PickerRefusal(f"a subcommand is missing: {sorted(nested)}")
    known = {option["name"]: option for option in options}
    if strange := values.keys() - known.keys():
        raise PickerRefusal(f"there are no options {sorted(strange)}, only {sorted(known)}")
    if missing := {name for name, option in known.items() if option.get("required")} - values.keys():
        raise PickerRefusal(f"required options are missing: {sorted(missing)}")
    return [_option(known[name], value) for name, value in values.items()]


def _option(option: Json, value: object) -> Json:
    name, kind = option["name"], option["type"]
    if kind not in VALUE_TYPES:
        raise NotImplementedError(f"the stand-in has no options of type {kind} yet ({name})")
    if not isinstance(value, VALUE_TYPES[kind]) or (kind != BOOLEAN and isinstance(value, bool)):
        raise PickerRefusal(f"{name} has the wrong type")
    if isinstance(value, Attachment):
        return {"name": name, "type": kind, "value": str(value.attachment_id)}
    choices = option.get("choices")
    if choices and value not in [choice["value"] for choice in choices]:
        raise PickerRefusal(f"{name} is none of the choices")
    size = len(value) if isinstance(value, str) else value
    bounds = ("min_length", "max_length") if isinstance(value, str) else ("min_value", "max_value")
    low, high = (option.get(bound) for bound in bounds)
    if isinstance(size, int | float) and ((low is not None and size < low) or (high is not None and size > high)):
        raise PickerRefusal(f"{name} is outside its range")
    return {"name": name, "type": kind, "value": value}


def button(components: list[Json], custom_id: str) -> Json:
    """Return the enabled component with this custom id, however deep it is.

    Raises ``PickerRefusal`` where nobody could press it.
    """
    for component in components:
        if component.get("custom_id") == custom_id:
            if component.get("disabled"):
                raise PickerRefusal(f"{custom_id} is disabled")
            return component
        inner = component.get("components") or []
        if any(custom_id in ids(part) for part in inner):
            return button(inner, custom_id)
    raise PickerRefusal(f"there is no component {custom_id}, only {[i for c in components for i in ids(c)]}")


def ids(component: Json) -> list[str]:
    """Return the custom ids of a component and everything in it."""
    own = [component["custom_id"]] if component.get("custom_id") else []
    return own + [i for inner in component.get("components") or [] for i in ids(inner)]
