"""Asks the application of the live page without a server, for its tests; a module that imports this needs starlette."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from small_run import PATIENCE_S

pytest.importorskip("starlette", reason="starlette is not installed")
import httpx

from dse.serve.app import application
from dse.serve.base import Base

HOST = "127.0.0.1"
JSON = {"content-type": "application/json"}
URL = f"http://{HOST}:8765"
TECHNIQUES = "workloads.0.techniques"


class Client:
    """Asks an application as a browser would ask a server."""

    def __init__(self, app: Any, url: str = URL) -> None:
        self.app, self.url = app, url

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=self.url) as client:
                return await client.request(method, path, **options)

        return asyncio.run(asked())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


def client_of(base: Base, **options: Any) -> Client:
    return Client(application(base, HOST, **{"per_second": 1e9, "at_once": 1e9, **options}))


def viewed(client: Client, asked: Any) -> dict[str, Any]:
    answer = client.post("/api/view", json=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def exported(client: Client, asked: Any, kind: str, **more: Any) -> str:
    answer = client.post("/api/export", json={**asked, "kind": kind, **more})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def refused(client: Client, asked: Any) -> str:
    answer = client.post("/api/view", json=asked)
    assert answer.status_code == 200  # a browser notes any other as an error of the page
    problems = answer.json()["problems"]
    return "; ".join(": ".join(filter(None, (one["key"], one["message"]))) for one in problems)


def ended(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(client.get("/api/sweep").json())
        return bool(found["ended"])

    until(over)
    return found


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that a busy machine may take long to do."""
    last = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < last, "it did not happen"
        time.sleep(0.02)
