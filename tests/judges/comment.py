"""What GitHub's own parser of Markdown (cmark-gfm, with all extensions that GitHub uses) makes of comments.

    comment.py FOLDER...

Of each comment (*.md) of a folder: outside code stands nothing that GitHub makes something of, and no tag that mlstack
does not write. Where the folder has a harmless.md, each has its tags in its order; only how much of a sentence stands in
code may differ. Prints a line a fault and ends with 1 where there is any; else how many it judged.
"""

import html.parser
import pathlib
import re
import sys

import cmarkgfm
from cmarkgfm.cmark import Options

VOID = {"br", "hr", "img", "input"}
WRITTEN = set("blockquote br code details h3 h4 li ol p pre strong summary table tbody td th thead tr ul".split())
# A mention, a reference, a link's address, an emoji, mathematics, a commit; what Markdown itself makes is a tag.
ACTING = re.compile(r"[@#$<>`\[\]\\_&~]|://|www\.|GH-|:\w+:|\b[0-9a-f]{7,40}\b", re.IGNORECASE)
ALERT = re.compile(r"\[!(CAUTION|WARNING|NOTE|TIP|IMPORTANT)\]")


class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.comments, self.faults = [], [], 0, []

    def handle_starttag(self, tag, attributes):
        if tag not in WRITTEN:
            self.faults.append(f"<{tag}> {attributes}")
        if (tag, attributes) != ("code", []):
            self.tags.append((tag, tuple(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            self.faults.append(f"</{tag}> ends another element")
        if tag != "code":
            self.tags.append(("/" + tag, ()))

    def handle_comment(self, text):
        self.comments += 1
        if not re.fullmatch(r" mlstack:[a-z0-9-]+:[a-z0-9-]+( empty)? ", text):
            self.faults.append(f"<!--{text}-->")

    def handle_data(self, text):
        if "code" not in self.open and "pre" not in self.open and ACTING.search(ALERT.sub("", text)):
            self.faults.append(f"outside code: {text!r}")


def read(path):
    reader = Reader()
    markdown = path.read_text(encoding="utf-8")
    reader.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE))
    reader.close()
    if reader.comments != 1:
        reader.faults.append(f"{reader.comments} HTML comments")
    return reader


def faults(folder):
    harmless = folder / "harmless.md"
    meant = read(harmless).tags if harmless.exists() else None
    for path in sorted(folder.glob("*.md")):
        reader = read(path)
        for fault in reader.faults:
            yield f"{path}: {fault}"
        if meant is not None and reader.tags != meant:
            differ = [pair for pair in zip(reader.tags, meant) if pair[0] != pair[1]]
            yield f"{path}: other tags, {len(reader.tags)} and not {len(meant)}: {differ[:3]}"


folders = [pathlib.Path(folder) for folder in sys.argv[1:]]
found = [fault for folder in folders for fault in faults(folder)]
if found:
    sys.exit("\n".join(found))
print(sum(len(list(folder.glob("*.md"))) for folder in folders), "comments")
