"""Traces and figures through OpenTelemetry, over real sockets, on both faces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from electron_ipc.v1 import ipc_pb2 as pb
from mainproc import IpcMain, WebContents, serve
from mainproc.asks import next_id
from mainproc.observe.otel import OpenTelemetryObserver
from renderer.wire.parcel import Parcel
from tests.electron.faces import FACES, Page, ThreadsPage, opened
from tests.faults.proxy import Proxy
from tests.integration.main_support import raw_page, send_sync, serving
from tests.support.processes import PATIENCE
from tests.support.waiting import until

OTHER_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Telemetry:
    """What a program with an SDK would send somewhere."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")
        self.reader = InMemoryMetricReader()
        self.meters = MeterProvider([self.reader])

    def observer(self, **options: Any) -> OpenTelemetryObserver:
        return OpenTelemetryObserver(self.provider, self.meters, **options)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [s for s in self.exporter.get_finished_spans() if s.name == name]

    async def span(self, name: str) -> ReadableSpan:
        """Wait for the only span of a name."""
        await until(lambda: self.spans(name))
        (span,) = self.spans(name)
        return span

    def figures(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Return by name the attributes and values of all points."""
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        data = self.reader.get_metrics_data()
        assert data is not None
        for metric in data.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.data.data_points:
                value = getattr(point, "value", None)
                value = getattr(point, "count", None) if value is None else value
                attributes = dict(point.attributes or {})
                found.setdefault(metric.name, []).append((attributes, value))
        return found


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def ipc(telemetry: Telemetry) -> IpcMain:
    ipc = IpcMain()
    ipc.observe(telemetry.observer())
    return ipc


@pytest.fixture(params=FACES)
async def page(request: pytest.FixtureRequest, ipc: IpcMain) -> AsyncIterator[Page]:
    async with (
        serve(ipc, listen="127.0.0.1:0") as main,
        opened(FACES[request.param], main.address) as page,
    ):
        yield page


async def in_span(
    telemetry: Telemetry, page: Page, method: str, *args: object, **options: Any
) -> tuple[Any, ReadableSpan]:
    """Have a renderer do something inside of a span; return result and span."""

    async def here() -> Any:
        with telemetry.tracer.start_as_current_span("page"):
            return await getattr(page.ipc, method)(*args, **options)

    def there() -> Any:
        with telemetry.tracer.start_as_current_span("page"):
            result = getattr(page.ipc, method)(*args, **options)
            return result.result(PATIENCE) if method == "invoke" else result

    is_there = isinstance(page, ThreadsPage)
    result = await (asyncio.to_thread(there) if is_there else here())
    return result, await telemetry.span("page")


def is_below(child: ReadableSpan, parent: ReadableSpan) -> bool:
    assert parent.context
    assert child.context
    assert child.parent
    return (child.parent.span_id, child.context.trace_id) == (
        parent.context.span_id,
        parent.context.trace_id,
    )


# ---- a renderer asks -----------------------------------------------------------------


@pytest.mark.parametrize("how", ["plain", "async", "thread"])
async def test_a_handlers_span_is_below_that_of_the_renderer(
    page: Page, ipc: IpcMain, telemetry: Telemetry, how: str
) -> None:
    async def later(event: object, arg: object) -> object:
        await asyncio.sleep(0)
        with telemetry.tracer.start_as_current_span("inside"):
            return arg

    def plain(event: object, arg: object) -> object:
        with telemetry.tracer.start_as_current_span("inside"):
            return arg

    fn: Callable[..., Any] = later if how == "async" else plain
    ipc.handle("add", fn, thread=how == "thread")
    result, above = await in_span(telemetry, page, "invoke", "add", "x")
    assert result == "x"
    span = await telemetry.span("add")
    assert span.kind is trace.SpanKind.SERVER
    assert is_below(span, above)
    assert is_below(await telemetry.span("inside"), span)
    assert span.attributes == {
        "rpc.system.name": "electron_ipc",
        "rpc.method": "add",
        "electron_ipc.call.kind": "invoke",
        "electron_ipc.web_contents.id": page.contents.id,
    }
    assert span.status.is_ok


async def test_so_is_that_of_a_sync_message(
    page: Page, ipc: IpcMain, telemetry: Telemetry
) -> None:
    ipc.on("sync", lambda event: setattr(event, "return_value", 1))
    result, above = await in_span(telemetry, page, "send_sync", "sync")
    assert result == 1
    assert is_below(await telemetry.span("sync"), above)


async def test_so_is_that_of_a_one_shot(ipc: IpcMain, telemetry: Telemetry) -> None:
    ipc.on("sync", lambda event: setattr(event, "return_value", 1))
    async with serve(ipc, listen="127.0.0.1:0") as main:
        page = ThreadsPage(main.address)
        result, above = await in_span(telemetry, page, "send_sync", "sync")
        await page.close()
        page.end()
    assert result == 1
    assert is_below(await telemetry.span("sync"), above)
    assert "electron_ipc.sessions" not in telemetry.figures()


async def test_so_is_that_of_a_sync_message_beside_the_stream(
    ipc: IpcMain, telemetry: Telemetry
) -> None:
    ipc.on("sync", lambda event: setattr(event, "return_value", 1))
    async with serving(ipc) as (_, channel), raw_page(channel) as page:
        token = page.frames[0].welcome.token
        entry = pb.Metadata(key="traceparent", value=OTHER_TRACE)
        await send_sync(page, "sync", token=token, metadata=[entry])
        span = await telemetry.span("sync")
        assert span.parent
        assert span.parent.span_id == 0xB7AD6B7169203331
        bad = pb.Metadata(key="traceparent", value="\n")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send_sync(page, "sync", token=token, metadata=[bad])
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert len(telemetry.spans("sync")) == 1


async def test_without_a_trace_a_handler_begins_one(
    page: Page, ipc: IpcMain, telemetry: Telemetry
) -> None:
    ipc.handle("add", lambda event: None)
    await page.invoke("add")
    assert (await telemetry.span("add")).parent is None


async def test_what_main_itself_is_about_is_not_what_a_call_is_about(
    telemetry: Telemetry, ipc: IpcMain
) -> None:
    ipc.handle("add", lambda event: None)
    with telemetry.tracer.start_as_current_span("main"):
        async with (
            serve(ipc, listen="127.0.0.1:0") as main,
            opened(ThreadsPage, main.address) as page,
        ):
            await page.invoke("add")
    assert (await telemetry.span("add")).parent is None


async def test_an_error_is_in_its_span(
    page: Page, ipc: IpcMain, telemetry: Telemetry
) -> None:
    ipc.handle("fail", lambda event: 1 / 0)
    with pytest.raises(Exception, match="division"):
        await page.invoke("fail")
    span = await telemetry.span("fail")
    assert span.attributes
    assert span.attributes["error.type"] == "ZeroDivisionError"
    assert not span.status.is_ok


# ---- main asks -----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["plain", "async", "thread"])
async def test_a_renderers_handler_runs_in_the_trace_of_mains_call(
    page: Page, telemetry: Telemetry, how: str
) -> None:
    is_async = how == "async"
    if is_async and isinstance(page, ThreadsPage):
        pytest.skip("handlers on threads are plain functions")

    def plain() -> str:
        with telemetry.tracer.start_as_current_span("inside"):
            return "x"

    async def later() -> str:
        await asyncio.sleep(0)
        return plain()

    page.ipc.handle("name", later if is_async else plain, thread=how == "thread")
    with telemetry.tracer.start_as_current_span("main") as above:
        assert await page.contents.invoke("name") == "x"
    span = await telemetry.span("name")
    assert span.kind is trace.SpanKind.CLIENT
    assert isinstance(above, ReadableSpan)
    assert is_below(span, above)
    assert is_below(await telemetry.span("inside"), span)
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_renderer_that_cannot_take_the_metadata_says_so(page: Page) -> None:
    page.ipc.handle("name", lambda: "x")
    line: Any = page.contents.line
    call = pb.Call(channel="name", metadata=[pb.Metadata(key="A", value="x")])

    id = next_id()
    data = pb.Message(id=id, call=call).SerializeToString()
    with pytest.raises(Exception, match="the metadata key 'A' cannot be"):
        await line.ask(id, "name", Parcel(data, counted=True, reply=False), 5.0)
    assert await page.contents.invoke("name") == "x"


# ---- figures -------------------------------------------------------------------------


async def test_figures(page: Page, ipc: IpcMain, telemetry: Telemetry) -> None:
    ipc.handle("add", lambda event, *_: None)
    page.ipc.handle("name", lambda: None)
    await page.invoke("add", b"x" * 1_000)
    with pytest.raises(Exception, match="No handler"):
        await page.invoke("nobody")
    await page.contents.invoke("name")
    figures = telemetry.figures()
    received, sent = ({"network.io.direction": d} for d in ("receive", "transmit"))
    invoke, reply = ({"electron_ipc.message.kind": k} for k in ("invoke", "reply"))
    assert figures["electron_ipc.renderers"] == [({}, 1)]
    assert figures["electron_ipc.sessions"] == [({}, 1)]
    messages = [
        (received | invoke, 2),
        (sent | reply, 2),
        (sent | invoke, 1),
        (received | reply, 1),
    ]
    assert figures["electron_ipc.messages"] == messages
    assert figures["electron_ipc.message.size"] == messages
    assert figures["electron_ipc.refusals"] == [({"error.type": "NO_HANDLER"}, 1)]
    common = {"rpc.system.name": "electron_ipc"}
    assert figures["rpc.server.call.duration"] == [(common | {"rpc.method": "add"}, 1)]
    assert figures["rpc.client.call.duration"] == [(common | {"rpc.method": "name"}, 1)]
    await page.close()
    await until(lambda: telemetry.figures()["electron_ipc.renderers"] == [({}, 0)])


async def test_names_are_bounded(telemetry: Telemetry) -> None:
    ipc = IpcMain()
    ipc.observe(telemetry.observer(names=1))
    async with (
        serve(ipc, listen="127.0.0.1:0") as main,
        opened(ThreadsPage, main.address) as page,
    ):
        for name in "first", "second", "third":
            ipc.handle(name, lambda event: 1 / 0)
            with pytest.raises(Exception, match="division"):
                await page.invoke(name)
        await telemetry.span("first")
    spans = telemetry.spans("electron_ipc")
    assert [dict(s.attributes or {})["rpc.method_original"] for s in spans] == [
        "second",
        "third",
    ]
    points = telemetry.figures()["rpc.server.call.duration"]
    assert [attributes["rpc.method"] for attributes, _ in points] == ["first", "_OTHER"]


async def test_figures_of_cuts(telemetry: Telemetry, ipc: IpcMain) -> None:
    ipc.on("echo", lambda event, arg: setattr(event, "return_value", arg))
    async with (
        serve(ipc, listen="127.0.0.1:0") as main,
        Proxy(main.address) as proxy,
        opened(ThreadsPage, proxy.address, reconnect=True) as page,
    ):
        assert await page.send_sync("echo", 1) == 1
        proxy.reset()
        assert await page.send_sync("echo", 2) == 2
    telemetry.observer().gap(WebContents(title="", url="", default=None), 1, None)
    figures = telemetry.figures()
    names = ("sessions", "cuts", "resumes", "gaps")
    found = [figures[f"electron_ipc.{name}"] for name in names]
    assert found == [[({}, 1)]] * 4


async def test_figures_of_overload(telemetry: Telemetry) -> None:
    ipc = IpcMain(overflow="drop_oldest")
    ipc.observe(telemetry.observer())
    async with (
        serving(ipc) as (_, channel),
        raw_page(channel, acks=True, window_messages=1),
    ):
        (contents,) = ipc.web_contents
        contents.send("x", 1)
        contents.send("x", 2)
        contents.send("x", 3)
    ((attributes, count),) = telemetry.figures()["electron_ipc.overloads"]
    assert count >= 1
    assert attributes == {
        "network.io.direction": "transmit",
        "electron_ipc.policy": "drop_oldest",
    }
