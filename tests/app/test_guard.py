"""Who gets into the app, by what a browser sends."""

import asyncio

import pytest

from ocr_jax import app
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


def ask(
    kind="http",
    query="",
    token="",
    is_local=True,
    path="/",
    method="GET",
    **headers,
):
    guard = Guard(let_in, token, is_local, 80, 1000)
    sent = {"host": "localhost:80"} | headers
    scope = {
        "type": kind,
        "path": path,
        "method": method,
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
        ({"origin": "http://["}, {}, False),
        ({"origin": "http://localhost:80.evil.example"}, {}, False),
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, {}, True),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, {}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, {}, True),
        # An image in a page of another site, or of another server of this machine.
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, {}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, {}, False),
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


@pytest.mark.parametrize(
    ("length", "status"),
    [("1000", 200), ("1001", 403), ("2147483648", 403), ("-1", 403), (None, 403)],
)
def test_what_is_sent_is_not_endless(length, status):
    headers = {} if length is None else {"content-length": length}
    assert ask(method="POST", **headers)["status"] == status


def test_a_form_of_another_site_is_refused():
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    answer = ask(method="POST", **headers, **{"content-length": "0"})
    assert answer["status"] == 403


@pytest.mark.parametrize("token", ["a b", "a;Path=/", "\u00e9", 'a"'])
def test_a_token_that_no_cookie_keeps_is_refused(token, tmp_path, capsys):
    pytest.importorskip("nicegui", reason="needs the extra app")
    assert app.main([str(tmp_path), f"--token={token}"]) == 2
    assert "letters, digits" in capsys.readouterr().err


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
