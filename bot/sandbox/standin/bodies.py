"""Bodies of requests: JSON, or a form with files (multipart/form-data)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import HTTP


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form."""

    file_name: str
    content_type: str
    content: bytes = field(repr=False)


def parsed(raw: bytes, content_type: str) -> object:
    """Return the parsed JSON, or a form's fields by name; ``None`` for anything else: the endpoint refuses it.

    A field that came more than once, or whose name ends in ``[]``, is a list under its whole name.
    """
    header = _header(content_type)
    boundary = header.get_boundary()
    if header.get_content_type() == "multipart/form-data" and boundary:
        return _form(raw, boundary.encode())
    try:
        return json.loads(raw)
    except ValueError:  # no JSON, or not even UTF-8
        return None


def _form(raw: bytes, boundary: bytes) -> dict[str, object]:
    fields: dict[str, object] = {}
    for part in (b"\r\n" + raw).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = BytesHeaderParser(policy=HTTP).parsebytes(head + b"\r\n\r\n")
        disposition = headers["content-disposition"].params
        name, file_name = str(disposition.get("name", "")), disposition.get("filename")
        value: object = content.decode("utf-8", "replace")
        if file_name is not None:
            value = Upload(str(file_name), headers.get_content_type(), content)
        known = fields.get(name)
        if isinstance(known, list):
            known.append(value)
        elif name in fields:
            fields[name] = [known, value]
        else:
            fields[name] = [value] if name.endswith("[]") else value
    return fields


def _header(content_type: str) -> EmailMessage:
    message = EmailMessage(policy=HTTP)
    message["Content-Type"] = content_type or "application/octet-stream"
    return message
