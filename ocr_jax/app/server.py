"""The server of the app: its addresses, and who may ask for them."""

import contextlib
import logging
import socket
import threading
import webbrowser
from pathlib import Path

import fastapi
import uvicorn
from nicegui import ui

from ocr_jax.app import (
    exports,
    frame,
    list_screen,
    page_screen,
    pictures,
    train_screen,
    uploads,
)
from ocr_jax.app.guard import Guard
from ocr_jax.app.networks import Networks
from ocr_jax.app.project import Project
from ocr_jax.app.training import Trainings
from ocr_jax.errors import UserError, reason

# Seconds that a window may be cut off, by a sleeping computer or a busy one, before it
# has to be loaded anew; what was typed last would be lost.
AWAY = 30
KEEP = {"cache-control": "private, max-age=300"}


def parts(folder: Path, workdir: str, finder: str, is_trial: bool) -> frame.Parts:
    """Return the parts of an app on this folder."""
    title = f"Trying {workdir}" if is_trial else folder.resolve().name
    title = title.encode(errors="backslashreplace").decode()  # any bytes are a name
    project = Project(folder)
    networks = Networks(workdir, finder)
    return frame.Parts(project, networks, Trainings(project), title, is_trial)


def serve(parts: frame.Parts, *, host: str, port: int, token: str, show: bool):
    """Serve the app until Ctrl-C. Raises UserError if the address is taken."""
    with _bound(host, port) as taken:
        port = taken.getsockname()[1]
        is_local = host in ("127.0.0.1", "localhost", "::1")
        name = "localhost" if is_local else host
        if host in ("0.0.0.0", "::"):  # all that this machine has
            name = socket.gethostname()
        name = f"[{name}]" if ":" in name else name  # an address of IPv6
        address = f"http://{name}:{port}/" + (f"?token={token}" if token else "")
        print(f"Open {address}  (Ctrl-C ends it)", flush=True)
        if show:
            threading.Timer(1.0, webbrowser.open, (address,)).start()
        guarded = Guard(application(parts), token, is_local, port, 2 * uploads.LARGEST)
        config = uvicorn.Config(
            guarded,
            log_level="warning",
            ws_max_size=2**24,
            timeout_graceful_shutdown=1,
        )
        logging.getLogger("nicegui").setLevel(logging.ERROR)
        uvicorn.Server(config).run(sockets=[taken])


@contextlib.contextmanager
def _bound(host: str, port: int):
    """Take the address now, so that a mistake is one line."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((host, port))
            one.listen(128)  # a browser that is quick waits, and is not refused
            yield one
    except (OSError, OverflowError) as error:
        raise UserError(
            f"--host={host} --port={port}: {reason(error)}; name another --port"
        ) from None


def application(parts: frame.Parts) -> fastapi.FastAPI:
    """Return the app as an ASGI application."""
    app = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @ui.page("/", title=parts.title)
    def pages():
        list_screen.show(parts)

    @ui.page("/page/{name}")
    def page(name: str):
        ui.page_title(name)
        page_screen.show(parts, name)

    @ui.page("/train", title="Train")
    def train():
        train_screen.show(parts)

    _files(app, parts)
    ui.run_with(
        app,
        title=parts.title,
        tailwind=False,
        show_welcome_message=False,
        favicon="✍️",
        reconnect_timeout=AWAY,
        language="en-US",
    )
    return app


def _files(app: fastapi.FastAPI, parts: frame.Parts):
    """Add the addresses of images and downloads. Names are looked up, never opened."""

    @app.get("/image/{name}")
    def image(name: str):
        page = parts.project.page(name)
        content, mime = pictures.shown(page.image, page.xml)
        return fastapi.Response(content, media_type=mime, headers=KEEP)

    @app.get("/thumbnail/{name}")
    def thumbnail(name: str):
        page = parts.project.page(name)
        content = pictures.thumbnail(page.image, parts.project.folder)
        return fastapi.Response(content, media_type="image/jpeg", headers=KEEP)

    @app.get("/download/lines.h5")
    def lines():
        content = exports.lines_file(parts.project)
        headers = {"content-disposition": 'attachment; filename="lines.h5"'}
        return fastapi.Response(content, headers=headers)

    @app.get("/download/{kind}.zip")
    def download(kind: str):
        if kind not in exports.KINDS:
            raise fastapi.HTTPException(404)
        content = exports.pack(parts.project, kind)
        name = f'attachment; filename="{kind}.zip"'
        headers = {"content-disposition": name}
        return fastapi.Response(content, media_type="application/zip", headers=headers)

    @app.exception_handler(UserError)
    def problem(request, error: UserError):
        return fastapi.responses.PlainTextResponse(str(error), status_code=404)
