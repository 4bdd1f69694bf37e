"""Mends of the page's own scripts: a deferred event, and what is done twice or searched for.

Gradio 6.31 has no option for any of these, so single expressions of its scripts are replaced as
they are sent. Where another version of Gradio has other words there, nothing is, and
`tests/test_mended_scripts.py` says so.

- Where an event is to call a handler that is still at work for the one before (trigger_mode
  "always_last"), the page remembers that, and when the handler has answered it repeats the whole
  event: for all handlers that hear it, not for the one that had waited. Two handlers of one event
  then wait for each other in turn and are called for ever; with five of them the page was busy all
  the time, and a press of a button came through after a minute.
- The tree of components is built as the page opens, and then a second time at once, by the effect
  that builds it anew when a developer's page is reloaded; each component is drawn twice.
- For each component, the targets of all events are searched for those of the component. They are
  put in order once instead.
- For each value that is read or written, the tree is searched for its component. What was found is
  remembered instead, until a part of the tree is replaced.

The last three take 1.3 of the 3.3 seconds of CPU of a page load.
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
        # The number of reloads so far is 0 as the page opens.
        [(rb"\b(\w+)\(\),(\w+\(\(\)=>\{\w+\.reload\()", rb"\1()&&\2")],
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
        [
            (
                rb"function (\w+)\((\w),(\w)\)\{if\(\2\.id===\3\)return \2;if\(\2\.children\)"
                rb"for\(let (\w) of \2\.children\)\{let (\w)=\1\(\4,\3\);if\(\5\)return \5\}"
                rb"return null\}",
                rb"var foundOf=new WeakMap;"
                rb"function searched(tree,id){if(tree.id===id)return tree;if(tree.children)"
                rb"for(let each of tree.children){let found=searched(each,id);"
                rb"if(found)return found}return null}"
                rb"function \1(\2,\3){let known=foundOf.get(\2);"
                rb"known||foundOf.set(\2,known=new Map);let found=known.get(\3);"
                rb"return found||(found=searched(\2,\3),found&&known.set(\3,found)),found}",
            ),
            (
                rb"(\w+)\.children=(\w+)\.children,(this\.#\w+\(\2\))",
                rb"\1.children=\2.children,foundOf=new WeakMap,\3",
            ),
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
