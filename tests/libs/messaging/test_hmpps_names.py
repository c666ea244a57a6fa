"""Names of queues and topics as the originals' charts give them."""

import pytest

from libs.messaging.hmpps_names import NameUnclear, hmpps_names
from services.locations.settings import Settings

QUEUES, TOPICS = ("to-nomis-locations", "ordered.fifo"), ("domain-events",)
ARN = "arn:aws:sns:eu-west-2:000000000000:cloud-platform-domain-events"


def test_names_are_read_however_the_id_is_spelt_and_other_variables_say_nothing() -> None:
    environment = {
        "HMPPS_SQS_QUEUES_TONOMISLOCATIONS_QUEUE_NAME": "dps-to-nomis",
        "HMPPS_SQS_QUEUES_TO_NOMIS_LOCATIONS_DLQ_NAME": "dps-to-nomis-dlq",
        "HMPPS_SQS_QUEUES_ORDEREDFIFO_DLQ_NAME": "dead.fifo",
        "HMPPS_SQS_TOPICS_DOMAINEVENTS_ARN": ARN,
        "HMPPS_SQS_REGION": "eu-west-2",
        "HMPPS_SQS_QUEUES_TONOMISLOCATIONS_DLQ_MAX_RECEIVE_COUNT": "3",
    }
    assert hmpps_names(environment, queues=QUEUES, topics=TOPICS) == {
        "to-nomis-locations": "dps-to-nomis",
        "to-nomis-locations-dlq": "dps-to-nomis-dlq",
        "ordered-dlq.fifo": "dead.fifo",
        "domain-events": ARN,
    }


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({"HMPPS_SQS_QUEUES_ELSEWHERE_QUEUE_NAME": "x"}, "ELSEWHERE_QUEUE_NAME: no such id here"),
        ({"HMPPS_SQS_TOPICS_DOMAINEVENTS_ARN": "domain-events"}, "an ARN, not domain-events"),
        (
            {
                "HMPPS_SQS_QUEUES_TONOMISLOCATIONS_QUEUE_NAME": "x",
                "HMPPS_SQS_QUEUES_TO_NOMIS_LOCATIONS_QUEUE_NAME": "y",
            },
            "named by another variable too",
        ),
        (
            {
                "HMPPS_SQS_QUEUES_TONOMISLOCATIONS_QUEUE_NAME": "x",
                "HMPPS_SQS_QUEUES_TONOMISLOCATIONS_DLQ_NAME": "x",
            },
            "named by another variable too",
        ),
    ],
)
def test_a_name_that_is_unclear_ends_the_start(environment: dict[str, str], wrong: str) -> None:
    with pytest.raises(NameUnclear, match=wrong):
        hmpps_names(environment, queues=QUEUES, topics=TOPICS)


def test_a_service_takes_them_and_its_own_names_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMPPS_SQS_TOPICS_DOMAINEVENTS_ARN", ARN)
    monkeypatch.setenv("HMPPS_SQS_QUEUES_AUDIT_QUEUE_NAME", "theirs")
    needed = dict.fromkeys(
        (
            "database_url", "api_base_url_oauth", "api_base_url_prisoner_search", "api_base_url_prison_register",
            "api_base_url_prison_api", "client_id", "client_secret",
        ),
        "x",
    )  # fmt: skip
    settings = Settings.model_validate({**needed, "aws_names": {"audit": "ours"}})
    assert settings.aws.names == {"domain-events": ARN, "audit": "ours"}
