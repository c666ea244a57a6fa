"""At least once over SQS and SNS, and how we live with it: consumer, outbox, relay, topology."""
