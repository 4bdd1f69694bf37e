"""Mends of the page's own scripts: a deferred event, and what is searched for again and again.

Gradio 6.31 has no option for any of these, so single expressions of its scripts are replaced as
they are sent. Where another version of Gradio has other words there, nothing is, and
`tests/test_mended_scripts.py` says so.

- Where an event is to call a handler that is still at work for the one before (trigger_mode
  "always_last"), the page remembers that, and when the handler has answered it repeats the whole
  event: for all handlers that hear it, not for the one that had waited. Two handlers of one event
  then wait for each other in turn and are called for ever; with five of them the page was busy all
  the time, and a press of a button came through after a minute.
- The server closes the stream of answers when no event waits for one. An event sent at that
  moment finds the stream still open in the page and then waits at a closed one: its answer comes
  with that of the next event, or never. The page now opens the stream again for it.
- With every frame of a stream, the page tells every component that has ever been an output how its
  handler stands, each by a search of the whole tree, though nothing has changed for any of them. A
  component is now told when its status is another.
- A clock that shows how long a handler has been at work goes on 60 times a second for ever where
  its component is replaced meanwhile, as one is when the page opens. It now ends with it.
- For each component, the targets of all events are searched for those of the component. They are
  put in order once instead.

The third takes a third of the browser's CPU while a walk of ten frames a second streams, the fourth
a tenth of a core of every open page, the fifth 280 milliseconds of a page load.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import gradio

ASSETS = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
# Of each script, by the beginning of its name: the mends, each of expressions that belong together.
MENDS: dict[str, list[list[tuple[bytes, bytes]]]] = {
    "Blocks": [
        [
            (
                rb"this\.queue\.delete\((\w+)\.id\),this\.dispatch\((\w+)\)",
                rb"this.queue.delete(\1.id),this.dispatch({...\2,type:`fn`,fn_index:\1.id})",
            )
        ],
        [
            (
                rb"async update_loading_stati_state\(\)\{await Promise\.all\("
                rb"Object\.entries\(this\.loading_stati\.current\)\.map\(",
                rb"async update_loading_stati_state(){let told=this.told??={},"
                rb"same=(a,b)=>!!a&&Object.keys({...a,...b}).every(k=>Object.is(a[k],b[k]));"
                rb"await Promise.all(Object.entries(this.loading_stati.current)"
                rb".filter(([id,now])=>!same(told[id],now)&&(told[id]=now,!0)).map(",
            ),
            (
                rb"(\w+)\.inputs\.forEach\((\w+)=>\{this\.update_state_cb\(\2,"
                rb"\{loading_status:\{validation_error:null\}\},!1\)\}\)",
                rb"\1.inputs.forEach(\2=>{delete this.told?.[\2];this.update_state_cb(\2,"
                rb"{loading_status:{validation_error:null}},!1)})",
            ),
            (
                rb"(\w+)\(\)\.then\(\(\)=>this\.update_loading_stati_state\(\)\)",
                rb"\1().then(()=>(this.told={},this.update_loading_stati_state()))",
            ),
        ],
    ],
    "index": [
        [
            (
                rb"(\w+)\.msg===`close_stream`\)\{(\w+)\((\w+),(\w+)\.abort_controller\);return\}",
                rb"\1.msg===`close_stream`){\2(\3,\4.abort_controller);"
                rb"let again=\4.waited_again??=new Set,"
                rb"left=[...\4.unclosed_events].filter(id=>!again.has(id));"
                rb"left.length&&(left.forEach(id=>again.add(id)),\4.open_stream());return}",
            )
        ],
    ],
    "statustracker": [
        [
            (
                rb"(,(\w+),(\w+)=!1,\w+=\w+\(0\),(?s:.){0,4000}?function (\w+)\(\)\{\w+\(\(\)=>"
                rb"\{[^{}]*?performance\.now\(\)[^{}]*?,)\3&&\4\(\)\}\)\}",
                rb"\1\3&&\2?.isConnected&&\4()})}",
            )
        ],
    ],
    "core": [
        [
            (
                rb"find_attached_events\((\w+),(\w+)\)\{let \w+=\2\.filter\([^{}]*?=>\{[^{}]*\}\)"
                rb"\.filter\(Boolean\);return \1\.props\.shared_props\.attached_events=\w+,\1\}",
                rb"find_attached_events(\1,\2){"
                rb"let all=this.attached?.of===\2?this.attached:null;"
                rb"if(!all){all=this.attached={of:\2,by:new Map};"
                rb"for(let each of \2){let first=new Map;"
                rb"for(let[id,event]of each.targets)first.has(id)||first.set(id,event);"
                rb"for(let[id,event]of first)event&&"
                rb"all.by.set(id,[...all.by.get(id)??[],event])}}"
                rb"return \1.props.shared_props.attached_events=[...all.by.get(\1.id)??[]],\1}",
            )
        ],
    ],
}


@cache
def mended() -> dict[str, bytes]:
    """The scripts that are sent in place of Gradio's, by the path of their address."""
    found = {}
    for name, mends in MENDS.items():
        for file in ASSETS.glob(f"{name}-*.js"):
            text = as_it_is = file.read_bytes()
            for mend in mends:
                text = replaced(text, mend)
            if text != as_it_is:
                found[f"/assets/{file.name}"] = text
    return found


def replaced(script: bytes, expressions: list[tuple[bytes, bytes]]) -> bytes:
    """The script with all of these expressions replaced; as it is where one is not there."""
    text = script
    for pattern, words in expressions:
        text, count = re.subn(pattern, words, text)
        if not count:
            return script
    return text
