import { ScaleWorld } from "./scale-world.ts";
import { spreadByGossip, spreadByProposer, sum } from "./epoch-spread.ts";

const n = Number(process.argv[2]);
const t0 = performance.now();
const say = (text: string, value?: unknown): void =>
  console.log(
    `${((performance.now() - t0) / 1000).toFixed(1)}s rss ${(process.memoryUsage().rss / 1048576).toFixed(0)} MiB ${text}`,
    value ?? "",
  );
const world = new ScaleWorld({ nodes: n, seed: 1, partitions: Number(process.argv[3] ?? 256) });
const show = (per: number) => {
  const { byName, bytesOfBusiest } = world.messages.take();
  for (const [name, s] of [...byName].sort((a, b) => b[1].bytes - a[1].bytes))
    console.log(
      `   ${name}: ${(s.messages / per).toFixed(2)} msgs, ${(s.bytes / per).toFixed(0)} bytes, max ${s.bytesMax}`,
    );
  console.log(
    "   all",
    sum(byName, "").messages / per,
    sum(byName, "").bytes / per,
    "busiest",
    bytesOfBusiest,
  );
};
await world.boot();
say("booted", world.loop.nowMs);
show(n);
say("form", await world.form());
show(n);
await world.until("known", 120000, () => world.isKnownEverywhere(world.ringOf(0)));
say("known", world.loop.nowMs);
show(n);
await world.rest(10_000);
for (let i = 0; i < 3; i++) {
  say("proposer", await spreadByProposer(world, (i * 7) % n));
  await world.rest(5_000);
  say("gossip", await spreadByGossip(world, (i * 5 + 3) % n));
  await world.rest(5_000);
}
await world.rest(10_000);
world.messages.take();
const events = world.loop.events;
const restMs = 60_000;
await world.rest(restMs);
say("rest", world.loop.events - events);
show((n * restMs) / 1000);
