"""The child process that looks into members' files: ``python -m bot.reading.worker JOB``, stdin in, JSON out.

It gives up its own rights first: memory, processor time, and writing files. Whoever started it kills it when it is
late. Nothing of the bot is in it: no settings, no connections, no loop.
"""

from __future__ import annotations

import io
import json
import logging
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from bot.core.limits import PDF_PAGES

MEMORY_BYTES: Final = 1024**3  # of addresses; a quarter of it is in use for an ordinary PDF
CPU_SECONDS: Final = 20
SOUND_CPU_SECONDS: Final = 60  # two hours of sound take a third of it
PDF_SECONDS: Final = 8.0  # after which no further page is begun
STREAM_BYTES: Final = 32 * 1024**2  # what one compressed stream may become
ERRORS: Final = 20  # of a wrong value, among which the one that says most is chosen
VALUE_CHARS: Final = 80


def read_pdf(content: bytes, limit_chars: int) -> dict[str, Any]:
    """Return the text of a PDF's first pages, or what is wrong with it."""
    from pypdf import PdfReader, overwrite_configuration  # noqa: PLC0415 - imported only where a PDF is read
    from pypdf.errors import DependencyError, FileNotDecryptedError, WrongPasswordError  # noqa: PLC0415

    overwrite_configuration(
        zlib_maximum_output_length=STREAM_BYTES,
        lzw_maximum_output_length=STREAM_BYTES,
        run_length_maximum_output_length=STREAM_BYTES,
        array_based_stream_maximum_output_length=STREAM_BYTES,
        maximum_declared_stream_length=STREAM_BYTES,
        stream_decoding_work_maximum_length=4 * STREAM_BYTES,
        jbig2dec_binary=None,  # no further process
    )
    end_at = time.monotonic() + PDF_SECONDS
    try:
        reader = PdfReader(io.BytesIO(content))
        pages = reader.pages
        count = len(pages)
        taken: list[str] = []
        chars = 0
        for page in islice(pages, PDF_PAGES):
            if chars > limit_chars or (taken and time.monotonic() > end_at):
                break
            taken.append(page.extract_text())
            chars += len(taken[-1])
    except (FileNotDecryptedError, WrongPasswordError, DependencyError):
        return {"problem": "locked"}
    text = "\n\n".join(page.strip() for page in taken).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {"text": text[: limit_chars + 1], "pages": count, "read": len(taken)}


def check_schema(schema: Any) -> dict[str, Any]:
    """Return where a schema is none, if it is none."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    validator = Draft202012Validator(Draft202012Validator.META_SCHEMA)
    return _worst(validator.iter_errors(schema))


def check_value(schema: Any, value: Any) -> dict[str, Any]:
    """Return where a value breaks its schema, if it does."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415

    return _worst(Draft202012Validator(schema, registry=Registry()).iter_errors(value))  # knows no other document


def _worst(errors: Iterator[Any]) -> dict[str, Any]:
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    error = best_match(islice(errors, ERRORS))
    if error is None:
        return {"violation": None}
    expected = error.validator_value
    if error.validator == "required" and isinstance(error.instance, dict):
        expected = next((name for name in expected if name not in error.instance), expected)
    elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        expected = next((name for name in error.instance if name not in known), expected)
    return {
        "violation": {
            "path": error.json_path[:VALUE_CHARS],
            "rule": str(error.validator),
            "expected": json.dumps(expected, ensure_ascii=False)[:VALUE_CHARS],
        }
    }


def write_sound(content: bytes, *, most_seconds: float, part_seconds: float, part_bytes: int) -> None:
    """Write what a sound file is as one line of JSON, and its parts behind it."""
    from bot.reading.hearing import read_sound  # noqa: PLC0415

    found, parts = read_sound(content, most_seconds=most_seconds, part_seconds=part_seconds, part_bytes=part_bytes)
    line = json.dumps({**found, "sizes": [len(part) for part in parts]})
    sys.stdout.buffer.write(line.encode() + b"\n")
    for part in parts:
        sys.stdout.buffer.write(part)


def give_up_rights(cpu_seconds: int = CPU_SECONDS) -> None:
    """Cap this process's memory and processor time, and let it write no files."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(limit)
        resource.setrlimit(limit, (value if most == resource.RLIM_INFINITY else min(value, most), most))


def main() -> None:
    """Do the job that the command line names. What goes wrong ends the process with a code that is not 0."""
    job, *arguments = sys.argv[1:]
    give_up_rights(SOUND_CPU_SECONDS if job == "sound" else CPU_SECONDS)
    logging.disable(logging.CRITICAL)  # the libraries quote from the files
    warnings.simplefilter("ignore")
    given = sys.stdin.buffer.read()
    if job == "sound":
        most_seconds, part_seconds, part_bytes = map(int, arguments)
        write_sound(given, most_seconds=most_seconds, part_seconds=part_seconds, part_bytes=part_bytes)
        return
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "pdf": lambda: read_pdf(given, int(arguments[0])),
        "schema": lambda: check_schema(json.loads(given)),
        "value": lambda: check_value(*json.loads(given)),
    }
    sys.stdout.write(json.dumps(jobs[job]()))


if __name__ == "__main__":
    main()
