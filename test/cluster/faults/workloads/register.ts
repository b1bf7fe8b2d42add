import type { Violation } from "../checker.ts";
import { type ClientSession, NOTHING_KNOWN } from "../client-session.ts";
import { History } from "../history.ts";
import { HotKeys, ReadWatch, type Workload } from "./workload.ts";

/**
 * Registers: half of the writes go to keys of their own, which nothing may ever supersede; the rest share a few keys,
 * with what their author had read or written last, or without a context. Only causality is checked.
 */
export class RegisterWorkload implements Workload {
  readonly name = "register";
  readonly history = new History();
  readonly watch = new ReadWatch(this.history);
  readonly #hot = new HotKeys(this.history, { prefix: "register", keys: 6, writesMax: 60 });
  #own = 0;

  async step(session: ClientSession): Promise<void> {
    const luck = Math.random();
    if (luck < 0.35) {
      this.#own += 1;
      await session.put(`register-own-${this.#own}`, NOTHING_KNOWN);
      return;
    }
    const key = this.#hot.pick(Math.random());
    if (luck < 0.7) await this.watch.read(session, key);
    else await session.put(key, luck < 0.77 ? NOTHING_KNOWN : session.known(key));
  }

  checkFinal(): Violation[] {
    return [];
  }
}
