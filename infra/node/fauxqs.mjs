// The second broker, on loopback: its own start would listen on every interface and log each call.
import { buildApp } from "fauxqs";

const app = buildApp({ logger: false, defaultRegion: process.env.BROKER_REGION });
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => app.close().then(() => process.exit(0)));
}
await app.listen({ port: Number(process.env.BROKER_PORT), host: process.env.BROKER_HOST });
