"""Who gets into the app, by what a browser sends."""

import asyncio

import pytest

from ocr_jax.app.guard import Guard

TOKEN = "secret"


async def _answer(guard, scope):
    sent = []

    async def send(message):
        sent.append(message)

    await guard(scope, None, send)
    return sent


async def let_in(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
    else:
        await send({"type": "websocket.accept"})


def ask(kind="http", query="", token="", is_local=True, path="/", **headers):
    guard = Guard(let_in, token, is_local, 80)
    sent = {"host": "localhost:80"} | headers
    scope = {
        "type": kind,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
    }
    [first, *_] = asyncio.run(_answer(guard, scope))
    return first


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("headers", "options", "good"),
    [
        ({}, {}, True),
        ({"host": "127.0.0.1:80"}, {}, True),
        ({"host": "[::1]:80"}, {}, True),
        ({"host": "evil.example:80"}, {}, False),  # a name that points here
        ({"host": "evil.example:80"}, {"is_local": False, "token": TOKEN}, False),
        ({"origin": "http://localhost:80"}, {}, True),
        ({"origin": "http://evil.example"}, {}, False),  # a page elsewhere
        ({"origin": "null"}, {}, False),
        ({}, {"token": TOKEN}, False),
        ({"cookie": f"ocr_jax_80={TOKEN}"}, {"token": TOKEN}, True),
        ({"cookie": "ocr_jax_80=other"}, {"token": TOKEN}, False),
        ({"cookie": f"ocr_jax_81={TOKEN}"}, {"token": TOKEN}, False),
        ({"cookie": "\u00e9=;;="}, {"token": TOKEN}, False),
    ],
)
def test_who_gets_in(kind, headers, options, good):
    answer = ask(kind, **headers, **options)
    if kind == "http":
        assert answer["status"] == (200 if good else 403)
    else:
        assert answer["type"] == f"websocket.{'accept' if good else 'close'}"


def test_the_token_moves_from_the_address_into_a_cookie():
    answer = ask(query=f"token={TOKEN}", token=TOKEN, path="//evil.example")
    headers = dict(answer["headers"])
    assert answer["status"] == 303 and headers[b"location"] == b"/evil.example"
    assert headers[b"set-cookie"].startswith(b"ocr_jax_80=secret; Path=/; HttpOnly")
    assert ask(query="token=guess", token=TOKEN)["status"] == 403


def test_answers_forbid_other_origins():
    headers = dict(ask()["headers"])
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"
