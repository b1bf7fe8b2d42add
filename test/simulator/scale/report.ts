import type { ClusterFigures, SentByNode } from "./cluster-figures.ts";
import { growthOf } from "./growth.ts";
import type { RingCosts } from "./ring-costs.ts";

/** The tables of docs/SCALE.md, in Markdown. */
export function markdownReport(clusters: readonly ClusterFigures[], costs: readonly RingCosts[]): string {
  return [...clusterTables(clusters), costsTable(costs)].join("\n\n");
}

/** A line of a table: what it says of a cluster, and how to write that. */
interface Row {
  readonly title: string;
  readonly of: (cluster: ClusterFigures) => number;
  readonly show: (value: number) => string;
}

function clusterTables(clusters: readonly ClusterFigures[]): string[] {
  if (clusters.length === 0) return [];
  const kinds = [...new Set(clusters.flatMap(({ rest }) => [...rest.keys()]))].sort();
  const longest = [...new Set(clusters.flatMap((cluster) => [...cluster.longest.keys()]))].sort();
  const rest: Row[] = kinds.flatMap((kind) => [
    { title: `${kind}, messages/s`, of: ({ rest: sent }) => sent.get(kind)?.messages ?? 0, show: decimals },
    { title: `${kind}, bytes/s`, of: ({ rest: sent }) => sent.get(kind)?.bytes ?? 0, show: whole },
  ]);
  const total = (field: keyof SentByNode, { rest: sent }: ClusterFigures): number =>
    [...sent.values()].reduce((all, each) => all + each[field], 0);
  rest.push(
    { title: "**all, messages/s**", of: (cluster) => total("messages", cluster), show: decimals },
    { title: "**all, bytes/s**", of: (cluster) => total("bytes", cluster), show: whole },
  );
  const lengths: Row[] = longest.map((kind) => ({
    title: kind,
    of: (cluster) => cluster.longest.get(kind) ?? 0,
    show: whole,
  }));
  return [
    table("an epoch", clusters, SPREAD_ROWS),
    table("a node at rest sends", clusters, rest),
    table("a cluster comes up", clusters, START_ROWS),
    table("longest message, bytes", clusters, lengths),
  ];
}

const SPREAD_ROWS: readonly Row[] = [
  row("decided after, ms, mean", ({ decided }) => mean(decided.map(({ decidedMs }) => decidedMs))),
  row("decided after, ms, worst", ({ decided }) => worst(decided.map(({ decidedMs }) => decidedMs))),
  row("told by its proposer: served by all after, ms, mean", ({ decided }) =>
    mean(decided.map(({ allMs }) => allMs)),
  ),
  row("told by its proposer: served by all after, ms, worst", ({ decided }) =>
    worst(decided.map(({ allMs }) => allMs)),
  ),
  row("ballots, votes and words of the decision, messages", ({ decided }) =>
    mean(decided.map(({ messages }) => messages)),
  ),
  row("the same, KB", ({ decided }) => mean(decided.map(({ bytes }) => bytes)) / 1_000),
  row(
    "of it sent by the proposer, KB",
    ({ decided }) => mean(decided.map(({ bytesOfProposer }) => bytesOfProposer)) / 1_000,
  ),
  row(
    "by gossip alone: served by half after, s, mean",
    ({ gossiped }) => seconds(gossiped, "halfMs", mean),
    1,
  ),
  row("by gossip alone: served by all after, s, mean", ({ gossiped }) => seconds(gossiped, "allMs", mean), 1),
  row(
    "by gossip alone: served by all after, s, worst",
    ({ gossiped }) => seconds(gossiped, "allMs", worst),
    1,
  ),
  row("known of all by all after, s, mean", ({ gossiped }) => seconds(gossiped, "knownMs", mean), 1),
  row("known of all by all after, s, worst", ({ gossiped }) => seconds(gossiped, "knownMs", worst), 1),
  row(
    "until then sent by a node, KB",
    ({ gossiped }) => mean(gossiped.map(({ bytesPerNode }) => bytesPerNode)) / 1_000,
  ),
];

const START_ROWS: readonly Row[] = [
  row("all meet all: messages of a node", ({ boot }) => boot.messages),
  row("all meet all: KB of a node", ({ boot }) => boot.bytes / 1_000),
  row("first ring served by all after, ms", ({ form }) => form.formedMs),
  row("in the format that can change after, s", ({ form }) => form.raisedMs / 1_000, 1),
  row("until then: messages of a node", ({ form }) => form.messages),
  row("until then: KB of a node", ({ form }) => form.bytes / 1_000),
];

function row(title: string, of: Row["of"], digits = 0): Row {
  return { title, of, show: (value) => (digits === 0 ? whole(value) : value.toFixed(digits)) };
}

function seconds(
  gossiped: ClusterFigures["gossiped"],
  field: "halfMs" | "allMs" | "knownMs",
  of: (values: readonly number[]) => number,
): number {
  return of(gossiped.map((spread) => spread[field])) / 1_000;
}

/** One column a cluster, then the law of growth and what it says of a thousand nodes. */
function table(title: string, clusters: readonly ClusterFigures[], rows: readonly Row[]): string {
  const header = [title, ...clusters.map(({ nodes }) => `${nodes}`), "grows as", "1,000 by that"];
  const lines = rows.map(({ title: name, of, show }) => {
    const points = clusters.map((cluster) => ({ nodes: cluster.nodes, value: of(cluster) }));
    const cells = points.map(({ value }) => show(value));
    const isFittable = points.length >= 3 && points.every(({ value }) => value > 0);
    const growth = isFittable ? growthOf(points) : undefined;
    return [name, ...cells, growth?.law ?? "", growth === undefined ? "" : show(growth.at(1_000))];
  });
  return markdownTable(header, lines);
}

function costsTable(costs: readonly RingCosts[]): string {
  const header = ["nodes", "Q", "first claim", "plan a join", "plan a leave", "preview", "digest", "parse"];
  header.push("routes", "routes, changing", "document KB", "heap KB", "gossip digest KB");
  const lines = costs.map((cost) => [
    whole(cost.nodes),
    whole(cost.partitions),
    ...[cost.claimMs, cost.planJoinMs, cost.planLeaveMs, cost.previewMs].map(milliseconds),
    ...[cost.digestMs, cost.parseMs, cost.routesMs, cost.changingRoutesMs].map(milliseconds),
    ...[cost.documentBytes, cost.heapBytes, cost.gossipDigestBytes].map((bytes) => whole(bytes / 1_000)),
  ]);
  return markdownTable(header, lines);
}

function markdownTable(header: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = header.map((_, column) => (column === 0 ? "---" : "---:"));
  return [header, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function worst(values: readonly number[]): number {
  return Math.max(...values);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function decimals(value: number): string {
  return value >= 100 ? whole(value) : value.toFixed(2);
}

function milliseconds(value: number): string {
  return value >= 10 ? whole(value) : value.toFixed(value >= 1 ? 1 : 2);
}
