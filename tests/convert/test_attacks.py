"""HTML of an attacker in a real browser: as it was sent it runs, or tells that it was read; as we keep it, neither.

Each attack is tried as it was sent first, so that one that no longer works is noticed.
"""

from collections.abc import Iterator

import pytest

from smtpintake.convert.draft import draft
from tests import make
from tests.browser import Reader, chromium

ATTACKS = {
    # Of nh3's kind.
    "script": "<script>{run}</script>",
    "event handler of an image": "<img src=x onerror={run}>",
    "event handler of a drawing": "<svg onload={run}>",
    "javascript link": '<a href="javascript:{run}">x</a>',
    "javascript link in disguise": '<a href=" &#x6A;ava&#x09;script&colon;{run}">x</a>',
    "frame with a page": '<iframe srcdoc="<script>{run}</script>"></iframe>',
    "frame that runs": '<iframe src="javascript:{run}"></iframe>',
    "object": '<object data="{leak}"></object>',
    "embedded": '<embed src="{leak}">',
    "form": '<form action="{leak}"><button>x</button></form>',
    "imported style": "<style>@import url({leak})</style>",
    "background in a style": '<div style="background:url({leak})">x</div>',
    "linked style": '<link rel=stylesheet href="{leak}">',
    "refresh": '<meta http-equiv=refresh content="0;url={leak}">',
    # Others.
    "image": '<img src="{leak}">',
    "image of the same scheme": '<img src="//{bare}">',
    "image for some screens": '<img srcset="{leak} 1x">',
    "picture": '<picture><source srcset="{leak}"><img></picture>',
    "base of relative addresses": '<base href="{leak}/"><img src=x>',
    "background of a table": '<table background="{leak}"><tr><td>x</td></tr></table>',
    "poster": '<video poster="{leak}"></video>',
    "sound": '<audio src="{leak}" preload=auto></audio>',
    "image in a drawing": '<svg><image href="{leak}"/></svg>',
    "image as a button": '<input type=image src="{leak}">',
    "mark of a list": '<ul><li style="list-style-image:url({leak})">x</ul>',
    "escaped style": r'<div style="background:u\72l({leak})">x</div>',
    "loaded ahead": '<link rel=preload as=image href="{leak}">',
    "frame": '<iframe src="{leak}"></iframe>',
    "event handler of the body": "<body onload={run}>",
    "event handler on touch": "<p style='color:red' onmouseover={run}>x</p>",
    "event handler on focus": "<input autofocus onfocus={run}>",
    "event handler of details": "<details open ontoggle={run}>x</details>",
    "event handler of the image that the mail brings": '<img src="cid:logo" onerror={run}>',
    "event handler of an image in the text": '<img src="data:image/png;base64,AAAA" onerror={run}>',
    "broken quotes": '<img """><script>{run}</script>">',
    "comment that ends at once": "<!--><script>{run}</script>-->",
    "title in an attribute": '<title><a title="</title><img src=x onerror={run}>">',
    "noscript in an attribute": '<noscript><p title="</noscript><img src=x onerror={run}>">',
    "style in a drawing": '<svg></p><style><a id="</style><img src=x onerror={run}>">',
    "style in a formula": "<math><mglyph><style></math><img src=x onerror={run}>",
    "note on a formula": '<math><annotation-xml encoding="text/html"><img src=x onerror={run}></annotation-xml></math>',
    "link in a drawing": '<svg><a xlink:href="javascript:{run}"><text y=20>x</text></a></svg>',
    "link that is animated": "<svg><a><animate attributeName=href values=javascript:{run} />"
    "<text y=20>x</text></a></svg>",
    "shadow": "<div><template shadowrootmode=open><img src=x onerror={run}></template></div>",
    "form outside its form": '<form id=f></form><button form=f formaction="javascript:{run}">x</button>',
}


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with chromium() as found:
        yield found


def written(attack: str, number: int, host: str) -> str:
    """An attack that tells its number."""
    names = {"{run}": f"top.ran{number}=1", "{leak}": f"http://{host}/leak/{number}", "{bare}": f"{host}/leak/{number}"}
    for name, value in names.items():
        attack = attack.replace(name, value)
    return attack


def as_kept(html: str) -> str:
    return draft(make.message(text=None, html=f"<p>kept</p>{html}"), ()).body_html or ""


def as_obeyed(html: str) -> str:
    """The same of a mail with commands: they are taken out of what is safe already, which is then written anew."""
    drawn = draft(make.message(text="#status closed\n\nkept", html=f"<p>#status closed</p><p>kept</p>{html}"), ())
    assert drawn.commands is not None
    return drawn.obeying(drawn.commands.commands).body_html or ""


def test_nothing_runs_and_nothing_leaves(reader: Reader) -> None:
    sent = {name: written(attack, n, reader.site.host) for n, (name, attack) in enumerate(ATTACKS.items())}
    assert reader.betrayed_by(sent, expected=len(sent)) == set(ATTACKS)
    shown = {name: as_kept(html) for name, html in sent.items()}
    without_commands = {f"{name}, obeyed": as_obeyed(html) for name, html in sent.items()}
    assert all(html.startswith("<p>kept</p>") for html in (*shown.values(), *without_commands.values()))
    assert reader.betrayed_by(shown | without_commands) == set()
