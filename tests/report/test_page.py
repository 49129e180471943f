"""The page in a real browser: from the disk, without a network, by mouse and by keyboard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from engine.journal import FILE_NAME, Journal
from engine.report import gather, to_html
from tests.browser import Page
from tests.report.written import HOSTILE, campaign
from tests.results.written import folder, line, serve

FOUND = "#found"
ROWS = "return [...document.querySelectorAll('#list tbody th')].map((one) => one.innerText.trim())"
SPAN = (
    "const range = document.querySelectorAll('#timelines .plot')[arguments[0]]._fullLayout.xaxis.range"
    ".map((one) => +new Date(one)); return range[1] - range[0]"
)
FOCUSED = (
    "const one = document.activeElement;"
    "return one.id || one.getAttribute('aria-label') || one.textContent.trim()"
)
AXE = (
    "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}).then((found) =>"
    " found.violations.flatMap((one) => one.nodes.map((node) => `${one.id}: ${node.html}`)))"
)


def page_of(journal: Path) -> Path:
    with Journal.read(journal) as reader:
        text = to_html(gather(reader))
    file = journal.with_name("report.html")
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return page_of(campaign(tmp_path_factory.mktemp("small"), 90))


class Shown:
    """A report in the browser, and how a user goes about it."""

    def __init__(self, browser: Page) -> None:
        self.browser = browser
        self.driver = browser.driver

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.one(selector).text

    def button(self, name: str) -> WebElement:
        xpath = f"//button[normalize-space(.)='{name}' or @aria-label='{name}']"
        return self.driver.find_element(By.XPATH, xpath)

    def press(self, name: str) -> None:
        """Press a button as a mouse does, wherever it is."""
        button = self.button(name)
        self.browser.run("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def choose(self, selector: str, name: str) -> None:
        self.one(f"{selector} option[value='{name}']").click()

    def keys(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def rows(self) -> list[str]:
        return [str(one) for one in self.browser.run(ROWS)]

    def span_ms(self, chart: int = 0) -> float:
        return float(self.browser.run(SPAN, chart))


Show = Callable[..., Shown]


@pytest.fixture
def show(browser: Page) -> Iterator[Show]:
    """Shows a page that is drawn; in the end, it has complained of nothing and asked for nothing."""

    def show(file: Path, *, width: int = 1280, scheme: str = "light") -> Shown:
        browser.size(width)
        browser.scheme(scheme)
        browser.open(file)
        assert browser.run("return document.documentElement.dataset.drawn") == "yes"
        return Shown(browser)

    yield show
    assert browser.problems() == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_it_reads_well_wide_and_narrow_bright_and_dark(
    show: Show, small: Path, script: Callable[[str], Path], width: int, scheme: str
) -> None:
    page = show(small, width=width, scheme=scheme)
    page.press("pytorch-x0")
    page.browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    page.browser.run(script("axe-core/axe.min.js").read_text())
    assert page.browser.wait_for(AXE) == {"value": []}
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.browser.run(wide) == 0
    assert len(page.all("#timelines .plot")) == 3
    assert all(one.find_elements(By.CSS_SELECTOR, ".main-svg") for one in page.all(".plot"))


def test_it_turns_dark_with_the_system(show: Show, small: Path) -> None:
    page = show(small)
    colour = "return getComputedStyle(document.querySelector('#timelines .xtick text')).fill"
    bright = page.browser.run(colour)
    page.browser.scheme("dark")
    dark = page.browser.wait_for(
        f"new Promise((done) => {{ const look = () => {{ const now = (() => {{ {colour} }})();"
        " now === arguments[0] ? requestAnimationFrame(look) : done(now) }; look() })",
        bright,
    )
    assert dark["value"] != bright


def test_it_finds_as_one_types_and_by_outcome_and_backend(show: Show, small: Path) -> None:
    page = show(small)
    assert page.text(FOUND) == "1 to 50 of 90"
    page.one("#find").send_keys("x13")
    assert page.rows == ["vllm-x13"]
    page.press("Clear")
    page.one("#find").send_keys("loss 6")  # in its output
    assert "pytorch-x6" in page.rows
    page.press("Clear")
    page.choose("#by-state", "failed")
    assert page.text(FOUND) == "1 to 12 of 12, found among 90"
    page.choose("#by-backend", "vllm")
    assert page.rows == ["vllm-x13", "vllm-x34", "vllm-x55", "vllm-x76"]
    page.one("#find").send_keys("no such thing")
    assert page.text(FOUND) == "none of 90 found"


def test_an_experiment_tells_its_attempts_with_their_last_lines(show: Show, small: Path) -> None:
    page = show(small)
    page.press("pytorch-x39")
    told = page.text("tr.detail")
    for words in ("Attempt 1: lost", "its container was killed", "Attempt 2: succeeded", "loss 39"):
        assert words in told


def test_an_experiment_tells_its_metrics_and_links_its_artifacts(show: Show, small: Path) -> None:
    page = show(small)
    page.press("pytorch-x39")
    assert "tokens_per_s: 43.5 tokens/s" in page.text("tr.detail ul.metrics")
    assert "batch = 8" in page.text("tr.detail")
    link = page.one("tr.detail ul.artifacts a")
    assert link.text == "a b#.json"
    assert (link.get_attribute("href") or "").endswith("/attempt-1/artifacts/a%20b%23.json")


def test_sorted_and_paged(show: Show, small: Path) -> None:
    page = show(small)
    page.press("attempts")
    page.press("attempts")
    assert page.rows[:2] == ["pytorch-x39", "vllm-x79"]
    assert page.text("th[aria-sort=descending]") == "attempts"
    page.press("Last page")
    assert page.text(FOUND) == "51 to 90 of 90"


def test_it_filters_and_sorts_by_any_parameter(show: Show, tmp_path: Path) -> None:
    shown = show(page_of(serve(tmp_path / "serve") / FILE_NAME))
    shown.one("#find").send_keys("batch=16 model=llama* backend=vllm")
    assert shown.rows == [f"vllm-llama-3-8b-16-r{n}" for n in range(1, 6)]
    shown.press("Clear")
    shown.press("tokens_per_s")
    assert shown.rows[0].startswith("pytorch-qwen-2.5-14b-1-r")
    shown.press("tokens_per_s")
    assert shown.rows[0].startswith("tensorrt-llama-3-8b-16-r")
    shown.press("Last page")
    assert shown.rows[-1] == "vllm-qwen-2.5-14b-16-r3"  # it failed, and has none


def test_it_compares_what_was_measured_by_what_was_varied(show: Show, tmp_path: Path) -> None:
    shown = show(page_of(serve(tmp_path / "serve") / FILE_NAME))
    titles = [one.text for one in shown.all("#comparison h3")]
    assert titles == ["tokens_per_s (tokens/s)", "ttft_ms (ms)"]
    heads = [one.text for one in shown.all("#comparison thead th")][:6]
    assert heads == ["model", "batch", "backend", "n", "median", "quartiles"]
    assert "Not counted: 18 warm-up runs, 1 failed runs" in shown.text("#comparison .notes")
    assert shown.browser.run("return document.querySelector('#comparison img').naturalWidth"), (
        "the picture is not shown"
    )


def test_a_run_that_was_run_again_tells_what_it_was_before(show: Show, tmp_path: Path) -> None:
    made = folder(tmp_path / "r", [line("a-x", exit_code=1), line("a-x", 2)], {"a-x": "failed"})
    with Journal.open(made / FILE_NAME, durable=False) as journal:
        journal.begin_session({})
        journal.rerun("a-x", 2)
        journal.outcome("a-x", "completed")
    shown = show(page_of(made / FILE_NAME))
    shown.press("a-x")
    assert "It was run again; before that it was failed." in shown.text("#list tr.detail")


def test_the_timelines_zoom_together_and_come_back(show: Show, small: Path) -> None:
    page = show(small)
    whole_ms = page.span_ms()
    plot = page.one("#timelines .plot")
    page.browser.run("arguments[0].scrollIntoView({block: 'center'})", plot)
    drag = ActionChains(page.driver).move_to_element_with_offset(plot, -100, -60)
    drag.click_and_hold().move_by_offset(100, 0).move_by_offset(100, 0).release().perform()
    assert page.span_ms() < whole_ms / 2
    assert page.span_ms(2) == pytest.approx(page.span_ms(), rel=0.01)
    page.press("All: timeline")
    assert page.span_ms(2) == pytest.approx(whole_ms, rel=0.01)


def test_everything_is_reached_and_done_by_keyboard(show: Show, small: Path) -> None:
    page = show(small)
    reached = []
    for _ in range(40):
        page.keys(Keys.TAB)
        reached.append(page.browser.run(FOCUSED))
    assert reached[0] == "Skip to the experiments"
    wanted = {"find", "by-state", "by-backend", "clear", "Zoom in: timeline", "pytorch-x0"}
    assert {*wanted, "Timeline of pytorch", "List of experiments"} <= {*reached}
    page.keys(Keys.ENTER)
    assert len(page.all("tr.detail")) == 1
    whole_ms = page.span_ms()
    page.browser.run("document.querySelector('#timelines .plot').focus()")
    page.keys("+")
    assert page.span_ms() == pytest.approx(whole_ms / 2, rel=0.01)
    page.keys(Keys.ARROW_RIGHT)
    assert page.span_ms() == pytest.approx(whole_ms / 2, rel=0.01)
    page.keys("0")
    assert page.span_ms() == pytest.approx(whole_ms, rel=0.01)


def test_five_thousand_experiments_stay_quick(show: Show, tmp_path: Path) -> None:
    page = show(page_of(campaign(tmp_path, 5000)))
    assert page.text(FOUND) == "1 to 50 of 5000"
    assert len(page.rows) == 50
    # Bands of one colour are one path, however many there are.
    assert 10 < len(page.all("#timelines path")) < 1000
    page.one("#find").send_keys("x4999")
    assert page.rows == ["vllm-x4999"]


def test_what_the_journal_says_is_text_and_nothing_else(show: Show, tmp_path: Path) -> None:
    page = show(page_of(campaign(tmp_path, 45, hostile=True)))
    assert page.driver.title.startswith(HOSTILE[:20])
    assert page.all("h1 b, main b[onmouseover], main script") == []
    page.press("pytorch-x39")
    assert HOSTILE[:30] in page.text("tr.detail")


def test_it_stands_alone(small: Path) -> None:
    text = small.read_text()
    assert "default-src 'none'" in text
    outside = text.split("<script>")[0]
    assert not re.search(r"(?:src|href)=[\"'](?!data:|#)", outside)
    assert not re.search(r"<script[^>]+src", text)
