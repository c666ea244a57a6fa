// npm sqs-consumer as a contestant of the consumer benchmark (tests/benchmarks): takes all there is, prints one JSON line.
import { SQSClient, GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { Consumer } from "sqs-consumer";

const task = JSON.parse(process.argv[2]);
const batched = process.argv[3] === "batch";
const sqs = new SQSClient({
  region: "eu-west-2",
  endpoint: task.endpoint,
  credentials: { accessKeyId: "local", secretAccessKey: "local-only" },
});
const { QueueUrl: queueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: task.queue }));
let done = 0;
let began = 0;
let cpuBegan;
const work = () => (task.handler_seconds ? new Promise((go) => setTimeout(go, task.handler_seconds * 1000)) : undefined);
const begin = () => {
  if (!began) {
    began = performance.now();
    cpuBegan = process.cpuUsage();
  }
};
const finished = (count) => {
  done += count;
  if (done < task.count) return;
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpuBegan);
  console.log(JSON.stringify({ handled: done, seconds, cpu: (user + system) / 1e6, MB: process.memoryUsage().rss / 1e6 }));
  process.exit(0);
};
// It has at most ten messages in hand, so more concurrency is more consumers.
for (let n = 0; n < Math.ceil(task.concurrency / 10); n += 1) {
  const consumer = Consumer.create({
    queueUrl,
    sqs,
    batchSize: 10,
    waitTimeSeconds: 5,
    messageAttributeNames: ["All"],
    messageSystemAttributeNames: ["ApproximateReceiveCount", "SentTimestamp"],
    ...(batched
      ? { handleMessageBatch: async (messages) => { begin(); await Promise.all(messages.map(work)); return messages; } }
      : { handleMessage: async (message) => { begin(); await work(); return message; } }),
  });
  // Told once it is deleted.
  consumer.on("message_processed", () => finished(1));
  consumer.on("error", (error) => { console.error(error.message); process.exit(1); });
  consumer.start();
}
