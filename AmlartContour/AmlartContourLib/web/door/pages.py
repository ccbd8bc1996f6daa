"""The pages the door gives itself: no entry, the way in, a second tab, and a station that is starting.

They load nothing but the door's own style, and escape whatever they are told.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from string import Template

from aiohttp import web

from AmlartContourLib.contract.notice import RESEARCH_ONLY
from AmlartContourLib.exchange.resources import RESOURCES

FOLDER = RESOURCES / "Web"
TAKE = (
    '<form method="post" action="/door/take?then=/">'
    '<button type="submit" id="take">Use it in this tab</button></form>'
)
ONWARD = '<meta http-equiv="refresh" content="{seconds};url=/" />'
HTML = "text/html"


def sentence(status: int, text: str) -> web.Response:
    """A refusal as a page of one sentence."""
    return _page(status, "This did not work", text)


def no_entry() -> web.Response:
    """For whoever comes without the cookie."""
    return _page(
        401,
        "Please come in through your link",
        "This workstation opens with the link that `amlart workstation` printed in the terminal, or that "
        "its owner gave you. The link is needed once per browser.",
    )


def way_in() -> web.Response:
    """Sets nothing by itself: it moves on from within the site, so that a strict cookie is sent along."""
    return _page(200, "Opening", "The workstation opens in a moment.", head=ONWARD.format(seconds=0))


def starting() -> web.Response:
    """While the station starts."""
    return _page(
        503, "The workstation is starting", "This takes a few seconds.", head=ONWARD.format(seconds=1)
    )


def second_tab() -> web.Response:
    """For a second tab of the same user."""
    return _page(
        409,
        "The workstation is open in another tab",
        "One tab at a time shows a workstation, so that no two edit the same contours. You can close this "
        "tab, or go on here; the other tab then lets go, and nothing is lost.",
        action=TAKE,
    )


def dressed(index_html: str, seat: str, instance: str) -> str:
    """The station's page with our title, style and watcher in it."""
    page = re.sub(r"<title>.*?</title>", "<title>AmlartContour workstation</title>", index_html)
    page = re.sub(r'<meta\s+name="(?:description|keywords|viewport)".*?/>', "", page, flags=re.DOTALL)
    page = re.sub(r'<link rel="icon"[^>]*>', '<link rel="icon" href="data:," />', page)
    page = re.sub(r"<script>\s*fetch\(.*?</script>", "", page, flags=re.DOTALL)
    ours = (
        '<meta name="viewport" content="width=device-width, initial-scale=1" />'
        '<link rel="stylesheet" href="/door/workstation.css" />'
        '<link rel="stylesheet" href="/door/fixing.css" />'
        f'<script defer src="/door/page.js" data-seat="{escape(seat)}" '
        f'data-instance="{escape(instance)}"></script>'
        '<script defer src="/door/fixing.js"></script><script defer src="/door/workstation.js"></script>'
    )
    return page.replace("</head>", ours + "</head>", 1)


def _page(status: int, title: str, text: str, *, head: str = "", action: str = "") -> web.Response:
    words = {"title": title, "text": text, "notice": RESEARCH_ONLY}
    body = _template().substitute({k: escape(v) for k, v in words.items()}, head=head, action=action)
    return web.Response(status=status, text=body, content_type=HTML)


@lru_cache(maxsize=1)
def _template() -> Template:
    return Template((FOLDER / "plain.html").read_text(encoding="utf-8"))
