"""The calls that consumers and relays make all day, straight over HTTP: botocore spends most of a message's CPU.

Same protocols (AWS JSON 1.0 to SQS, the query protocol to SNS), same signatures, same errors; `docs/performance.md` has
what it saves. Whoever calls these repeats them (consumer, heartbeat, coalescer, relay), so nothing is repeated here.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import aiohttp
import orjson
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from libs.messaging.api_metrics import ApiMetrics

CONTENT_TYPE = "application/x-amz-json-1.0"
# `AWS.SimpleQueueService.NonExistentQueue;Sender`: the code as it was in the older protocol, by which we know errors.
QUERY_ERROR = "x-amzn-query-error"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
PUBLISH = "PublishBatch"
SNS_VERSION = "2010-03-31"
PARTS = ("Successful", "Failed")
GOOD = 200
Credentials = Callable[[], Awaitable[ReadOnlyCredentials]]


@dataclass(frozen=True, slots=True)
class Line:
    """A way to a broker. `credentials` are asked for each call, as they may have been renewed."""

    http: aiohttp.ClientSession
    endpoint_url: str
    region: str
    credentials: Credentials
    metrics: ApiMetrics | None = None

    async def call(self, service: str, action: str, headers: Mapping[str, str], content: bytes) -> bytes:
        """Make a call. Raises ClientError, aiohttp.ClientError or TimeoutError, as a botocore client would."""
        if self.metrics is None:
            return await self._call(service, action, headers, content)
        began, failure = time.perf_counter(), None
        try:
            return await self._call(service, action, headers, content)
        except BaseException as error:
            failure = error
            raise
        finally:
            self.metrics.seen(action, began, failure)

    async def _call(self, service: str, action: str, headers: Mapping[str, str], content: bytes) -> bytes:
        url = self.endpoint_url.rstrip("/") + "/"
        request = AWSRequest("POST", url, headers, content)
        SigV4Auth(await self.credentials(), service, self.region).add_auth(request)
        async with self.http.post(url, data=content, headers=dict(request.headers.items())) as answer:
            told = await answer.read()
            if answer.status == GOOD:
                return told
            raise (_refused if service == "sqs" else _refused_in_xml)(action, answer, told)


class LeanSqs:
    """SQS by action name and parameters."""

    def __init__(self, line: Line) -> None:
        self.line = line

    async def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call. Raises ClientError, aiohttp.ClientError or TimeoutError, as a botocore client would."""
        headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"AmazonSQS.{action}"}
        told = await self.line.call("sqs", action, headers, orjson.dumps(parameters))
        return orjson.loads(told) if told else {}


class LeanSns:
    """Publishes to SNS."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def publish_batch(self, topic_arn: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Publish up to ten entries as botocore's `publish_batch` takes them; its answer and its errors too."""
        form = [("Action", PUBLISH), ("Version", SNS_VERSION), ("TopicArn", topic_arn)]
        for number, entry in enumerate(entries, 1):
            form += _flat(f"PublishBatchRequestEntries.member.{number}", entry)
        document = _xml(await self._line.call("sns", PUBLISH, {"Content-Type": FORM}, urlencode(form).encode()))
        return {part: [_fields(each) for each in document.iterfind(f".//{{*}}{part}/{{*}}member")] for part in PARTS}


def _flat(prefix: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in entry.items():
        if name != "MessageAttributes":
            yield f"{prefix}.{name}", value
    for number, (name, attribute) in enumerate(entry.get("MessageAttributes", {}).items(), 1):
        place = f"{prefix}.MessageAttributes.entry.{number}"
        yield f"{place}.Name", name
        for part, value in attribute.items():
            yield f"{place}.Value.{part}", value


def _fields(member: ET.Element) -> dict[str, Any]:
    found: dict[str, Any] = {each.tag.rpartition("}")[2]: each.text or "" for each in member}
    if "SenderFault" in found:
        found["SenderFault"] = found["SenderFault"] == "true"
    return found


def _xml(told: bytes) -> ET.Element:
    """Read an answer. One that cannot be read holds no entries, so that each of ours counts as not answered."""
    try:
        return ET.fromstring(told)  # noqa: S314 - the broker's own answer, over our connection to it
    except ET.ParseError:
        return ET.Element("unreadable")


def _refused_in_xml(action: str, answer: aiohttp.ClientResponse, told: bytes) -> ClientError:
    document = _xml(told)
    code = document.findtext(".//{*}Code") or str(answer.status)
    error: Any = {"Error": {"Code": code, "Message": document.findtext(".//{*}Message") or ""}}
    return ClientError(error, action)


def _refused(action: str, answer: aiohttp.ClientResponse, told: bytes) -> ClientError:
    try:
        body = orjson.loads(told)
    except ValueError:
        body = {}
    known = answer.headers.get(QUERY_ERROR, "").partition(";")[0]
    code = known or str(body.get("__type", "")).rpartition("#")[2] or str(answer.status)
    error: Any = {"Error": {"Code": code, "Message": str(body.get("message") or body.get("Message") or "")}}
    return ClientError(error, action)
