/**
 * Who may import whom, as data. Default deny: a file outside every zone is refused, and so is an import that its zone
 * does not list. A zone is a folder or one file; the longest name wins, so one file can have rights of its own. Files
 * of one zone may import each other (oxlint refuses cycles). `types` lists what may be imported by `import type` only:
 * such an import has no code behind it. docs/ARCHITECTURE.md says why the layers are these.
 */

export interface Zone {
  /** Folders or files whose code may be imported. */
  readonly may: readonly string[];
  /** Folders or files of which only types may be imported, beside those in `may`. */
  readonly types?: readonly string[];
  /** Packages and built-in modules; `node:*` stands for every built-in module. */
  readonly packages?: readonly string[];
  /** What it loads at run time by a computed path, in words. Without this such an import is refused. */
  readonly loads?: string;
}

const CORE = "node/core/";
const core = (...names: string[]): string[] => names.map((name) => CORE + name);

/** May be imported by all of the core: bytes, identities and the ports themselves. */
const GROUND = core("bytes", "invariant.ts", "node-id.ts", "ports");

/** Only its types: tests of the pure parts load none of its code. */
const KUBERNETES_TYPES = ["@kubernetes/client-node"];

export const MATRIX: Readonly<Record<string, Zone>> = {
  // The core, bottom up. No zone in it names a package.
  "node/core/ambient.d.ts": { may: [] },
  "node/core/no-packages.d.ts": { may: [] },
  "node/core/bytes": { may: [] },
  "node/core/invariant.ts": { may: [] },
  "node/core/node-id.ts": { may: [] },
  "node/core/stored-within.ts": { may: [], types: core("ports") },
  "node/core/settings.ts": { may: core("invariant.ts") },
  "node/core/ports": {
    may: core("node-id.ts"),
    types: core("version/dot.ts", "ring/ring.ts", "seal/sealed-record.ts"),
  },
  "node/core/version": { may: core("bytes", "invariant.ts"), types: core("ports") },
  "node/core/ring": { may: core("bytes", "invariant.ts", "node-id.ts"), types: core("ports") },
  "node/core/quorum": { may: core("node-id.ts", "invariant.ts") },
  "node/core/wire": {
    may: core("bytes", "invariant.ts", "node-id.ts", "ring/ring-number.ts", "wire/store-point-codec.ts"),
    types: core("ports/replica-store.ts", "ports/transport.ts"),
  },
  "node/core/wire/store-point-codec.ts": { may: core("bytes"), types: core("ports/replica-store.ts") },
  "node/core/recovery": { may: [...GROUND, ...core("ring")] },
  "node/core/merkle": { may: [...GROUND, ...core("version/record.ts")] },
  "node/core/storage": {
    may: [
      ...GROUND,
      ...core("version", "merkle", "ring/position.ts", "wire/store-point-codec.ts", "stored-within.ts"),
      ...core("seal/sealed-record.ts", "seal/sealed-row-codec.ts", "seal/watch-mark-codec.ts"),
    ],
    types: core("settings.ts"),
  },
  "node/core/peers": { may: [...GROUND, ...core("wire")], types: core("settings.ts") },
  "node/core/membership": {
    may: [...GROUND, ...core("peers", "ring/ring-number.ts", "ring/ring-upkeep.ts")],
    types: core("settings.ts", "ring"),
  },
  "node/core/seal": {
    may: [
      ...GROUND,
      ...core(
        "version",
        "ring",
        "merkle/leaf.ts",
        "peers",
        "antientropy/exchange-pace.ts",
        "stored-within.ts",
      ),
      ...core("seal/sealed-record.ts", "seal/sealed-row-codec.ts", "seal/watch-mark-codec.ts"),
    ],
    types: core("settings.ts"),
  },
  // What the storage threads know of seals: no message, no peer.
  "node/core/seal/sealed-record.ts": { may: core("version") },
  "node/core/seal/sealed-row-codec.ts": { may: core("bytes", "version", "seal/sealed-record.ts") },
  "node/core/seal/watch-mark-codec.ts": { may: core("bytes"), types: core("ports") },
  "node/core/replica": { may: [...GROUND, ...core("version", "wire", "ring")], types: core("settings.ts") },
  "node/core/coordinator": {
    may: [
      ...GROUND,
      ...core("version", "ring", "quorum", "wire", "peers", "settings.ts", "coordinator/requests.ts"),
    ],
  },
  "node/core/coordinator/requests.ts": { may: [], types: core("node-id.ts") },
  "node/core/handoff": {
    may: [...GROUND, ...core("ring", "peers", "coordinator/replica-calls.ts")],
    types: core("settings.ts"),
  },
  "node/core/antientropy": {
    may: [
      ...GROUND,
      ...core(
        "version",
        "ring",
        "merkle",
        "peers",
        "handoff/handoff-pace.ts",
        "stored-within.ts",
        "coordinator/replica-calls.ts",
      ),
    ],
    types: core("settings.ts"),
  },
  "node/core/transfer": {
    may: [...GROUND, ...core("version", "ring", "merkle", "antientropy", "stored-within.ts")],
    types: core("settings.ts"),
  },
  "node/core/dynamo-node.ts": { may: ["node/core"] },

  // The node around it.
  "node/contract": { may: [], packages: ["node:crypto"] },
  "node/config": {
    may: ["node/contract", ...core("settings.ts", "node-id.ts", "invariant.ts")],
    packages: ["node:crypto", "node:fs", "node:os", "node:path"],
  },
  "node/adapters": {
    may: ["node/contract", ...GROUND, ...core("wire", "storage", "merkle", "version", "ring/position.ts")],
    types: core("ring", "settings.ts"),
    packages: ["node:*", "better-sqlite3", "prom-client", "winston"],
  },
  "node/http": {
    may: ["node/contract", "node/http", ...GROUND, ...core("coordinator/requests.ts")],
    types: core("ring"),
    packages: ["node:*", "express"],
  },
  "node/http/anti-entropy-admin.ts": {
    may: ["node/contract"],
    types: core("antientropy", "node-id.ts", "ports/merkle-store.ts", "ring"),
  },
  // Shows the core's state as the contract's JSON: it decodes, and decides nothing.
  "node/http/dynamo-node-admin.ts": {
    may: [
      "node/contract",
      "node/http",
      ...GROUND,
      ...core("ring/position.ts", "version/record.ts", "version/record-codec.ts"),
    ],
    types: core(
      "ring",
      "antientropy/anti-entropy.ts",
      "seal/seals.ts",
      "recovery",
      "transfer/misplaced-copies.ts",
      "membership/membership.ts",
      "coordinator/requests.ts",
    ),
  },
  // Plans a change for whoever is about to ask for it: what it moves is the core's own answer.
  "node/http/dynamo-ring-admin.ts": {
    may: ["node/contract", "node/http", ...GROUND, ...core("ring")],
    types: core("membership/membership.ts"),
  },
  "node/http/known-peers.ts": { may: GROUND, types: core("membership/membership.ts") },
  // The composition: the only place of the node that sees all of it.
  "node/running-node.ts": { may: ["node"], packages: ["node:*"] },
  "node/main.ts": { may: ["node"], packages: ["node:*"] },

  // Those who talk to nodes know the contract, never the code.
  client: { may: ["node/contract"], packages: ["node:*"] },
  "client/cli": { may: ["node/contract", "client"], packages: ["node:*", "commander"] },
  "client/cli/commands/node.ts": {
    may: ["client/cli"],
    packages: ["node:url", "commander"],
    loads: "node/main.js, to become that process: the one place where a client's command starts a node",
  },
  bench: { may: ["node/contract", "client"], packages: ["node:*"] },
  // The operator: what it looks at, decides and reports is pure; kube/ and controller/ do what was decided.
  "operator/main.ts": { may: ["operator"], packages: ["node:*"] },
  "operator/operator-config.ts": { may: [], packages: ["node:crypto", "node:os"] },
  "operator/operator-log.ts": { may: [], types: ["operator/operator-config.ts"], packages: ["winston"] },
  "operator/api": { may: [] },
  "operator/api/crd-text.ts": { may: ["operator/api"], packages: ["node:fs", "js-yaml"] },
  "operator/api/main.ts": { may: ["operator/api"] },
  "operator/observe": {
    may: ["operator/api", "operator/desired/names.ts"],
    types: ["node/contract"],
    packages: KUBERNETES_TYPES,
  },
  "operator/plan": {
    may: [
      "operator/api",
      "operator/observe",
      "operator/desired/names.ts",
      "operator/desired/zone-plan.ts",
      "client/ring/plan-room.ts",
    ],
    types: ["node/contract"],
    packages: KUBERNETES_TYPES,
  },
  "operator/desired": {
    may: ["node/contract", "operator/api"],
    types: ["operator/observe"],
    packages: [...KUBERNETES_TYPES, "node:crypto"],
  },
  "operator/status": {
    may: ["node/contract", "operator/api", "operator/desired", "operator/observe", "operator/plan"],
  },
  "operator/kube": {
    may: ["operator/api", "node/contract", "client/admin-client.ts", "client/dynamo-error.ts"],
    types: ["operator/observe", "operator/status"],
    packages: ["node:*", "@kubernetes/client-node"],
  },
  "operator/controller": {
    may: ["operator", "node/contract"],
    packages: ["node:*", "express", "@kubernetes/client-node"],
  },
  // Operator and nodes show metrics by the same means.
  "operator/controller/health-server.ts": {
    may: ["node/adapters/prometheus-reading.ts", "node/adapters/prometheus-registry.ts"],
    packages: ["node:*", "express", "prom-client"],
  },

  // Tests may look everywhere; nobody may look at them.
  test: {
    may: ["node", "client", "operator", "bench"],
    packages: [
      "node:*",
      "@kubernetes/client-node",
      "better-sqlite3",
      "chai",
      "express",
      "fast-check",
      "js-yaml",
      "mocha",
      "prom-client",
      "winston",
    ],
    loads: "copies of the compiled core with a bug planted in them (ring/paxos/mutated-paxos.ts)",
  },
};

/** Composition roots: started, never imported. */
export function isCompositionRoot(path: string): boolean {
  return path.endsWith("/main.ts");
}
