import { expect } from "chai";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BadSecretFile,
  parseSecretKeys,
  readClusterSecret,
} from "../../../../node/adapters/cluster-secret.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const KEY_A = Buffer.alloc(16, 1).toString("base64");
const KEY_B = Buffer.alloc(32, 2).toString("base64");

describe("cluster secret", () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "dynamokv-secret-"));
    path = join(directory, "secret");
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  function write(text: string, mode = 0o600): void {
    writeFileSync(path, text);
    chmodSync(path, mode);
  }

  it("makes proofs with the first key that is not retired, and verifies with all", () => {
    write(`# rotated in spring\n1 ${KEY_A} retired 2026-03-01\n\n7 ${KEY_B} # in use\n8 ${KEY_A}\n`);
    const { secret, warnings } = readClusterSecret(path, () => Date.parse("2026-03-02"));
    expect(warnings).to.deep.equal([]);
    expect(secret.current.id).to.equal(7);
    expect(secret.current.bytes).to.deep.equal(new Uint8Array(32).fill(2));
    expect([1, 7, 8, 9].map((id) => secret.verifying(id)?.id)).to.deep.equal([1, 7, 8, undefined]);
  });

  it("stops verifying with a retired key after 30 days", () => {
    write(`1 ${KEY_A} retired 2026-03-01T00:00:00Z\n2 ${KEY_B}\n`);
    let nowMs = Date.parse("2026-03-01") + 30 * DAY_MS;
    const { secret } = readClusterSecret(path, () => nowMs);
    expect(secret.verifying(1)?.id).to.equal(1);
    nowMs += 1;
    expect(secret.verifying(1)).to.equal(undefined);
    expect(secret.verifying(2)?.id).to.equal(2);
  });

  it("warns when every user of the machine can read the file", () => {
    write(`1 ${KEY_A}\n`, 0o644);
    expect(readClusterSecret(path, Date.now).warnings.join()).to.contain("chmod 600");
  });

  it("reports every problem with its line, and never a key", () => {
    const lines = [
      `256 ${KEY_A}`,
      "2",
      "3 not*base64",
      `4 ${Buffer.alloc(15, 3).toString("base64")}`,
      `5 ${KEY_A} retired yesterday`,
      `6 ${KEY_A} expired 2026-01-01`,
      `7 ${KEY_A}`,
      `7 ${KEY_B}`,
    ];
    const { problems } = parseSecretKeys(lines.join("\n"));
    expect(problems).to.deep.equal([
      "line 1: the key id must be a number from 0 to 255",
      "line 2: the key is missing after its id",
      "line 3: the key is not base64 (with padding)",
      "line 4: the key has 15 bytes, at least 16 are needed",
      "line 5: `retired` needs an ISO date, such as 2026-01-31",
      "line 6: after the key only `retired <ISO date>` may follow",
      "line 8: key id 7 was given on line 7",
    ]);
    write(lines.join("\n"));
    expect(() => readClusterSecret(path, Date.now))
      .to.throw(BadSecretFile)
      .with.property("problems")
      .lengthOf(7);
  });

  it("refuses a file without a key in use, and one that is not there", () => {
    write(`1 ${KEY_A} retired 2026-03-01\n`);
    expect(() => readClusterSecret(path, Date.now)).to.throw("no key in use");
    expect(() => readClusterSecret(join(directory, "none"), Date.now)).to.throw(
      BadSecretFile,
      "cannot be read",
    );
  });
});
