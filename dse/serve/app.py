"""The live page as an ASGI application: one page, what it asks for as JSON, and nothing that reads a file by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dse.errors import DseError, StudyError
from dse.report.page.html import as_json
from dse.serve.asked import asked_of, json_of
from dse.serve.base import Base
from dse.serve.exports import exported
from dse.serve.finished import front_of_run
from dse.serve.growing import Sweeps, most_points
from dse.serve.guard import Guard
from dse.serve.views import start, view

SHARED = ("data", "scales", "roofline", "bars", "design")
"""Scripts of a report that the page uses too."""

SCRIPTS = ("state", "controls", "front", "compare", "exports", "page")

Answer = Callable[[Base, Sweeps, dict[str, Any]], Any]


def application(base: Base, host: str, **limits: Any) -> Guard:
    """Return the application for a server that listens at `host`; `limits` are those of a Guard."""
    sweeps = Sweeps(base)
    page, style, script = page_text(base), _style(), _script()

    def fixed(text: str, kind: str) -> Callable[[Request], Any]:
        async def answer(_: Request) -> Response:
            return Response(text, media_type=kind)

        return answer

    def asking(answer: Answer) -> Callable[[Request], Any]:
        async def found(request: Request) -> Response:
            body = await request.body()
            return await run_in_threadpool(_answered, answer, base, sweeps, body)

        return found

    async def how_far(request: Request) -> Response:
        return await run_in_threadpool(_answered, _how_far, base, sweeps, b"{}")

    routes = [
        Route("/", fixed(page, "text/html"), methods=["GET"]),
        Route("/page.css", fixed(style, "text/css"), methods=["GET"]),
        Route("/page.js", fixed(script, "text/javascript"), methods=["GET"]),
        Route("/api/view", asking(_view), methods=["POST"]),
        Route("/api/export", asking(_export), methods=["POST"]),
        Route("/api/sweep", asking(_begin), methods=["POST"]),
        Route("/api/sweep", how_far, methods=["GET"]),
        Route("/api/stop", asking(_stop), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes, exception_handlers={Exception: _failed}), host, **limits)


def page_text(base: Base) -> str:
    """Return the page; text of the study stands only in its data, as in a report."""
    known = start(base) | {"points": most_points(base), "front": front_of_run(base)}
    template = (files("dse.serve.page") / "serve.html").read_text(encoding="utf-8")
    before, after = template.split("@@DATA@@")
    return before + as_json(known) + after


def _answered(answer: Answer, base: Base, sweeps: Sweeps, body: bytes) -> Response:
    """Answer what a page asks, or say what is wrong with it.

    A value that is not possible is an answer like any other, with ``problems``: people try such values, and a browser
    notes every status of 400 or more as an error of the page.
    """
    try:
        asked = json_of(body)
    except StudyError as error:
        return JSONResponse({"error": str(error)}, status_code=422)
    try:
        return JSONResponse(answer(base, sweeps, asked))
    except StudyError as error:
        return JSONResponse({"problems": _problems(error)})
    except DseError as error:
        return JSONResponse({"error": str(error)}, status_code=500)


async def _failed(_: Request, __: Exception) -> Response:
    """What is said of an error that nobody foresaw; the server prints it."""
    return JSONResponse({"error": "this failed; the terminal of the server says how"}, status_code=500)


def _problems(error: StudyError) -> list[dict[str, str]]:
    """Every problem of an error with its place in the study, without the paths of this machine's files."""
    told = dict.fromkeys((part.key or "", part.message) for part in error.problems)
    return [{"key": key, "message": message} for key, message in told]


def _view(base: Base, _: Sweeps, data: dict[str, Any]) -> Any:
    return view(base, asked_of(base, data))


def _export(base: Base, _: Sweeps, data: dict[str, Any]) -> Any:
    kind, points = data.pop("kind", ""), data.pop("points", most_points(base))
    if not isinstance(kind, str) or not isinstance(points, int) or not 2 <= points <= 10_000:
        raise StudyError("expected a kind of file and a number of points")
    name, media, text = exported(base, asked_of(base, data), kind, points)
    return {"name": name, "media": media, "text": text}


def _begin(base: Base, sweeps: Sweeps, data: dict[str, Any]) -> Any:
    points = data.pop("points", most_points(base))
    return sweeps.begin(asked_of(base, data).design, points).told()


def _how_far(_: Base, sweeps: Sweeps, __: Mapping[str, Any]) -> Any:
    return {"number": 0} if sweeps.now is None else sweeps.now.told()


def _stop(_: Base, sweeps: Sweeps, __: Mapping[str, Any]) -> Any:
    sweeps.stop()
    return {}


def _style() -> str:
    report = (files("dse.report.page") / "page.css").read_text(encoding="utf-8")
    return report + (files("dse.serve.page") / "serve.css").read_text(encoding="utf-8")


def _script() -> str:
    shared = [(files("dse.report.page") / f"{name}.js").read_text(encoding="utf-8") for name in SHARED]
    own = [(files("dse.serve.page") / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join(('"use strict";', "(() => {", *shared, *own, "})();"))
