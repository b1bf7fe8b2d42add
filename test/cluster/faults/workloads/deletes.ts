import type { Violation } from "../checker.ts";
import { type ClientSession, NOTHING_KNOWN } from "../client-session.ts";
import { History } from "../history.ts";
import { HotKeys, ReadWatch, type Workload } from "./workload.ts";

/**
 * Keys that are deleted and made again, by clients that have just looked and by clients whose knowledge is old. What
 * was deleted by someone who saw it never comes back; what was put beside the delete stays.
 */
export class DeletesWorkload implements Workload {
  readonly name = "deletes";
  readonly history = new History();
  readonly watch = new ReadWatch(this.history);
  readonly #hot = new HotKeys(this.history, { prefix: "deletes", keys: 10, writesMax: 40 });

  async step(session: ClientSession): Promise<void> {
    const key = this.#hot.pick(Math.random());
    const old = session.known(key);
    const luck = Math.random();
    if (luck < 0.15 && old.context !== "") {
      await session.delete(key, old);
      return;
    }
    const shown = await this.watch.read(session, key);
    if (shown === undefined) return;
    if (shown.saw.length > 0 && luck < 0.65) await session.delete(key, shown);
    else await session.put(key, luck < 0.75 ? NOTHING_KNOWN : shown);
  }

  checkFinal(): Violation[] {
    return [];
  }
}
