import type { Cluster } from "../cluster.ts";

const FORMATION_MS = 30_000;

/** Nodes that know nothing get their first ring, in calm weather. False where they do not. */
export async function formRing(cluster: Cluster): Promise<boolean> {
  const { loop, scenario } = cluster;
  const { spares = [] } = scenario;
  const hosts = cluster.hosts.filter(({ id }) => !spares.includes(id));
  const request = {
    clusterId: "simulated",
    members: scenario.nodes.filter(({ id }) => !spares.includes(id)),
    parameters: { partitions: scenario.partitions, replicas: scenario.replicas, hash: "md5", leafFormat: 1 },
  } as const;
  let formed = false;
  const propose = (): void => {
    void hosts[0]!.node!.ring.form(request, 4_000).then((outcome) => {
      formed = outcome.ok;
      if (!outcome.ok) loop.after(200, propose);
    });
  };
  loop.after(500, propose);
  const serves = (): boolean => formed && hosts.every(({ node }) => node?.ring.current() !== undefined);
  await loop.runUntil(FORMATION_MS, serves);
  for (const key of scenario.keys) cluster.preferenceList(key);
  cluster.network.beginWeather();
  return serves();
}
