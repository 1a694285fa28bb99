"""An editor that is not ours (pygls), talking to `mlstack lsp`: opens the stack file of a folder with mistakes in it,
asks everything, and prints what it was answered. pygls reads every answer by the protocol's own types and refuses one
that does not fit."""

import asyncio
import pathlib
import sys

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

executable, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
path = folder / "mlstack.yaml"
uri = path.as_uri()
news = asyncio.Queue()


class Editor(LanguageClient):
    def report_server_error(self, error, source):
        print("THE SERVER IS WRONG:", type(error).__name__, error)


editor = Editor("editor", "1")


@editor.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
def told(params: lsp.PublishDiagnosticsParams):
    news.put_nowait(params)


def span(range):
    return f"{range.start.line}:{range.start.character}-{range.end.line}:{range.end.character}"


async def diagnostics(title, version):
    """What is wrong at a version; the server may pass over those before it."""
    params = await asyncio.wait_for(news.get(), 20)
    while params.version != version:
        params = await asyncio.wait_for(news.get(), 20)
    print(f"== {title}: version {params.version}")
    for one in params.diagnostics:
        message = one.message.replace("\n", " | ")
        print(f"{span(one.range)} {one.severity.name} {one.code} {message}")
    return params.diagnostics


class Document:
    """The text as the editor has it; places are found by what stands there."""

    def __init__(self, text):
        self.text, self.version = text, 1

    def at(self, needle, inside):
        byte = self.text.index(needle) + needle.index(inside)
        before = self.text[:byte]
        line = before.count("\n")
        column = len(before[before.rfind("\n") + 1 :].encode("utf-16-le")) // 2
        return lsp.Position(line=line, character=column)

    def place(self, needle, inside):
        return {"text_document": lsp.TextDocumentIdentifier(uri=uri), "position": self.at(needle, inside)}

    def change(self, old, new):
        """Replaces a text by its range, as editors do while one types."""
        start = self.at(old, old)
        end = lsp.Position(line=start.line, character=start.character + len(old.encode("utf-16-le")) // 2)
        self.text, self.version = self.text.replace(old, new, 1), self.version + 1
        part = lsp.TextDocumentContentChangePartial(range=lsp.Range(start=start, end=end), text=new)
        document = lsp.VersionedTextDocumentIdentifier(uri=uri, version=self.version)
        editor.text_document_did_change(
            lsp.DidChangeTextDocumentParams(text_document=document, content_changes=[part])
        )


async def session():
    await editor.start_io(executable, "lsp", "--stdio", cwd="/")
    answer = await editor.initialize_async(
        lsp.InitializeParams(capabilities=lsp.ClientCapabilities(), root_uri=folder.as_uri())
    )
    editor.initialized(lsp.InitializedParams())
    print("== initialize:", answer.server_info.name, answer.capabilities.position_encoding)

    document = Document(path.read_text())
    for old, new in [
        ("name: diabetes", "name: diabetes  # 😀"),
        ("uses: [db, artifacts]", "uses: [dbb, artifacts]"),
        ("type: frontend", "type: frontent"),
        ("memory: 256Mi", "memory: 256mb"),
    ]:
        document.text = document.text.replace(old, new)
    item = lsp.TextDocumentItem(uri=uri, language_id="yaml", version=1, text=document.text)
    editor.text_document_did_open(lsp.DidOpenTextDocumentParams(text_document=item))
    wrong = await diagnostics("opened", 1)

    print("== code actions")
    for one in wrong:
        actions = await editor.text_document_code_action_async(
            lsp.CodeActionParams(
                text_document=lsp.TextDocumentIdentifier(uri=uri),
                range=one.range,
                context=lsp.CodeActionContext(diagnostics=[one]),
            )
        )
        for action in actions:
            edit = action.edit.changes[uri][0]
            print(f"{action.title}: {span(edit.range)} → {edit.new_text}")
    document.change("dbb", "db")
    document.change("frontent", "frontend")
    document.change("256mb", "256Mi")
    await diagnostics("mended", document.version)

    document.change("model: model/diabetes.onnx ", "model: model/other.onnx ")
    await diagnostics("a model that is not there", document.version)
    document.change("model: model/other.onnx ", "model: model/diabetes.onnx ")
    await diagnostics("the model is back", document.version)

    print("== hover")
    for needle, inside in [("memory:", "memory"), ("log_predictions: db", "db"), ("type: database", "base")]:
        told = await editor.text_document_hover_async(lsp.HoverParams(**document.place(needle, inside)))
        print(f"{span(told.range)} {told.contents.value}\n")

    document.change("    calls: predictor\n", "    calls: predictor\n    env: {URL: '${predictor.\n")
    await diagnostics("half a line", document.version)
    for needle, inside in [("${predictor.\n", "\n"), ("calls: predictor", "predictor"), ("type: database", "database")]:
        offered = await editor.text_document_completion_async(
            lsp.CompletionParams(**document.place(needle, inside))
        )
        print("== completion:", " ".join(one.label for one in offered.items))
    document.change("'${predictor.\n", "'${predictor.url}'}\n")
    await diagnostics("a whole line", document.version)
    told = await editor.text_document_hover_async(lsp.HoverParams(**document.place("{predictor.url", "url")))
    print(f"== hover on a reference: {span(told.range)} {told.contents.value}")

    for needle, inside in [("{predictor.url", "pred"), ("uses: [db", "db"), ("calls: predictor", "pred")]:
        found = await editor.text_document_definition_async(
            lsp.DefinitionParams(**document.place(needle, inside))
        )
        print(f"== definition of {needle}: {span(found.range)}")
    found = await editor.text_document_references_async(
        lsp.ReferenceParams(context=lsp.ReferenceContext(True), **document.place("  predictor:", "pred"))
    )
    print("== references:", " ".join(span(one.range) for one in found))
    ready = await editor.text_document_prepare_rename_async(
        lsp.PrepareRenameParams(**document.place("  predictor:", "pred"))
    )
    renamed = await editor.text_document_rename_async(
        lsp.RenameParams(new_name="model", **document.place("  predictor:", "pred"))
    )
    print("== rename:", span(ready), "and", len(renamed.changes[uri]), "edits")
    lit = await editor.text_document_document_highlight_async(
        lsp.DocumentHighlightParams(**document.place("  predictor:", "pred"))
    )
    print("== highlights:", " ".join(f"{span(one.range)} {one.kind.name}" for one in lit))
    outline = await editor.text_document_document_symbol_async(
        lsp.DocumentSymbolParams(text_document=lsp.TextDocumentIdentifier(uri=uri))
    )
    print("== outline:", " ".join(f"{one.name}({len(one.children)})" for one in outline))
    formatted = await editor.text_document_formatting_async(
        lsp.DocumentFormattingParams(
            text_document=lsp.TextDocumentIdentifier(uri=uri),
            options=lsp.FormattingOptions(tab_size=8, insert_spaces=False),
        )
    )
    print("== formatting:", len(formatted), "edits")
    document.change("    env: {URL", "      env:   {URL")
    await diagnostics("badly laid out", document.version)

    try:
        await editor.protocol.send_request_async("mlstack/unheard", None)
    except JsonRpcException as error:
        print("== unknown method:", error.code)
    editor.text_document_did_close(
        lsp.DidCloseTextDocumentParams(text_document=lsp.TextDocumentIdentifier(uri=uri))
    )
    await diagnostics("closed", None)
    await editor.shutdown_async(None)
    editor.exit(None)
    print("== exit:", await asyncio.wait_for(editor._server.wait(), 20))
    editor._stop_event.set()


asyncio.run(asyncio.wait_for(session(), 120))
