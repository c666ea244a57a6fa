"""The three calls a consumer makes all day, straight over HTTP: botocore spends three quarters of a message's CPU.

Same protocol (AWS JSON 1.0), same signatures, same errors; `docs/performance.md` has what it saves. Whoever calls these
repeats them (consumer, heartbeat, coalescer), so nothing is repeated here.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

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
GOOD = 200
Credentials = Callable[[], Awaitable[ReadOnlyCredentials]]


class LeanSqs:
    """SQS by action name and parameters. `credentials` are asked for each call, as they may have been renewed."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        endpoint_url: str,
        region: str,
        credentials: Credentials,
        metrics: ApiMetrics | None = None,
    ) -> None:
        self._metrics = metrics
        self._http = http
        self._url = endpoint_url.rstrip("/") + "/"
        self._region = region
        self._credentials = credentials

    async def call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Make a call. Raises ClientError, aiohttp.ClientError or TimeoutError, as a botocore client would."""
        if self._metrics is None:
            return await self._call(action, parameters)
        began, failure = time.perf_counter(), None
        try:
            return await self._call(action, parameters)
        except BaseException as error:
            failure = error
            raise
        finally:
            self._metrics.seen(action, began, failure)

    async def _call(self, action: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        content = orjson.dumps(parameters)
        headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": f"AmazonSQS.{action}"}
        request = AWSRequest("POST", self._url, headers, content)
        SigV4Auth(await self._credentials(), "sqs", self._region).add_auth(request)
        async with self._http.post(self._url, data=content, headers=dict(request.headers.items())) as answer:
            told = await answer.read()
            if answer.status == GOOD:
                return orjson.loads(told) if told else {}
            raise _refused(action, answer, told)


def _refused(action: str, answer: aiohttp.ClientResponse, told: bytes) -> ClientError:
    try:
        body = orjson.loads(told)
    except ValueError:
        body = {}
    known = answer.headers.get(QUERY_ERROR, "").partition(";")[0]
    code = known or str(body.get("__type", "")).rpartition("#")[2] or str(answer.status)
    error: Any = {"Error": {"Code": code, "Message": str(body.get("message") or body.get("Message") or "")}}
    return ClientError(error, action)
