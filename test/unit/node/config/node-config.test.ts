import { expect } from "chai";
import { type ConfigSource, type NodeConfig, parseNodeConfig } from "../../../../node/config/node-config.ts";
import { settingsTable } from "../../../../node/config/settings-table.ts";

const REQUIRED = { DYNAMO_DATA_DIR: "/data", DYNAMO_CLUSTER_SECRET_FILE: "/secret" };

function parse(env: ConfigSource["env"], flags: ConfigSource["flags"] = {}): NodeConfig {
  const outcome = parseNodeConfig({ env: { ...REQUIRED, ...env }, flags });
  if (!outcome.ok) throw new Error(outcome.problems.join("\n"));
  return outcome.config;
}

function problems(env: ConfigSource["env"], flags: ConfigSource["flags"] = {}): readonly string[] {
  const outcome = parseNodeConfig({ env, flags });
  return outcome.ok ? [] : outcome.problems;
}

describe("node config", () => {
  it("needs a data directory and a secret; the rest has defaults that serve the loopback only", () => {
    const config = parse({});
    expect(config).to.include({
      dataDirectory: "/data",
      clusterSecretFile: "/secret",
      logLevel: "info",
      zone: "",
    });
    expect(config.clientListen).to.deep.equal({ host: "127.0.0.1", port: 8080 });
    expect(config.adminListen).to.deep.equal({ host: "127.0.0.1", port: 9080 });
    expect(config.advertise).to.deep.equal({ host: "127.0.0.1", port: 7080 });
    expect(config.advertiseClient).to.deep.equal({ host: "127.0.0.1", port: 8080 });
    expect(config.settings).to.include({ readQuorum: 2, writeQuorum: 2, requestTimeoutMs: 2_000 });
    expect(config.valueBytesMax).to.equal(1024 * 1024);
  });

  it("reports all problems at once, each under the name it was given by", () => {
    const found = problems(
      { DYNAMO_READ_QUORUM: "two", DYNAMO_LOG_LEVEL: "loud", DYNAMO_ZONE: "a/b", DYNAMO_PEER_LISTEN: "7080" },
      { "--write-quorum": "0", "--colour": "red" },
    );
    expect(found).to.deep.equal([
      "--colour is not a setting",
      "DYNAMO_PEER_LISTEN=7080 is not host:port (an IPv6 host in brackets)",
      `DYNAMO_DATA_DIR (or --data-dir) is missing: ${descriptionOf("dataDirectory")}`,
      `DYNAMO_CLUSTER_SECRET_FILE (or --cluster-secret-file) is missing: ${descriptionOf("clusterSecretFile")}`,
      "DYNAMO_ZONE=a/b is not at most 63 letters, digits, '.', '_' or '-'",
      "DYNAMO_LOG_LEVEL=loud is not error, warn, info or debug",
      "DYNAMO_READ_QUORUM=two is not an integer from 1 to 7",
      "--write-quorum=0 is not an integer from 1 to 7",
    ]);
  });

  it("lets a flag win over a variable, and an empty variable mean none", () => {
    const config = parse({ DYNAMO_ZONE: "from-env", DYNAMO_READERS: "" }, { "--zone": "from-flag" });
    expect([config.zone, config.readers]).to.deep.equal(["from-flag", 2]);
  });

  it("reads addresses, IPv6 too, and advertises what it listens on unless told otherwise", () => {
    const config = parse({
      DYNAMO_PEER_LISTEN: "0.0.0.0:0",
      DYNAMO_CLIENT_LISTEN: "[::]:8081",
      DYNAMO_ADVERTISE_ADDRESS: "[fd00::1]:7443",
      DYNAMO_SEEDS: "a.example:7080, [fd00::2]:7080,,a.example:7080",
    });
    expect(config.peerListen).to.deep.equal({ host: "0.0.0.0", port: 0 });
    expect(config.clientListen).to.deep.equal({ host: "::", port: 8081 });
    expect(config.advertise).to.deep.equal({ host: "fd00::1", port: 7443 });
    expect(config.advertiseClient).to.deep.equal({ host: "fd00::1", port: 8081 });
    expect(config.seeds).to.deep.equal(["a.example:7080", "[fd00::2]:7080"]);
  });

  it("refuses to advertise an address that nobody can connect to", () => {
    for (const listen of ["0.0.0.0:7080", "[::]:7080"]) {
      const found = problems({ ...REQUIRED, DYNAMO_PEER_LISTEN: listen });
      expect(found.length, listen).to.be.at.least(1);
      expect(found[0]).to.include("DYNAMO_ADVERTISE_ADDRESS is missing").and.include(listen);
    }
    const told = problems({ ...REQUIRED, DYNAMO_ADVERTISE_ADDRESS: "0.0.0.0:7080" });
    expect(told[0]).to.include("DYNAMO_ADVERTISE_ADDRESS=0.0.0.0:7080");
  });

  it("finds settings that contradict each other", () => {
    const found = problems({
      ...REQUIRED,
      DYNAMO_REQUEST_TIMEOUT_MS: "5000",
      DYNAMO_REQUEST_TIMEOUT_MS_MAX: "1000",
      DYNAMO_VALUE_BYTES_MAX: "4000",
      DYNAMO_BODY_BYTES_MAX: "3000",
      DYNAMO_RECORD_BYTES_MAX: "2000",
    });
    expect(found).to.deep.equal([
      "DYNAMO_REQUEST_TIMEOUT_MS=5000 exceeds DYNAMO_REQUEST_TIMEOUT_MS_MAX=1000",
      "DYNAMO_VALUE_BYTES_MAX=4000 exceeds DYNAMO_BODY_BYTES_MAX=3000",
      "DYNAMO_VALUE_BYTES_MAX=4000 exceeds DYNAMO_RECORD_BYTES_MAX=2000",
    ]);
  });

  it("warns of a variable that is no setting, as Kubernetes sets some, and does not stop", () => {
    const outcome = parseNodeConfig({ env: { ...REQUIRED, DYNAMO_READ_QORUM: "3", HOME: "/" }, flags: {} });
    expect(outcome.ok && outcome.warnings).to.deep.equal([
      "DYNAMO_READ_QORUM is set but is not a setting of a node",
    ]);
  });

  it("is frozen", () => {
    const config = parse({});
    expect(
      Object.isFrozen(config) && Object.isFrozen(config.settings) && Object.isFrozen(config.seeds),
    ).to.equal(true);
  });

  it("leaves the room for hints to what the volume has, unless somebody says it", () => {
    expect(parse({}).hintBytesMax).to.equal(undefined);
    expect(parse({ DYNAMO_HINT_BYTES_MAX: "2097152" }).hintBytesMax).to.equal(2_097_152);
    expect(problems({ ...REQUIRED, DYNAMO_HINT_BYTES_MAX: "7" })).to.have.length(1);
  });

  it("names every setting once, as variable and as flag, and its defaults parse", () => {
    const names = settingsTable.flatMap(({ env, flag }) => [env, flag]);
    expect(new Set(names).size).to.equal(names.length);
    for (const { env, flag } of settingsTable) {
      expect(flag).to.equal(`--${env.slice("DYNAMO_".length).toLowerCase().replaceAll("_", "-")}`);
    }
    const texts = Object.fromEntries(settingsTable.map(({ env, defaultText }) => [env, defaultText]));
    expect(problems({ ...texts, ...REQUIRED })).to.deep.equal([]);
  });
});

function descriptionOf(name: string): string {
  return settingsTable.find((row) => row.name === name)!.description;
}
