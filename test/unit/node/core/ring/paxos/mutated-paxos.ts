import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as acceptor from "../../../../../../node/core/ring/paxos/acceptor.ts";
import type * as proposal from "../../../../../../node/core/ring/paxos/proposal.ts";
import { PAXOS, type Paxos } from "./ballot-cluster.ts";

/** A bug as an edit of the compiled core, whose text must occur exactly once: else it has to be planted anew. */
export interface Edit {
  /** Under node/core/ring, without its ending. */
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

const CORE = fileURLToPath(new URL("../../../../../../node/core/", import.meta.url));

/** The shipped code with a bug in it, loaded beside the one without. */
export async function mutatedPaxos({ file, search, replace }: Edit): Promise<Paxos> {
  const folder = mkdtempSync(join(tmpdir(), "dynamokv-paxos-"));
  try {
    writeFileSync(join(folder, "package.json"), '{"type":"module"}');
    for (const part of ["ring", "bytes", "invariant.js", "node-id.js"])
      cpSync(join(CORE, part), join(folder, part), { recursive: true });
    const path = join(folder, "ring", `${file}.js`);
    const parts = readFileSync(path, "utf8").split(search);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times, not once: ${search}`);
    writeFileSync(path, parts.join(replace));
    const load = (name: string): Promise<unknown> =>
      import(pathToFileURL(join(folder, "ring/paxos", name)).href);
    const { answerBallot, serveDecided } = (await load("acceptor.js")) as typeof acceptor;
    const { Proposal } = (await load("proposal.js")) as typeof proposal;
    return { ...PAXOS, answerBallot, serveDecided, Proposal };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
