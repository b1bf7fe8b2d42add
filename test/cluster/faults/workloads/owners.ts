import { type ClientSession, NOTHING_KNOWN, type Quorums } from "../client-session.ts";
import type { Violation } from "../checker.ts";
import { History } from "../history.ts";
import { HotKeys, ReadWatch, type Workload } from "./workload.ts";

/**
 * Registers of which every read and every write insists on owners (PR = R, PW = W): as R + W > N, a read must show every
 * write that was acknowledged before it began, whoever owns the key by then. W is 2 at least: with less nothing is promised.
 */
const W_MIN = 2;

export class OwnersWorkload implements Workload {
  readonly name = "owners";
  readonly history = new History();
  readonly watch = new ReadWatch(this.history, { mayBeStale: false });
  readonly #hot = new HotKeys(this.history, { prefix: "owners", keys: 12, writesMax: 40 });

  quorums({ r, w }: Quorums): Quorums {
    const strict = Math.max(w, W_MIN);
    return { r, pr: r, w: strict, pw: strict };
  }

  async step(session: ClientSession): Promise<void> {
    const luck = Math.random();
    const key = this.#hot.pick(Math.random());
    if (luck < 0.6) await this.watch.read(session, key);
    else await session.put(key, luck < 0.63 ? NOTHING_KNOWN : session.known(key));
  }

  checkFinal(): Violation[] {
    return [];
  }
}
