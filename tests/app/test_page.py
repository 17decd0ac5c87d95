"""The page in a browser, used as a visitor would; needs Playwright and Chromium."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import soundfile

from ..conftest import ROOT
from ..tones import save_clap

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
SECONDS = 1000  # milliseconds


@pytest.fixture(scope="module")
def url(tiny_clap, tmp_path_factory):
    """Serve the page for a model with random weights."""
    model = save_clap(tiny_clap, tmp_path_factory.mktemp("model"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, ROOT / "app/app.py", "--model_name_or_path", model, "--server_port", port]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        list(map(str, command)), env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as app:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=1)
                break
            except OSError:
                assert app.poll() is None, app.stdout.read()
                time.sleep(0.2)
        yield address
        app.kill()


@pytest.fixture(params=[1280])
def page(url, request):
    """The page in a window of some width; nothing may go wrong in it, or be asked of another host."""
    errors, hosts = [], set()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        page = browser.new_page(viewport={"width": request.param, "height": 844})
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if "://" in request.url else None)
        page.goto(url)
        page.wait_for_selector("#compose")
        yield page
        browser.close()
    of_page = [error for error in errors if "Waveform load error" not in error]  # the browser's, of a text file
    assert of_page == []
    assert hosts == {url.split("/")[2]}


@pytest.mark.parametrize("page", [390], indirect=True)  # of a phone
def test_which_came_first(page):
    for name in ("Which came first?", "Search", "Timeline"):
        assert page.get_by_role("tab", name=name).is_visible()
    page.click("#compose")
    page.wait_for_selector("#recording audio", state="attached", timeout=60 * SECONDS)
    page.click("#ask")
    page.wait_for_selector("#bars .statement", timeout=60 * SECONDS)
    assert page.locator("#bars .statement").count() == 6
    assert page.locator("#bars .best").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_result_plays_from_its_second_on(page):
    page.get_by_role("tab", name="Search").click()
    page.fill("#query textarea, #query input", "  ")
    page.click("#find")
    page.get_by_text("the query is empty").wait_for(timeout=60 * SECONDS)
    page.fill("#query textarea, #query input", "bell before siren")
    page.click("#find")
    page.locator("#places .cell-wrap:visible", has_text=".ogg").first.wait_for(timeout=60 * SECONDS)
    start = page.locator("#places [aria-rowindex='2'] [aria-colindex='2']").inner_text().strip()
    page.locator("#places .cell-wrap:visible", has_text=".ogg").first.click()
    page.get_by_text(f"from {start} on").wait_for(timeout=60 * SECONDS)
    minutes, seconds = start.split(":")
    start_s = 60 * int(minutes) + float(seconds)
    player = page.locator("#player audio").last
    playwright.expect(player).to_have_js_property("paused", False, timeout=60 * SECONDS)
    assert start_s - 0.1 <= player.evaluate("audio => audio.currentTime") <= start_s + 10


@pytest.mark.slow
def test_a_timeline_of_ten_minutes_and_a_text_that_is_no_audio(page, tmp_path):
    page.get_by_role("tab", name="Timeline").click()
    (tmp_path / "note.wav").write_text("no audio at all")
    page.set_input_files("#long_recording input[type=file]", tmp_path / "note.wav")
    page.wait_for_timeout(2 * SECONDS)
    page.click("#look")
    page.get_by_text("This recording cannot be read: unreadable audio").wait_for(timeout=60 * SECONDS)
    page.reload()
    page.get_by_role("tab", name="Timeline").click()
    noise = np.random.default_rng(0).standard_normal(600 * 8000) / 20
    soundfile.write(tmp_path / "long.flac", noise, 8000)
    page.set_input_files("#long_recording input[type=file]", tmp_path / "long.flac")
    page.wait_for_timeout(5 * SECONDS)
    page.click("#look")
    page.wait_for_selector("#picture img", timeout=180 * SECONDS)
    assert page.locator("#sentence").inner_text().startswith(("First", "None of these"))
