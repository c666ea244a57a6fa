"""The closed catalogue of what the log says: every name that may stand under `event`, and what it means.

A test walks the code: a line of log with another name fails it, and so does a name here that nobody logs.
"""

from collections.abc import Mapping
from types import MappingProxyType

EVENT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        # One wide event for each thing done.
        "request": "A request was answered: route, status, milliseconds, client; good reads only at level debug.",
        "message": "A delivery of a message came to an end: outcome, reason, facts, seconds, and how late it was.",
        "page": "A page of the staff UI was answered; good reads only at level debug.",
        # A process.
        "serving": "The process has its port and answers.",
        "stopped": "The process has finished what it had in hand and ends.",
        "database-away": "A request was answered with a 503, as the database is away or a connection broke.",
        "request-failed": "A request ended in a failure that nobody foresaw, answered with a 500; its stack.",
        "page-failed": "A page ended in a failure that nobody foresaw; its stack.",
        "page-refused": "A page was answered with a refusal; its kind and reason.",
        "stream-failed": "A stream of server-sent events broke off; the browser asks for it again.",
        "health-check-failed": "A part that `/health` asks (database, queue, service) is away.",
        "jwks-unreadable": "The signing keys could not be read; those known before go on being used.",
        "jwks-too-old": "The signing keys could not be read for so long that those known are used no more.",
        "repeated-failed": "A thing done every so often failed this time; it is done again at its next time.",
        "worker-died": "A worker inside the process ended in a failure; the process ends so that it is started anew.",
        # Consumers.
        "poll failed": "The broker did not answer a receive; it is asked again after a pause that grows.",
        "queue paused": "Polling stopped, as what the handlers need is away; it goes on by itself.",
        "wake-up failed": "Messages that end the open polls of a stopping consumer could not be sent; it waits.",
        "handler stuck": "A handler did not heed its end; its place in the code.",
        "ending failed": "A message was handled but its end could not be settled; the broker gives it out again.",
        "heartbeat failed": "Leases could not be made longer; their messages may be given to another.",
        "claim lost before the end": "A handler outlived its claim in the inbox: another may have done the same.",
        "copy failed": "A message could not be put at the end of its queue, aside, or with the dead letters.",
        "batch entries given up": "Deletes or other entries of a batch were refused until their time was over.",
        "loop failed": "A loop that is to run always ended in a failure, and is begun again.",
        "received after the stop": "A message arrived while the consumer was stopping; it is given back.",
        "drained": "A consumer has stopped: how many handlers ended, and how many were cancelled.",
        "switches-changed": "Another switch of the queue holds from now on.",
        "parked messages replayed": "What a switch had set aside was handed to its queue again.",
        # Outbox and topics.
        "relay leads": "This replica has the lock and publishes the outbox.",
        "notifications do not arrive": "The relay did not hear its own; rows are found by polling alone.",
        "relay lost its database": "The connection that held the lock is gone; the lock is sought again.",
        "relay failed": "The relay ended in a failure that nobody foresaw, and begins again.",
        "publish failed": "The topic did not take these rows; they are tried again.",
        "publish refused": "The topic refused a row for what it is; it is tried a few times more.",
        "outbox row dead": "The topic will never take this row; a person decides.",
        "topic was made anew": "A topic is not the one of before: what the outbox keeps is published once more.",
        "outbox-rows-revived": "A person had dead rows tried again.",
        "outbox-rows-discarded": "A person gave dead rows up.",
        # Queues, as operators use them.
        "dead-letters-retried": "A person sent chosen dead letters back to their queue.",
        "dead-letters-deleted": "A person deleted chosen dead letters.",
        "purge-asked": "A person had a queue emptied.",
        "queue purged": "A queue was emptied; how many messages it held.",
        "redrive ended": "A redrive is over: how many dead letters were moved, and how many were left.",
        "redrive by our own loop": "The broker has no task for it; the worker sends dead letters back itself.",
        "redrive note failed": "The other replicas could not be told how far a redrive is; it goes on.",
        "redrive failed": "A redrive broke off; what was moved stays moved.",
        "switch-set": "A person set a switch for a type of event, or for a prison.",
        # Sync and mapping.
        "location-repaired": "To-NOMIS settled a location that a person named.",
        "locations-repair": "From-NOMIS settled a location that a person named.",
        "location-mapping-created": "A pair of ids was linked.",
        "location-mappings-created": "Pairs of ids were linked at once.",
        "location-mappings-wiped": "Pairs of ids were deleted, all or only those of migrations.",
        # Migration.
        "locations-migration-started": "A run of migration began.",
        "locations-migration-cancel-requested": "A person asked a run to end.",
        "locations-migration-completed": "A run has done all its pages.",
        "locations-migration-cancelled": "A run that was asked to end has ended.",
        "sweep-failed": "The sweeper that wakes waiting pages failed this time; it comes again.",
        "wake-ups-refused": "The broker refused messages that wake pages; the sweeper sends them later.",
        # Reconciliation.
        "locations-reports-reconciliation-requested": "A full run began.",
        "locations-reports-reconciliation-success": "A full run has compared everything; what it found.",
        "locations-reports-reconciliation-failed": "An attempt at a full run failed; three are made at most.",
        "locations-reports-reconciliation-taken-over": "Another replica has taken over the run; this one leaves it.",
        "settle-check-parked": "A location could not be settled in its rounds; a person looks, or an edit tries again.",
        # The NOMIS stand-in.
        "location-created": "NOMIS: a location was made through the API.",
        "location-updated": "NOMIS: a location was changed through the API.",
        "location-deactivated": "NOMIS: a location was deactivated through the API.",
        "location-reactivated": "NOMIS: a location was reactivated through the API.",
        "location-capacity-changed": "NOMIS: a capacity was changed through the API.",
        "location-certification-changed": "NOMIS: a certification was changed through the API.",
        "agency-switch-on": "NOMIS: a service was switched on for a prison.",
        "agency-switch-off": "NOMIS: a service was switched off for a prison.",
        "estate-loading": "NOMIS: the rows of one more agency of a generated estate went in.",
        "estate-loaded": "NOMIS: a generated estate was loaded.",
        "published": "NOMIS: events left for the topic.",
        "publish-failed": "NOMIS: the topic did not take events; they are tried again.",
        "event-without-type-dropped": "NOMIS: a trigger wrote an event of no type, which nobody could subscribe to.",
        "topic-made-anew": "NOMIS: the topic is not the one of before; what is kept is published once more.",
        "RetryDLQ": "NOMIS: events that ran out of tries are tried again.",
        "DequeueDLQ": "NOMIS: a person gave up events that ran out of tries.",
        "republish": "NOMIS: a person had kept events published once more.",
    }
)
"""Name to meaning, a sentence or two."""
