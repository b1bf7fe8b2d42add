import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const LAUNCHER = fileURLToPath(new URL("../private-network.js", import.meta.url));

/** As if nobody had made a private network yet. */
function fromOutside(command: readonly string[]): { status: number | null; out: string } {
  const env = { ...process.env };
  delete env["FAULTS_HOST_NETWORK"];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { env, encoding: "utf8" });
  return { status, out: stdout + stderr };
}

describe("cluster: the private network", () => {
  it("has loopback, rules and mounts of its own, which nobody outside sees", () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "dynamokv-private-"));
    try {
      const script = `nft add table ip inside && nft list tables && mount -t tmpfs none ${directory} &&
        touch ${directory}/file && ls ${directory} && ip -o addr show lo up`;
      const { status, out } = fromOutside([LAUNCHER, "sh", "-c", script]);
      expect([status, out]).to.deep.equal([0, out]);
      expect(out).to.match(/table ip inside\nfile\n.*127\.0\.0\.1/);
      expect(spawnSync("nft", ["list", "tables"], { encoding: "utf8" }).stdout).not.to.include("inside");
      expect(readdirSync(directory)).to.deep.equal([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it("passes on how its command ended", () => {
    expect(fromOutside([LAUNCHER, "sh", "-c", "exit 7"]).status).to.equal(7);
  });

  it("is demanded before anything is done to a network, with what to do", () => {
    const program = `import(${JSON.stringify(LAUNCHER)}).then((network) => network.assertPrivateNetwork())`;
    const { status, out } = fromOutside(["-e", program]);
    expect(status).to.equal(1);
    expect(out).to.match(/npm run test:cluster.*nft \(nftables\).*root or unprivileged user namespaces/s);
  });
});
